// SPDX-License-Identifier: MIT
// One array in a file, as numpy.save writes it.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace stein {

/// Reads versions 1, 2 and 3 of the npy format: dtypes <f4, <f8, <i8, |u1 and |b1, in C or Fortran order; the result is
/// row-major. Throws Error, naming the file, for anything else: other dtypes, objects (never unpickled), a header that is
/// malformed or longer than 64 KiB, a file longer or shorter than its shape says.
Tensor load_npy(const std::string& path);

/// Writes version 1, in C order whatever the layout of `t`, replacing `path` as a whole or not at all.
void save_npy(const std::string& path, const Tensor& t);

}  // namespace stein
