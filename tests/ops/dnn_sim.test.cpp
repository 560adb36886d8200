// SPDX-License-Identifier: MIT
// Convolutions and average pooling on sim by the double of cuDNN: values, which algorithm is chosen, and planted faults.
#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "ops/detail/device_dnn.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "tensor/device_math.h"
#include "tensor/random.h"
#include "tensor/storage.h"
#include "tests/support/error_of.h"

using namespace stein;
using detail::DnnAlgorithm;
using detail::DnnConv;
using detail::DnnPool;
using kernels::ConvPart;
using kernels::ConvShape;
using stein::test::error_of;

namespace {

constexpr ConvPart kParts[] = {ConvPart::forward, ConvPart::input, ConvPart::filter};

struct Case {
  Shape x, w;
  Conv2dOptions p;
};
const Case kCases[] = {{{2, 3, 7, 5}, {4, 3, 3, 3}, {1, 1, 1, 1}},     {{2, 3, 9, 8}, {5, 3, 3, 2}, {2, 1, 1, 1}},
                       {{1, 2, 9, 11}, {3, 2, 3, 3}, {1, 2, 2, 1}},    {{2, 6, 5, 5}, {4, 3, 3, 3}, {1, 1, 1, 2}},
                       {{3, 4, 6, 6}, {4, 1, 5, 5}, {3, 2, 1, 4}},     {{2, 1, 1, 1}, {1, 1, 1, 1}, {1, 0, 1, 1}},
                       {{2, 19, 10, 10}, {33, 19, 3, 3}, {1, 1, 1, 1}}};

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator g(seed);
  return randn(shape, g);
}

// y, and the derivatives of <g, y> in x and w.
Tensors trio(const Case& k, const Device& device) {
  const Tensor x = draw(k.x, 1).to(device).requires_grad_(), w = draw(k.w, 2).to(device).requires_grad_();
  const Tensor y = conv2d(x, w, {}, k.p), g = draw(y.shape(), 3).to(device);
  const Tensors by = grad(Tensors{sum(y * g)}, Tensors{x, w});
  return {y.detach(), conv2d_input(g, w.detach(), k.x[2], k.x[3], k.p),
          conv2d_filter(x.detach(), g, k.w[2], k.w[3], k.p), by[0], by[1]};
}

void* address(const Tensor& t) { return const_cast<void*>(t.raw()); }

// A convolution that is right; what a test changes is its fault.
struct Plan {
  DnnConv call;
  DnnAlgorithm algorithm;
  Tensor x = draw({2, 4, 6, 5}, 4).to(simulated).channels_last(),
         w = draw({6, 2, 3, 3}, 5).to(simulated).channels_last(),
         y = draw({2, 6, 3, 3}, 6).to(simulated).channels_last();
  const void* in[2];
  void* out;
  Tensor room;
  void* workspace;
  std::int64_t workspace_bytes;

  explicit Plan(ConvPart part) {
    call = detail::dnn_conv_of(part, f32, {2, 4, 6, 5, 6, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 2});
    algorithm = *detail::dnn_algorithm(simulated, call);
    in[0] = part == ConvPart::input ? address(y) : address(x);
    in[1] = part == ConvPart::filter ? address(y) : address(w);
    out = part == ConvPart::forward ? address(y) : part == ConvPart::input ? address(x) : address(w);
    room = empty({algorithm.workspace}, u8, simulated);
    workspace = address(room);
    workspace_bytes = algorithm.workspace;
  }
  std::string words() const {
    return error_of(
        [&] { detail::dnn_conv(simulated, call, algorithm, in[0], in[1], out, workspace, workspace_bytes); });
  }
};

}  // namespace

TEST_CASE("convolutions in f32 on sim are done by the double of cuDNN, with the bits of the cpu's direct ones",
          "[ops][sim]") {
  const ExactConvolution direct;
  for (const auto& k : kCases) {
    INFO("x " << to_string(k.x) << ", w " << to_string(k.w));
    const Tensors here = trio(k, cpu), there = trio(k, simulated);
    for (std::size_t i = 0; i < here.size(); ++i) {
      INFO("result " << i);
      CHECK(there[i].device() == simulated);
      CHECK(equal(there[i].to(cpu), here[i]));
    }
    const Tensor x = draw(k.x, 1), w = draw(k.w, 2), b = draw({k.w[0]}, 7);
    const Tensor y = conv2d(x.to(simulated), w.to(simulated), b.to(simulated), k.p);
    CHECK(allclose(y.to(cpu), conv2d(x, w, b, k.p), 1e-6, 1e-6));
  }
}

