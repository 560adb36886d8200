// SPDX-License-Identifier: MIT
// `stein bench roofline`: what is counted, by hand, and what is made of it.
#include "tools/bench/roofline_model.h"

#include <nlohmann/json.hpp>

#include "autograd/grad.h"
#include "nn/linear.h"
#include "nn/optim.h"
#include "ops/conv_add.h"
#include "ops/ops.h"
#include "tensor/random.h"
#include "tests/tools/program.h"

using namespace stein;
using namespace stein::test;
using namespace stein::tools::bench;

namespace {

// Sums over the calls of one op; launches -1 when it never ran.
Work sum_of(const std::vector<Work>& calls, const std::string& op) {
  Work all{op, -1, 0, 0, false};
  for (const auto& w : calls) {
    if (w.op != op) continue;
    all.launches = std::max(all.launches, 0) + w.launches;
    all.bytes += w.bytes;
    all.flops += w.flops;
    all.products = w.products;
  }
  return all;
}

void check(const Work& w, int launches, double bytes, double flops) {
  INFO(w.op);
  CHECK(w.launches == launches);
  CHECK(w.bytes == bytes);
  CHECK(w.flops == flops);
}

Tensor filled(const Shape& shape) { return channels_last(ones(shape)); }

constexpr Gpu kSlow{"", 1e9, 1e9, 1e12, ""};

}  // namespace

TEST_CASE("roofline: a convolution and its two gradients, counted by hand") {
  // 2 images of 3 channels, 8 x 6, stride 2, 5 filters of 3 x 3: results of 5 channels, 4 x 3
  const Tensor x = filled({2, 3, 8, 6}).requires_grad_(), w = ones({5, 3, 3, 3}).requires_grad_(),
               bias = ones({5}).requires_grad_(), cotangent = filled({2, 5, 4, 3});
  const auto calls = work_of([&] {
    grad({conv2d(x, w, bias, {.stride = 2, .padding = 1})}, {x, w, bias}, {.cotangents = {cotangent}});
  });
  const double flops = 2.0 * (2 * 5 * 4 * 3) * (3 * 3 * 3), images = 2 * 3 * 8 * 6, results = 2 * 5 * 4 * 3,
               filters = 5 * 27;
  check(sum_of(calls, "conv2d_bias"), 3, 4 * (images + filters + 5 + results), flops);
  check(sum_of(calls, "conv2d_input"), 2, 4 * (results + filters + images), flops);
  check(sum_of(calls, "conv2d_filter"), 1, 4 * (images + results + filters), flops);
  check(sum_of(calls, "sum"), 1, 4 * (results + 5), results);
  CHECK(sum_of(calls, "conv2d_filter").products);
  CHECK(!sum_of(calls, "sum").products);

  const Tensor grouped = ones({4, 3, 3, 3});  // 2 groups: each filter sees 3 of 6 channels
  const auto groups = work_of([&] { conv2d(filled({1, 6, 5, 5}), grouped, {}, {.groups = 2}); });
  check(sum_of(groups, "conv2d"), 2, 4.0 * (150 + 108 + 36), 2.0 * 36 * 27);
}

TEST_CASE("roofline: products of matrices, of both dtypes and in batches") {
  const auto plain = work_of([] { matmul(ones({3, 5}), ones({5, 7})); });
  check(sum_of(plain, "matmul"), 1, 4.0 * (15 + 35 + 21), 2.0 * 3 * 7 * 5);
  const auto batch = work_of([] { matmul(ones({4, 3, 5}, f64), ones({4, 5, 7}, f64)); });
  check(sum_of(batch, "matmul"), 1, 8.0 * 4 * (15 + 35 + 21), 2.0 * 4 * 3 * 7 * 5);
}

TEST_CASE("roofline: views are no launches, expanded elements are read once") {
  const Tensor a = ones({4, 6});
  const auto views = work_of([&] { transpose(reshape(a, {6, 4}))[0]; });
  CHECK(!views.empty());
  for (const auto& w : views) check(w, 0, 0, 0);
  const auto row = work_of([&] { a* expand(ones({1, 6}), {4, 6}); });
  check(sum_of(row, "mul"), 1, 4 * (24 + 6 + 24), 24);
  check(sum_of(work_of([] { ones({0, 3}) + ones({0, 3}); }), "add"), 0, 0, 0);
}

