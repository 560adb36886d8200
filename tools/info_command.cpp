// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tensor/blas.h"
#include "tensor/detail/build_info.h"
#include "tensor/device.h"
#include "tensor/simd.h"
#include "tensor/thread_pool.h"
#include "tools/commands.h"

namespace stein::tools {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

int info(bool json) {
  std::vector<std::string> names{"cpu", "sim"};
  const int gpus = device_count(Device::Kind::cuda);
  for (int k = 0; k < gpus; ++k) names.push_back(fmt::format("cuda:{}", k));
  const char* cuda = !stein::detail::build_info().cuda ? "not built" : gpus ? "built" : "built, no GPU found";
  nlohmann::ordered_json j{
      {"cpu", cpu_name()},   {"simd", name_of(simd_level())}, {"simd_best", name_of(best_simd_level())},
      {"blas", blas_info()}, {"threads", num_threads()},      {"devices", names},
      {"cuda", cuda}};
  if (json) {
    fmt::print("{}\n", j.dump());
    return 0;
  }
  fmt::print(
      "CPU      {}\nSIMD     {} (best of this CPU: {}; STEIN_SIMD forces one)\nBLAS     {}\nthreads  {} (STEIN_THREADS "
      "sets it)\ndevices  {} (CUDA: {})\n",
      cpu_name(), name_of(simd_level()), name_of(best_simd_level()), blas_info(), num_threads(), fmt::join(names, ", "),
      cuda);
  return 0;
}

}  // namespace stein::tools