TEST_CASE("averages in f32 on sim are done by the double of cuDNN, with the bits of the cpu's", "[ops][sim]") {
  for (const auto& p :
       {Pool2dOptions{2, 2, 0, true}, {5, 1, 2, true}, {3, 2, 1, false}, {3, 2, 1, true}, {4, 3, 2, false}}) {
    const auto both = [&](const Device& device) {
      const Tensor x = draw({2, 3, 9, 7}, 1).to(device).requires_grad_();
      const Tensor y = avg_pool2d(x, p);
      return Tensors{y.detach(), grad(sum(y * draw(y.shape(), 2).to(device)), x)};
    };
    const Tensors here = both(cpu), there = both(simulated);
    for (std::size_t i = 0; i < 2; ++i) CHECK(equal(there[i].to(cpu), here[i]));
  }
}

TEST_CASE("views at odd places go to the double of cuDNN on sim as copies", "[ops][sim]") {
  const ExactConvolution direct;
  const Tensor x = draw({3, 1, 3, 3}, 1), w = draw({3, 1, 3, 3}, 2);
  const Tensor far = x.to(simulated), filters = w.to(simulated);
  const auto part = [](const Tensor& t) { return narrow(t, 0, 1, 2); };
  CHECK(equal(conv2d(part(far), part(filters)).to(cpu), conv2d(part(x), part(w))));
  CHECK(equal(avg_pool2d(part(far), {2, 1, 0, true}).to(cpu), avg_pool2d(part(x), {2, 1, 0, true})));
}

TEST_CASE("what the double of cuDNN refuses is done by own kernels on sim", "[ops][sim]") {
  const ConvShape s{2, 4, 6, 5, 6, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 2};
  for (const auto part : kParts) {
    CHECK(detail::dnn_algorithm(simulated, detail::dnn_conv_of(part, f32, s)));
    CHECK_FALSE(detail::dnn_algorithm(simulated, detail::dnn_conv_of(part, f64, s)));
    auto none = s, large = s;
    none.c = 0;
    large.n = 1 << 30;
    CHECK_FALSE(detail::dnn_algorithm(simulated, detail::dnn_conv_of(part, f32, none)));
    CHECK_FALSE(detail::dnn_algorithm(simulated, detail::dnn_conv_of(part, f32, large)));
  }
  CHECK_FALSE(detail::dnn_pool(
      simulated, detail::dnn_pool_of(false, true, f64, {1, 1, 4, 4, 2, 2, 2, 2, 2, 2, 0, 0, 1, 1}), nullptr, nullptr));
  const Tensor x = zeros({1, 0, 4, 4}, f32, simulated), w = zeros({3, 0, 3, 3}, f32, simulated);
  CHECK(equal(conv2d(x, w).to(cpu), zeros({1, 3, 2, 2})));
}

TEST_CASE("the switches choose among the algorithms of the double of cuDNN on sim", "[ops][sim]") {
  const ConvShape s{2, 4, 6, 5, 6, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 2};
  const auto chosen = [&](ConvPart part) {
    return *detail::dnn_algorithm(simulated, detail::dnn_conv_of(part, f32, s));
  };
  constexpr int fma = 3, any = 0;  // cudnnMathType_t
  for (const auto part : kParts) {
    CHECK(chosen(part).deterministic);
    CHECK(chosen(part).number == 1);
    CHECK(chosen(part).math == fma);
    {
      const Deterministic off(false);
      CHECK(chosen(part).deterministic == (part == ConvPart::forward));
      CHECK(chosen(part).number == (part == ConvPart::forward ? 1 : 0));
      const Deterministic on;
      CHECK(chosen(part).deterministic);
    }
    CHECK(chosen(part).deterministic);
    {
      const AllowTF32 guard;
      CHECK(chosen(part).math == any);
      const AllowTF32 off(false);
      CHECK(chosen(part).math == fma);
    }
    CHECK(chosen(part).math == fma);
  }
  // Asked for once; again for another shape.
  const auto before = detail::sim::dnn_questions();
  for (const auto part : kParts) chosen(part);
  CHECK(detail::sim::dnn_questions() == before);
  auto wider = s;
  wider.n = 77;
  for (int i = 0; i < 3; ++i) detail::dnn_algorithm(simulated, detail::dnn_conv_of(ConvPart::input, f32, wider));
  CHECK(detail::sim::dnn_questions() == before + 1);
}

