// SPDX-License-Identifier: MIT
// The Jacobian of a recorded result, kept as what it is: sums of products of matrices shared by the batch and per-sample
// diagonals. Nothing of size d x d a sample is formed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace stein::smld::detail {

/// One factor of a product. A matrix (n_out, n_in) is the same for all samples; a diagonal broadcasts to (B, n), with size 1
/// along an axis on which it does not depend.
struct Factor {
  enum Kind : std::uint8_t { matrix, diagonal } kind;
  Tensor t;
};

/// scale * factors.back() ... factors[1] factors[0], an (n_out, n_in) Jacobian a sample. No two neighbours are both diagonal.
struct Chain {
  Tensor scale;  ///< (1 or B, 1); undefined: 1
  std::vector<Factor> factors;
};

/// ds/dx as a sum of chains, s and x seen as (B, numel of a sample): one walk over the recorded graph from x to s. The factors
/// are recorded when recording is on; a linear op's matrix is left alone when reading it off takes more than `memory` bytes. Nothing, and `why` says what was met, when an op is neither elementwise nor linear with a
/// matrix shared by the batch, or when more than 16 chains come together.
/// Throws Error when an op on the way does not keep the batch axis.
std::optional<std::vector<Chain>> jacobian_chains(const Tensor& s, const Tensor& x, std::int64_t memory,
                                                  std::string& why);

}  // namespace stein::smld::detail
