// SPDX-License-Identifier: MIT
#include "tests/ops/golden.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("products, factorisations and solves agree with PyTorch", "[golden]") {
  Cases cases;
  cases["cholesky.aat"] =
      one([](const Tensors& in) { return cholesky(matmul(in[0], transpose(in[0])) + eye(4, f64)); });
  cases["solve.batched"] = one([](const Tensors& in) { return solve(in[0], in[1]); });
  cases["triangular_solve.lower"] = one([](const Tensors& in) { return triangular_solve(in[0], in[1], false); });
  cases["triangular_solve.upper"] = one([](const Tensors& in) { return triangular_solve(in[0], in[1], true); });
  cases["triangular_solve.transposed"] =
      one([](const Tensors& in) { return triangular_solve(in[0], in[1], false, true); });
  cases["qr.square"] = cases["qr.tall"] = [](const Tensors& in) {
    auto [q, r] = qr(in[0]);
    return Tensors{q, r};
  };
  cases["matmul.broadcast"] = cases["matmul.vector"] = cases["matmul.inner0"] =
      one([](const Tensors& in) { return matmul(in[0], in[1]); });
  for (const char* equation :
       {"bij,bjk->bik", "ij,kj->ik", "bi,bij,bj->b", "ii->i", "ii", "ij->ji", "i,j->ij", "abc,cd->dab"})
    cases[std::string("einsum.") + equation] = one([equation](const Tensors& in) { return einsum(equation, in); });
  check_golden("ops_linalg.safetensors", cases);
}