TEST_CASE("roofline: an op that only calls others is not counted beside them") {
  const auto calls = work_of([] {
    conv2d_add(filled({1, 2, 4, 4}), ones({2, 2, 3, 3}), {}, filled({1, 2, 4, 4}), {.padding = 1});
  });
  CHECK(sum_of(calls, "conv2d_add").launches == 0);
  check(sum_of(calls, "conv2d"), 2, 4.0 * (32 + 36 + 32), 2.0 * 32 * 18);
  check(sum_of(calls, "add_in_place"), 1, 4.0 * 3 * 32, 32);
}

TEST_CASE("roofline: Adam reads four arrays and writes three, all parameters in one launch") {
  Generator g(1);
  const nn::Linear layer(5, 3, true, g);
  nn::Adam adam(layer);
  const Tensors gradients{ones({3, 5}), ones({3})};
  for (int step = 0; step < 2; ++step)
    check(sum_of(work_of([&] { adam.step(gradients); }), "optimizer"), 1, 4.0 * 7 * 18, 18);
}

TEST_CASE("roofline: each call takes the longest of its three limits") {
  const std::vector<Work> calls{{"wide", 1, 2e6, 1e6, false},
                                {"deep", 1, 1e6, 4e6, true},
                                {"deep", 1, 1e3, 1e3, true},
                                {"tiny", 2, 8, 8, false},
                                {"view", 0, 0, 0, true}};
  const Roofline r = roofline_of(calls, {kSlow, false, 1e-5});
  REQUIRE(r.kernels.size() == 3);
  CHECK(r.kernels[0].op == "deep");
  CHECK(r.kernels[0].launches == 2);
  CHECK(r.kernels[0].seconds == Approx(4e-3 + 1e-5));
  CHECK(r.kernels[0].bound() == Bound::arithmetic);
  CHECK(r.kernels[1].op == "wide");
  CHECK(r.kernels[1].seconds == Approx(2e-3));
  CHECK(r.kernels[1].bound() == Bound::bandwidth);
  CHECK(r.kernels[2].seconds == Approx(2e-5));
  CHECK(r.kernels[2].bound() == Bound::launch);
  CHECK(r.total.seconds == Approx(6e-3 + 3e-5));
  CHECK(r.total.launches == 5);
  CHECK(r.total.by_bound[static_cast<int>(Bound::launch)] == Approx(3e-5));
  // Tensor cores: what was bound by arithmetic is bound by its bytes, and ops that are no products stay.
  const Roofline fast = roofline_of(calls, {kSlow, true, 1e-5});
  CHECK(fast.total.by_bound[static_cast<int>(Bound::arithmetic)] == 0);
  CHECK(roofline_of({{"long", 1, 8, 3e6, false}}, {kSlow, true, 1e-5}).total.seconds == Approx(3e-3));
  CHECK(fast.total.seconds == Approx(3e-3 + 3e-5));
}

TEST_CASE(
    "roofline: on every GPU a large sum is bound by bandwidth, a large product by arithmetic, a small op by its "
    "launch") {
  const auto bound = [](const Gpu& gpu, double elements, double flops) {
    return roofline_of({{"op", 1, 12 * elements, flops, false}}, {gpu}).total.bound();
  };
  for (const char* name : {"a100", "h100", "h200", "b200"}) {
    INFO(name);
    const Gpu& gpu = gpu_of(name);
    CHECK(bound(gpu, 1e8, 1e8) == Bound::bandwidth);
    CHECK(bound(gpu, 4096.0 * 4096, 2 * 4096.0 * 4096 * 4096) == Bound::arithmetic);
    CHECK(bound(gpu, 1000, 1000) == Bound::launch);
    CHECK(gpu.tf32_flops_per_second > gpu.flops_per_second);
  }
}

