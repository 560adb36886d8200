// SPDX-License-Identifier: MIT
// The trace of a model's Jacobian, exact and estimated: the term that makes score matching expensive (Hyvarinen 2005).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "smld/losses.h"
#include "tensor/random.h"

namespace stein::smld {

/// How the trace is computed; the exact ones agree to rounding.
enum class TraceMethod : std::uint8_t {
  exact,  ///< planned: the cheapest exact order of the recorded graph's chains; chunked where there are none, or that takes less
  naive,       ///< one vector-Jacobian product a dimension: the loop that everyone writes
  chunked,     ///< batches of vector-Jacobian products, as many at a time as the memory bound allows
  structured,  ///< row by row through the chain: its middle layers are one product
  collapsed,   ///< shared products first, then a quadratic form: one or two hidden layers
  cyclic,      ///< shared products first, then around the ring: three and more
  hutchinson,  ///< mean of v^T J v (Hutchinson 1990)
  hutchpp,     ///< Hutch++ (Meyer et al. 2021)
  xtrace,      ///< XTrace (Epperly et al. 2023)
  fd  ///< Hutchinson by central differences, no derivative taken: v . (f(x + e v) - f(x - e v)) / (2 e); all evaluations
      ///< draw the same from default_generator()
};
/// "exact", "naive", ..., "hutch++", "xtrace", "fd". Throws Error for others.
TraceMethod trace_method(const std::string& name);

/// Laws of a probe v in R^d, all with E[v v^T] = I.
enum class ProbeLaw : std::uint8_t {
  gaussian,
  rademacher,
  sphere,     ///< uniform on the sphere of radius sqrt(d)
  orthogonal  ///< m <= d probes of one sample orthogonal to each other: sqrt(d) Q of a Gaussian matrix
};
/// "gaussian", "rademacher", "sphere", "orthogonal". Throws Error for others.
ProbeLaw probe_law(const std::string& name);

/// m probes for each sample of x (B, ...): (m, B, ...), of x's dtype.
Tensor draw_probes(ProbeLaw law, std::int64_t m, const Tensor& x, Generator& generator);

/// Of value_and_trace().
struct TraceOptions {
  TraceMethod method = TraceMethod::exact;  ///< how
  // estimators
  ProbeLaw law = ProbeLaw::rademacher;  ///< of the probes
  std::int64_t probes = 1;              ///< products with J an estimate may cost; Hutch++ at least 3, XTrace at least 2
  Generator* generator = nullptr;       ///< null: default_generator()
  double step = 0.1;  ///< length of fd's displacement of x: in f32 not much smaller, the error is O(step^2)
  // exact methods
  std::int64_t memory =
      std::int64_t{1} << 30;  ///< bytes that the results of a chunk, or a matrix while planning, may take
};

/// f(x) and tr df/dx of every sample, (B); f: x (B, ...) -> the same shape, samples kept apart. Both are recorded when recording is on
/// and x or a parameter of f requires a gradient: the trace can be differentiated. Hutch++ and XTrace take no gradient through
/// their bases, so its gradient is unbiased.
/// Throws Error when f changes the shape, mixes the samples (as far as it can be seen), when a named order does not apply to
/// f's graph, and for fewer probes than a method needs.
std::pair<Tensor, Tensor> value_and_trace(const Score& f, const Tensor& x, const TraceOptions& options = {});
/// The trace alone: (B).
Tensor trace(const Score& f, const Tensor& x, const TraceOptions& options = {});

/// What `trace` does, in words: chains and the order chosen for each, or products; multiply-adds and bytes of one evaluation.
std::string explain_trace(const Score& f, const Tensor& x, const TraceOptions& options = {});

}  // namespace stein::smld