TEST_CASE("the choice among algorithms is the first that is allowed", "[ops]") {
  const std::vector<DnnAlgorithm> all = {{0, 3, true, true, (std::int64_t{1} << 30) + 1},
                                         {1, 3, false, false, 0},
                                         {2, 3, false, true, 0},
                                         {3, 3, true, false, 0},
                                         {4, 3, true, true, std::int64_t{1} << 30}};
  CHECK(detail::dnn_choice(all, false, false, std::int64_t{1} << 30)->number == 1);
  CHECK(detail::dnn_choice(all, false, true, std::int64_t{1} << 30)->number == 2);
  CHECK(detail::dnn_choice(all, true, false, std::int64_t{1} << 30)->number == 3);
  CHECK(detail::dnn_choice(all, true, true, std::int64_t{1} << 30)->number == 4);
  CHECK(detail::dnn_choice(all, false, false, 100)->number == 1);
  CHECK_FALSE(detail::dnn_choice({all[0]}, false, false, std::int64_t{1} << 30));
}

TEST_CASE("a convolution on sim whose workspace does not fit is done without one, by the double or by an own kernel",
          "[ops][sim]") {
  struct Unlimited {
    ~Unlimited() { set_memory_limit(INT64_MAX, simulated); }
  } restore;
  const Conv2dOptions p{1, 1, 1, 1};
  const Tensor x = draw({1, 4096, 3, 3}, 1), w = draw({1, 4096, 3, 3}, 2), g = draw({1, 1, 3, 3}, 3);
  const auto there = [](const Tensor& t) { return t.to(simulated).channels_last(); };
  const Tensor tx = there(x), tw = there(w), tg = there(g);
  const ExactConvolution direct;
  const auto limit = [](std::int64_t room) { set_memory_limit(memory_stats(simulated).live_bytes + room, simulated); };
  limit(100'000);  // the workspace: 4 * 4096 * 9 bytes
  CHECK(equal(conv2d(tx, tw, {}, p).to(cpu), conv2d(x, w, {}, p)));
  const auto questions = detail::sim::dnn_questions();
  CHECK(equal(conv2d(tx, tw, {}, p).to(cpu), conv2d(x, w, {}, p)));
  CHECK(detail::sim::dnn_questions() == questions);  // the choice is kept
  // The filter's derivative has no other deterministic way in the library; room for the result, not for 8 * 4096 * 9 bytes.
  limit(250'000);
  CHECK(allclose(conv2d_filter(tx, tg, 3, 3, p).to(cpu), conv2d_filter(x, g, 3, 3, p), 1e-5, 1e-5));
}

TEST_CASE("planted faults in convolutions on sim are found: sizes, strides, algorithms, addresses, workspaces",
          "[ops][sim]") {
  using Catch::Contains;
  for (const auto part : kParts) {
    CHECK(Plan(part).words() == "no error");
    const auto fault = [&](const char* status, const auto& plant) {
      Plan plan(part);
      plant(plan);
      CHECK_THAT(plan.words(), Contains(status));
    };
    constexpr const char *bad = "CUDNN_STATUS_BAD_PARAM", *unsupported = "CUDNN_STATUS_NOT_SUPPORTED";
    // Sizes that the output formula does not give, channels that groups do not divide, and zeros.
    fault(bad, [](Plan& p) { p.call.y.h = 4, p.call.y.stride_n = 4 * 3 * 6; });
    fault(bad, [](Plan& p) { p.call.pad_w = 2; });
    fault(bad, [](Plan& p) { p.call.dilation_h = 2; });
    fault(bad, [](Plan& p) { p.call.groups = 1; });
    fault(bad, [](Plan& p) { p.call.w.c = 4; });
    fault(bad, [](Plan& p) { p.call.w.k = 5; });
    fault(bad, [](Plan& p) { p.call.y.n = 1; });
    fault(bad, [](Plan& p) { p.call.stride_h = 0; });
    fault(bad, [](Plan& p) { p.call.pad_h = -1; });
    fault(bad, [](Plan& p) { p.call.groups = 0; });
    fault(bad, [](Plan& p) { p.call.w.h = 0; });
    // Layouts.
    fault(unsupported, [](Plan& p) { p.call.x.stride_w = 5; });
    fault(unsupported, [](Plan& p) { p.call.x.stride_c = 30, p.call.x.stride_w = 1, p.call.x.stride_h = 5; });
    fault(unsupported, [](Plan& p) { p.call.y.stride_h += 6; });
    fault(unsupported, [](Plan& p) { p.call.dtype = f64; });
    // Algorithms.
    fault(unsupported, [](Plan& p) { p.algorithm.number = 5; });
    fault(unsupported, [](Plan& p) { p.algorithm.math = 0; });
    // The workspace.
    fault("CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT", [](Plan& p) { --p.workspace_bytes; });
    fault("CUDNN_STATUS_BAD_PARAM_NULL_POINTER", [](Plan& p) { p.workspace = nullptr; });
    fault("bytes inside one block", [](Plan& p) {
      p.room = empty({p.workspace_bytes - 16}, u8, simulated);
      p.workspace = address(p.room);
    });
    fault("memory that was freed", [](Plan& p) { p.room = Tensor(); });
    fault("apart from each other", [](Plan& p) { p.workspace = p.out; });
    // Operands and result.
    fault("apart from each other", [](Plan& p) { p.in[0] = p.out; });
    fault("CUDNN_STATUS_BAD_PARAM_NULL_POINTER", [](Plan& p) { p.out = nullptr; });
    fault("CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER",
          [](Plan& p) { p.in[0] = static_cast<const char*>(p.in[0]) + 4; });
    fault("bytes inside one block", [](Plan& p) { p.out = static_cast<char*>(p.out) + 64; });
    fault("one of the host's", [](Plan& p) {
      alignas(16) static float host[1024];
      p.in[1] = host;
    });
    fault("memory that was freed", [](Plan& p) { p.x = p.y = Tensor(); });
    fault("nobody has written", [](Plan& p) {
      static Tensor fresh;
      fresh = empty({2, 4, 6, 5}, f32, simulated);
      p.in[0] = address(fresh);
    });
  }
  // The error has the op's name, the shapes and the status.
  Plan plan(ConvPart::filter);
  plan.call.stride_w = 0;
  CHECK_THAT(plan.words(), Contains("[conv2d_filter]") && Contains("x (2, 4, 6, 5)") &&
                               Contains("weight (6, 2, 3, 3)") && Contains("stride 2 x 0") &&
                               Contains("CUDNN_STATUS_BAD_PARAM"));
}

TEST_CASE("planted faults in pooling on sim are found", "[ops][sim]") {
  using Catch::Contains;
  const Tensor x = draw({1, 2, 4, 4}, 1).to(simulated).channels_last();
  const Tensor y = zeros({1, 2, 2, 2}, f32, simulated).channels_last();
  for (const bool adjoint : {false, true}) {
    const auto fault = [&](const char* expected, const auto& plant) {
      DnnPool call = detail::dnn_pool_of(adjoint, true, f32, {1, 2, 4, 4, 2, 2, 2, 2, 2, 2, 0, 0, 1, 1});
      const void* in = address(adjoint ? y : x);
      void* out = address(adjoint ? x : y);
      plant(call, in, out);
      CHECK_THAT(error_of([&] { detail::dnn_pool(simulated, call, in, out); }), Contains(expected));
    };
    constexpr const char* bad = "CUDNN_STATUS_BAD_PARAM";
    fault("", [](DnnPool&, auto&, auto&) {});
    fault(bad, [](DnnPool& p, auto&, auto&) { p.window_h = 3; });
    fault(bad, [](DnnPool& p, auto&, auto&) { p.window_w = 9; });
    fault(bad, [](DnnPool& p, auto&, auto&) { p.pad_w = 2; });
    fault(bad, [](DnnPool& p, auto&, auto&) { p.stride_h = 0; });
    fault(bad, [](DnnPool& p, auto&, auto&) { p.y.c = 1, p.y.stride_w = 1, p.y.stride_h = 2, p.y.stride_n = 4; });
    fault("CUDNN_STATUS_NOT_SUPPORTED", [](DnnPool& p, auto&, auto&) { p.x.stride_h = 4; });
    fault("CUDNN_STATUS_BAD_PARAM_NULL_POINTER", [](DnnPool&, auto& in, auto&) { in = nullptr; });
    fault("apart from each other", [](DnnPool&, auto& in, auto& out) { in = out; });
    fault("bytes inside one block", [](DnnPool&, auto&, auto& out) { out = static_cast<char*>(out) + 16; });
  }
  DnnPool call = detail::dnn_pool_of(false, true, f32, {1, 2, 4, 4, 2, 2, 2, 2, 2, 2, 0, 0, 1, 1});
  CHECK(detail::dnn_pool(simulated, call, address(x), address(y)));
  call.stride_w = 0;
  CHECK_THAT(error_of([&] { detail::dnn_pool(simulated, call, address(x), address(y)); }),
             Contains("[avg_pool2d]") && Contains("stride 2 x 0"));
}
