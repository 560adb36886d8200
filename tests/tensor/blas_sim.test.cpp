// SPDX-License-Identifier: MIT
// The double of cuBLAS on sim: a product that is right, and planted faults.
#include <catch2/catch.hpp>

#include "tensor/detail/device_blas.h"
#include "tensor/tensor.h"
#include "tests/support/error_of.h"

using namespace stein;
using stein::test::error_of;

namespace {

void* address(const Tensor& t) { return const_cast<void*>(t.raw()); }

// Column-major C (2 x 3) = A (2 x 4) B (4 x 3), two of each.
struct Product {
  Tensor a, b, c;
  detail::GemmBatch g;

  explicit Product(DType dtype)
      : a(detail::copy_to(arange(0, 16, 1, dtype), simulated)),
        b(detail::copy_to(arange(0, 24, 1, dtype), simulated)),
        c(zeros({12}, dtype, simulated)),
        g{dtype, false, false, 2, 3, 4, address(a), 2, 8, address(b), 4, 12, address(c), 2, 6, 2} {}
  std::string words() const {
    return error_of([&] { detail::device_gemm(simulated, g); });
  }
};

}  // namespace

TEST_CASE("planted faults in products on sim are found: leading dimensions, strides, addresses", "[sim]") {
  using Catch::Contains;
  for (const auto dtype : {f32, f64}) {
    const Product right(dtype);
    CHECK(right.words() == "no error");
    const Tensor c = detail::copy_to(right.c, cpu);
    CHECK(equal(c, tensor({28, 34, 76, 98, 124, 162, 604, 658, 780, 850, 956, 1042}, dtype)));

    const auto fault = [&](const char* expected, const auto& plant) {
      Product p(dtype);
      plant(p);
      CHECK_THAT(p.words(), Contains(expected));
    };
    constexpr const char* invalid = "CUBLAS_STATUS_INVALID_VALUE";
    fault(invalid, [](Product& p) { p.g.lda = 1; });
    fault(invalid, [](Product& p) { p.g.transpose_a = true; });  // A is 4 x 2 then, and lda 2 too small
    fault(invalid, [](Product& p) { p.g.ldb = 3; });
    fault(invalid, [](Product& p) { p.g.transpose_b = true, p.g.ldb = 2; });
    fault(invalid, [](Product& p) { p.g.ldc = 1; });
    fault(invalid, [](Product& p) { p.g.stride_c = 5; });
    fault(invalid, [](Product& p) { p.g.m = -1; });
    fault(invalid, [](Product& p) { p.g.batch = -1; });
    fault("inside", [](Product& p) { p.g.lda = 4; });
    fault("inside", [](Product& p) { p.g.stride_b = 13; });
    fault("inside", [](Product& p) { p.g.ldc = 3, p.g.stride_c = 8; });
    fault("inside", [](Product& p) { p.g.batch = 3, p.g.stride_a = p.g.stride_b = 0; });
    fault("memory that was freed", [](Product& p) { p.a = Tensor(); });
    fault("nobody has written", [](Product& p) {
      p.b = empty({24}, p.b.dtype(), simulated);
      p.g.b = address(p.b);
    });
    fault("one of the host's", [](Product& p) {
      static double host[24];
      p.g.b = host;
    });
  }
}