TEST_CASE("stein bench roofline prints a table, or one JSON object whose sums agree") {
  TempDir dir;
  const std::vector<std::string> tiny{"bench", "roofline", "--ngf", "2", "--size", "8", "--levels", "3"};
  const auto table = run(dir, tiny);  // batch 16
  INFO(table.err);
  CHECK(table.code == 0);
  for (const char* word :
       {"A model, not a measurement", "H100 SXM", "conv2d_filter", "optimizer", "predicted: ", "images/s", "launch"})
    CHECK(table.out.find(word) != std::string::npos);

  auto with = [&](std::vector<std::string> more) {
    auto args = tiny;
    args.insert(args.end(), {"--json"});
    args.insert(args.end(), more.begin(), more.end());
    const auto r = run(dir, args);
    INFO(r.err);
    REQUIRE(r.code == 0);
    return nlohmann::json::parse(r.out);
  };
  const auto j = with({"--gpu", "a100", "--batch", "2"});
  CHECK(j.at("is") == "a model, not a measurement");
  CHECK(j.at("bytes_per_second") == 2.039e12);
  double seconds = 0, bytes = 0, flops = 0, bounds = 0;
  for (const auto& k : j.at("kernels")) {
    seconds += k.at("seconds").get<double>();
    bytes += k.at("bytes").get<double>();
    flops += k.at("flops").get<double>();
    CHECK(k.at("launches").get<int>() > 0);
    CHECK(k.at("seconds").get<double>() >= k.at("launches").get<int>() * 1.999e-6);
  }
  const auto& total = j.at("total");
  for (const auto& b : total.at("seconds_by_bound")) bounds += b.get<double>();
  CHECK(bytes > 0);
  CHECK(flops > 0);
  CHECK(total.at("bytes").get<double>() == Approx(bytes));
  CHECK(total.at("flops").get<double>() == Approx(flops));
  CHECK(total.at("seconds").get<double>() == Approx(seconds));
  CHECK(bounds == Approx(seconds));
  CHECK(j.at("images_per_second").get<double>() == Approx(2 / seconds));
  CHECK(total.at("seconds_by_bound").at("launch").get<double>() == Approx(seconds));  // all of it is tiny

  const auto of = [](const nlohmann::json& result, const char* what) {
    return result.at("total").at(what).get<double>();
  };
  CHECK(of(with({"--batch", "4"}), "launches") == of(j, "launches"));
  const auto free = with({"--gpu", "b200", "--batch", "2", "--launch-us", "0"});
  CHECK(of(free, "seconds") < 0.1 * seconds);
  CHECK(of(free, "bytes") == bytes);
  CHECK(of(with({"--gpu", "b200", "--batch", "2", "--launch-us", "0", "--tf32"}), "seconds") <= of(free, "seconds"));
}

TEST_CASE("stein bench roofline names the GPUs that it knows") {
  TempDir dir;
  const auto r = run(dir, {"bench", "roofline", "--gpu", "h10"});
  CHECK(r.code == 1);
  for (const char* word : {"[roofline] expected", "a100", "h100", "h200", "b200"})
    CHECK(r.err.find(word) != std::string::npos);
  CHECK(run(dir, {"bench", "roofline", "--launch-us", "-1"}).code == 2);
}

TEST_CASE("stein bench peaks, train and ops compute on a device: cpu and sim") {
  TempDir dir;
  for (const char* device : {"cpu", "sim"}) {
    INFO(device);
    const std::string math = device == std::string("cpu") ? "f32" : "bf16";
    const auto peaks = run(dir, {"bench", "peaks", "--device", device, "--mb", "1", "--matrix", "16", "--batch", "1",
                                 "--channels", "4", "--size", "8", "--steps", "1"});
    CHECK(peaks.code == 0);
    for (const char* word : {"GB/s", "GFLOP/s", "1 MB", "16 x 16", "1 x 4 x 8 x 8"})
      CHECK(peaks.out.find(word) != std::string::npos);
    const auto ops = run(dir, {"bench", "ops", "--device", device, "--steps", "1", "--json"});
    CHECK(ops.code == 0);
    CHECK(ops.out.find(std::string("\"device\":\"") + device) != std::string::npos);
    const auto train = run(dir, {"bench", "train", "--device", device, "--ngf", "2", "--batch", "1", "--size", "4",
                                 "--levels", "2", "--steps", "1", "--math", math, "--replay", "--json"});
    INFO(train.err);
    CHECK(train.code == 0);
    CHECK(nlohmann::json::parse(train.out).at("device") == device);
    CHECK(nlohmann::json::parse(train.out).at("math") == math);
    CHECK(nlohmann::json::parse(train.out).at("replay") == true);
  }
  const auto unknown = run(dir, {"bench", "peaks", "--device", "gpu"});
  CHECK(unknown.code == 1);
  CHECK(unknown.err.find("[device] expected cpu, sim or cuda") != std::string::npos);
}
