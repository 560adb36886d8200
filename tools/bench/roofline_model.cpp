// SPDX-License-Identifier: MIT
#include "tools/bench/roofline_model.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "autograd/detail/observer.h"
#include "autograd/profile.h"
#include "tensor/detail/names.h"

namespace stein::tools::bench {
namespace {

constexpr stein::detail::Named<Gpu> kGpus[] = {
    {"a100", {"A100 SXM 80 GB", 2.039e12, 19.5e12, 156e12, "NVIDIA A100 Tensor Core GPU, datasheet"}},
    {"h100", {"H100 SXM", 3.352e12, 66.9e12, 494.7e12, "NVIDIA H100 Tensor Core GPU Architecture, white paper"}},
    {"h200",
     {"H200 SXM", 4.8e12, 66.9e12, 494.7e12, "NVIDIA H200 Tensor Core GPU, datasheet; arithmetic as the H100's"}},
    {"b200", {"B200, 1000 W", 8e12, 80e12, 1100e12, "NVIDIA Blackwell Architecture, technical brief, HGX B200"}}};

// Ops that are not one launch on a device. cuDNN takes filters in another layout, a copy before, and a bias after. A normalisation
// needs the sums of a whole plane, then what follows from them for all channels, before the first element of its result.
constexpr stein::detail::Named<int> kLaunches[] = {{"conv2d", 2},
                                                   {"conv2d_input", 2},
                                                   {"conv2d_bias", 3},
                                                   {"conv2d_add", 0},  // calls conv2d, and adds
                                                   {"instance_norm_plus", 3},
                                                   {"instance_norm_plus_elu", 3},
                                                   {"instance_norm_plus_backward", 3},
                                                   {"instance_norm_plus_elu_backward", 3}};

int launches_of(std::string_view op) {
  for (const auto& row : kLaunches)
    if (row.name == op) return row.value;
  return 1;
}

// Elements in memory: those along an expanded axis are one.
double elements(const Tensor& t) {
  double n = 1;
  for (int axis = 0; axis < t.rank(); ++axis)
    if (t.numel() == 0 || t.strides()[axis] != 0) n *= static_cast<double>(t.size(axis));
  return n;
}
double bytes_of(const Tensor& t) { return elements(t) * static_cast<double>(size_of(t.dtype())); }

bool is_view(std::span<const Tensor> inputs, std::span<const Tensor> results) {
  for (const auto& out : results)
    for (const auto& in : inputs)
      if (out.defined() && in.defined() && in.impl().storage == out.impl().storage && in.handle() != out.handle())
        return true;
  return false;
}

// Of a convolution and its two adjoints alike: each element of the result y of the forward pass is a sum of |w| / O products.
double of_convolution(const Tensor& y, const Tensor& w) {
  return 2.0 * static_cast<double>(y.numel()) * static_cast<double>(w.numel()) /
         static_cast<double>(std::max<std::int64_t>(w.size(0), 1));
}

Work work(const char* name, std::span<const Tensor> inputs, std::span<const Tensor> results) {
  const std::string_view op = name;
  Work w{name, is_view(inputs, results) ? 0 : launches_of(op), 0, 0, true};
  double largest = 0, made = 0;
  for (const auto& t : results) made += t.defined() ? elements(t) : 0;
  if (made == 0) w.launches = 0;
  if (w.launches == 0) return w;
  for (const auto& list : {inputs, results})
    for (const auto& t : list) {
      if (!t.defined()) continue;
      w.bytes += bytes_of(t);
      largest = std::max(largest, elements(t));
    }
  if (op == "conv2d" || op == "conv2d_bias")
    w.flops = of_convolution(results[0], inputs[1]);
  else if (op == "conv2d_input")
    w.flops = of_convolution(inputs[0], inputs[1]);
  else if (op == "conv2d_filter")
    w.flops = of_convolution(inputs[1], results[0]);
  else if (op == "matmul")
    w.flops = 2.0 * static_cast<double>(results[0].numel()) * static_cast<double>(inputs[0].size(-1));
  else  // one an element: even twenty would be less than what its bytes take
    w.flops = largest, w.products = false;
  return w;
}

class Calls final : public stein::detail::Observer {
 public:
  explicit Calls(std::vector<Work>& all) : all_(all) { stein::detail::observer = this; }
  ~Calls() override { stein::detail::observer = nullptr; }

  void op_gave(const char* op, std::span<const Tensor> inputs, std::span<const Tensor> results) override {
    Work w = work(op, inputs, results);
    const auto same = std::find_if(open_.begin(), open_.end(), [&](const Work& o) { return o.op == w.op; });
    if (same == open_.end()) return open_.push_back(std::move(w));
    same->bytes += w.bytes;  // the optimizer: every parameter in one launch
    same->flops += w.flops;
  }
  void op_ran(const char* op, double) override {
    const auto done = std::find_if(open_.begin(), open_.end(), [&](const Work& o) { return o.op == op; });
    if (done == open_.end()) return;  // it did nothing itself
    all_.push_back(std::move(*done));
    open_.erase(done);
  }
  void walk_begins() override {}
  void cotangents_arrived(const Node&, std::span<const Tensor>) override {}
  void rules_begin() override {}
  void rules_end() override {}

 private:
  std::vector<Work>& all_;
  std::vector<Work> open_;  // ops that have said what they move and have not ended
};

void add(Share& to, const Work& w, double seconds, Bound bound) {
  to.launches += w.launches;
  to.bytes += w.bytes;
  to.flops += w.flops;
  to.seconds += seconds;
  to.by_bound[static_cast<int>(bound)] += seconds;
}

}  // namespace

const Gpu& gpu_of(const std::string& name) { return stein::detail::by_name("roofline", kGpus, name); }

std::vector<Work> work_of(const std::function<void()>& f) {
  std::vector<Work> all;
  const Profile profile;  // observers hear of ops while one counts
  const Calls calls(all);
  f();
  return all;
}

const char* name_of(Bound bound) {
  constexpr const char* kNames[kBounds] = {"bandwidth", "arithmetic", "launch"};
  return kNames[static_cast<int>(bound)];
}

Bound Share::bound() const {
  return static_cast<Bound>(std::distance(by_bound, std::max_element(by_bound, by_bound + kBounds)));
}

Roofline roofline_of(const std::vector<Work>& calls, const RooflineOptions& options) {
  std::map<std::string, Share> by_op;
  Roofline r;
  for (const auto& w : calls) {
    if (w.launches == 0) continue;
    const double peak = options.tf32 && w.products ? options.gpu.tf32_flops_per_second : options.gpu.flops_per_second;
    const double limits[kBounds] = {w.bytes / options.gpu.bytes_per_second, w.flops / peak,
                                    w.launches * options.launch_seconds};
    const auto longest = std::max_element(limits, limits + kBounds);
    const auto bound = static_cast<Bound>(std::distance(limits, longest));
    add(by_op[w.op], w, *longest, bound);
    add(r.total, w, *longest, bound);
  }
  for (auto& [op, share] : by_op) {
    share.op = op;
    r.kernels.push_back(std::move(share));
  }
  std::stable_sort(r.kernels.begin(), r.kernels.end(),
                   [](const Share& a, const Share& b) { return a.seconds > b.seconds; });
  return r;
}

}  // namespace stein::tools::bench
