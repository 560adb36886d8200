// SPDX-License-Identifier: MIT
// Point sets in the plane that everybody knows, with their score: unlike a mixture's they lie along curves, or have sharp edges.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace stein::smld {

/// All within about 2.2 of the origin in each coordinate. The first three are curves plus N(0, 0.05^2 I):
///   "rings"         circles of radius 0.6, 1.3 and 2, each with a share like its length
///   "moons"         two half-circles of radius 1.2 that reach into each other
///   "spirals"       two arms of one and a half turns, each the other turned by half a turn, radius 0.4 to 2.1
///   "checkerboard"  uniform on the eight squares [i, i+1) x [j, j+1) of [-2, 2)^2 with i + j even
std::vector<std::string> toy_names();

/// (n, 2) draws of `dtype` (f32, f64; the same points, rounded) on the cpu. Throws Error for other names, dtypes and n < 0.
Tensor toy_points(std::string_view name, std::int64_t n, Generator& generator, DType dtype = f32);

/// The score of the law of toy_points smoothed by N(0, sigma^2 I), x (B, 2) -> (B, 2) of x's dtype: closed form for the
/// checkerboard, for curves from 600 to 700 equally likely points of them, which at sigma = 0 is off by 1 % at the ends of arcs
/// and less elsewhere. Computed in f64 on x's device (the checkerboard's by the host), not recorded. Throws Error for other
/// names and shapes, sigma < 0, and sigma = 0 with the checkerboard, which has no score.
Tensor toy_score(std::string_view name, const Tensor& x, double sigma);

}  // namespace stein::smld
