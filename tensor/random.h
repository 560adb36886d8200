// SPDX-License-Identifier: MIT
// Random numbers from a counter: element i of a draw is a function of the generator's seed, its position and i alone, so
// draws have the same bits for any number of threads, on every machine and device. Draws follow logical order whatever
// the memory layout.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace stein {

/// Philox 4x32-10 (Salmon et al., SC 2011): a 64-bit seed, and a position that counts blocks of four 32-bit words.
/// Copies go on from the same position. Concurrent draws from one generator are safe but take turns in no fixed order:
/// for reproducible parallel work give each task its own fork().
class Generator {
 public:
  /// Everything there is to save: set_state(state()) goes on where it was.
  struct State {
    std::uint64_t seed = 0;                                        ///< key of Philox
    std::uint64_t position = 0;                                    ///< blocks drawn so far
    friend bool operator==(const State&, const State&) = default;  ///< whether both draw the same numbers
  };

  /// Starts at position 0 of `seed`.
  explicit Generator(std::uint64_t seed = 0) : state_{seed, 0} {}

  State state() const;                 ///< seed and position
  void set_state(const State& state);  ///< goes on from there
  /// An independent generator, a function of this one's seed and of `stream` (not of the position): its seed is a hash
  /// of both. Forks may be forked again.
  Generator fork(std::uint64_t stream) const;
  /// Takes the next `blocks` blocks for a draw and returns where they begin.
  State take(std::int64_t blocks);

 private:
  Generator& acting() const;  // this one, or what stands in for it

  State state_;
};

/// The generator of the process, used where none is given.
Generator& default_generator();
/// While alive, what this thread asks of default_generator() is done by a generator that starts at `state`; the one of the
/// process stays where it is, for other threads too.
class Substitute {
 public:
  /// Replaces this thread's default generator.
  explicit Substitute(const Generator::State& state);
  ~Substitute();
  Substitute(const Substitute&) = delete;
  Substitute& operator=(const Substitute&) = delete;
  /// Whether this thread has one.
  static bool active();

 private:
  Generator generator_;
  Generator* before_;
};
/// Restarts the default generator.
void manual_seed(std::uint64_t seed);

// All draws throw Error for negative sizes and, unless said otherwise, for dtypes other than f32 and f64.

/// Uniform in [low, high): 24 random bits for f32, 53 for f64. Throws Error unless low < high, both finite.
Tensor uniform(const Shape& shape, Generator& generator, double low = 0, double high = 1, DType dtype = f32,
               const Device& device = cpu);
Tensor uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = f32);  ///< from default_generator()
/// Normal with the given mean and standard deviation (Box and Muller from 32-bit, for f64 64-bit, uniforms: |z| <= 6.8,
/// for f64 9.5).
Tensor normal(const Shape& shape, Generator& generator, double mean = 0, double deviation = 1, DType dtype = f32,
              const Device& device = cpu);
/// From default_generator().
Tensor normal(const Shape& shape, double mean = 0, double deviation = 1, DType dtype = f32);
/// Standard normal.
Tensor randn(const Shape& shape, Generator& generator, DType dtype = f32, const Device& device = cpu);
Tensor randn(const Shape& shape, DType dtype = f32);  ///< from default_generator()
/// Standard normal of the shape and dtype of `t`, channels-last where `t` is; the values are those of randn(t.shape()).
Tensor randn_like(const Tensor& t, Generator& generator = default_generator());
/// -1 or 1 with equal probability; the same signs for both dtypes.
Tensor rademacher(const Shape& shape, Generator& generator = default_generator(), DType dtype = f32,
                  const Device& device = cpu);
/// Rows (along the last axis) uniform on the unit sphere. Throws Error for rank 0.
Tensor unit_sphere(const Shape& shape, Generator& generator = default_generator(), DType dtype = f32,
                   const Device& device = cpu);
/// 0, ..., n - 1 in random order, each order equally likely (i64).
Tensor permutation(std::int64_t n, Generator& generator = default_generator());
/// Uniform in [low, high), without the bias of a remainder (i64). Throws Error unless low < high.
Tensor integers(std::int64_t low, std::int64_t high, const Shape& shape, Generator& generator = default_generator());

/// Overwrite `t`, in logical order, with what uniform() and normal() of its shape and dtype return. As in-place writes they
/// raise the version and are refused on recorded tensors.
void fill_uniform(Tensor& t, Generator& generator, double low = 0, double high = 1);
void fill_normal(Tensor& t, Generator& generator, double mean = 0, double deviation = 1);  ///< normal(t.shape())

}  // namespace stein
