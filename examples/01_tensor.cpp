// SPDX-License-Identifier: MIT
// Tensors: views that share memory, broadcasting, products, and a file that NumPy reads.
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "stein/stein.h"

int main() {
  using namespace stein;
  const Tensor x = tensor({{1, 2, 3, 4}, {5, 6, 7, 2}, {6, 9, 8, 3}});
  std::cout << "x\n" << x << "\nits second column is a view with stride " << x[":, 1"].strides() << "\n";

  Tensor copy = x.clone();
  copy["1:, 2:"].fill_(0);  // writes through a view
  std::cout << "a corner set to 0\n" << copy << "\n";

  // Standardise the columns: (3, 4) with (4) broadcasts.
  const Tensor z = (x - mean(x, 0)) / stein::std(x, 0);
  const Tensor covariance = matmul(transpose(z), z) / 2.0;
  std::cout << "columns standardised\n" << z << "\ntheir correlations\n" << covariance << "\n";

  const auto file = (std::filesystem::temp_directory_path() / "stein_example.npy").string();
  save_npy(file, z);  // numpy.load reads it
  const bool same = equal(load_npy(file), z);
  std::remove(file.c_str());
  std::cout << "read back from " << file << ": " << (same ? "the same" : "something else") << "\n";
  return same && allclose(diagonal(covariance), ones({4})) && x[1][2].item() == 7 ? 0 : 1;
}
