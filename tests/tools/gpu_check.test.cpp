// SPDX-License-Identifier: MIT
// tools/gpu_check, with a GPU and programs that only pretend: what it says and how it ends.
#include "tests/support/skip.h"
#include "tests/tools/program.h"

using namespace stein::test;

namespace {

void script(const std::string& path, const std::string& body) {
  write_file(path, "#!/bin/sh\n" + body + "\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

Finished shell(const TempDir& dir, const std::string& command) {
  const int status = std::system((command + " >" + (dir / "out") + " 2>" + (dir / "err")).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(dir / "out"), read_file(dir / "err")};
}

const std::string program = " '" STEIN_SOURCE_DIR "/tools/gpu_check' ";

}  // namespace

TEST_CASE("tools/gpu_check says what is missing and ends with 77") {
  if (std::system("command -v python3 >/dev/null 2>&1") != 0) skip("no python3 here");
  TempDir dir;
  script(dir / "nvidia-smi", "echo 'No devices were found'; exit 6");
  const auto r = shell(dir, "PATH='" + dir.path().string() + "':$PATH python3" + program);
  CHECK(r.code == 77);
  CHECK(r.out.find("SKIPPED: gpu_check needs ") == 0);
  CHECK(r.out.find("a GPU that nvidia-smi lists") != std::string::npos);
}

TEST_CASE("tools/gpu_check reports tests, shares of the peaks and training beside PyTorch") {
  if (std::system("command -v python3 >/dev/null 2>&1") != 0) skip("no python3 here");
  TempDir dir;
  std::filesystem::create_directories(dir / "build/tests");
  script(dir / "nvidia-smi", "echo 'NVIDIA H100 80GB HBM3, 580.1, 81559 MiB'");
  script(dir / "nvcc", "echo 'Cuda compilation tools, release 13.0, V13.0.1'");
  script(dir / "cmake", "echo \"$*\" >>'" + (dir / "cmake.log") + "'");
  script(dir / "build/tests/test_gpu", "echo 'All tests passed (7 assertions in 3 test cases)'");
  script(dir / "build/stein",
         "case \"$*\" in\n"
         "*peaks*) for k in add:B matmul:FLOP conv2d:FLOP; do\n"
         "  echo '{\"kernel\": \"'${k%:*}'\", \"unit\": \"'${k#*:}'\", \"seconds_median\": 1e-4, \"per_second\": "
         "1.676e12}'; done;;\n"
         "*bf16*) echo '{\"seconds_median\": 0.0055}';;\n"
         "*replay*) echo '{\"seconds_median\": 0.009}';;\n"
         "*train*) echo '{\"seconds_median\": 0.0125}';;\n"
         "*) exec '" STEIN_PROGRAM "' \"$@\";; esac");
  script(dir / "python",
         "case \"$*\" in -c*) echo 2.15;; *compile*) exit 1;;\n"
         "*'tf32 1'*) echo '{\"seconds_median\": 0.006}';; *channels_last*) echo '{\"seconds_median\": 0.02}';;\n"
         "*) echo '{\"seconds_median\": 0.03}';; esac");
  const std::string command = "PATH='" + dir.path().string() + "':$PATH python3" + program + "--build '" +
                              (dir / "build") + "' --python '" + (dir / "python") + "' --shape 2,2,8,1 --steps 1";
  const auto r = shell(dir, command);
  INFO(r.out << r.err);
  CHECK(r.code == 0);
  CHECK(r.out.find("NVIDIA H100 80GB HBM3\n\n81559 MiB, driver 580.1, CUDA 13.0") != std::string::npos);
  CHECK(r.out.find("All tests passed") != std::string::npos);
  CHECK(r.out.find("| add | 100.0 us | 1676 GB/s | 50% |") != std::string::npos);             // of 3.352 TB/s
  CHECK(r.out.find("| matmul | 100.0 us | 1676 GFLOP/s | 3% (f32) |") != std::string::npos);  // of 66.9 TFLOP/s
  CHECK(r.out.find("| 2,2,8,1 | 12.50 ms | 9.00 ms | 9.00 ms | 5.50 ms | ") != std::string::npos);
  CHECK(r.out.find(" ms | 20.00 ms, channels_last | 6.00 ms, eager |") != std::string::npos);
  const std::string configured = read_file(dir / "cmake.log");
  CHECK(configured.find("-DSTEIN_CUDA=ON") != std::string::npos);
  CHECK(configured.find("-DCMAKE_CUDA_ARCHITECTURES=native") != std::string::npos);

  script(dir / "build/tests/test_gpu", "echo '2 test cases failed'; exit 1");
  CHECK(shell(dir, command).code == 1);
  script(dir / "cmake", "echo 'no rule to make it'; exit 1");
  const auto broken = shell(dir, command);
  CHECK(broken.code == 1);
  CHECK(broken.err.find("the build failed") != std::string::npos);
  CHECK(broken.err.find("no rule to make it") != std::string::npos);
}
