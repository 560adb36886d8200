// SPDX-License-Identifier: MIT
// The tests' main program. Besides running tests it writes the list of them for ctest:
//   test_<layer> [TEST SPEC] --ctest FILE --layer NAME [--levels v2,v3,v4]
// Each TEST_CASE becomes one ctest test named <layer>/<case>, with its tags as labels; [simd] is
// listed again once per SIMD level, as <layer>@<level>/<case>. A test that leaves graph nodes alive fails.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdio>
#include <fstream>

// Read by the sanitizers' run-time libraries at start; unused in ordinary builds.
extern "C" const char* __asan_default_options() { return "detect_leaks=1:detect_stack_use_after_return=0"; }
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
extern "C" const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1"; }

namespace stein {
std::int64_t live_nodes() __attribute__((weak));  // autograd/node.h; null in a test program that links no autograd
}

namespace {

constexpr int skip_code = 77;  // stein::test::skip
constexpr int seconds = 300;   // for a test: enough for sanitizers on a slow machine

// A case's name as a Catch2 test spec that selects just this case.
std::string as_spec(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (std::string("\\,[]\"~").find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string bracketed(const std::string& text) { return "[====[" + text + "]====]"; }

void write_test(std::ostream& to, const std::string& program, const Catch::TestCase& test, const std::string& layer,
                const std::string& level) {
  const std::string name = bracketed(layer + (level.empty() ? "" : "@" + level) + "/" + test.name);
  std::string labels = layer;
  for (const auto& tag : test.tags) labels += ";" + tag;
  to << "add_test(" << name << " " << bracketed(program) << " " << bracketed(as_spec(test.name)) << ")\n"
     << "set_tests_properties(" << name << " PROPERTIES SKIP_RETURN_CODE " << skip_code << " TIMEOUT " << seconds
     << " LABELS " << bracketed(labels);
  if (!level.empty()) to << " ENVIRONMENT STEIN_SIMD=" << level;
  to << ")\n";
}

}  // namespace

int main(int argc, char** argv) {
  Catch::Session session;
  std::string file, layer, levels;
  using Catch::clara::Opt;
  session.cli(session.cli() | Opt(file, "file")["--ctest"]("write the list of tests for ctest") |
              Opt(layer, "name")["--layer"]("prefix of the names in that list") |
              Opt(levels, "names")["--levels"]("SIMD levels for [simd] in that list"));
  if (const int status = session.applyCommandLine(argc, argv)) return status;
  if (file.empty()) {
    const int status = session.run();
    const auto nodes = stein::live_nodes ? stein::live_nodes() : 0;
    if (nodes != 0) std::printf("FAILED: %lld graph nodes are still alive\n", static_cast<long long>(nodes));
    return status != 0 ? status : nodes != 0;
  }

  std::ofstream to(file);
  auto& config = session.config();
  for (const auto& test : Catch::filterTests(Catch::getAllTestCasesSorted(config), config.testSpec(), config)) {
    if (test.isHidden()) continue;
    write_test(to, argv[0], test, layer, "");
    if (std::find(test.lcaseTags.begin(), test.lcaseTags.end(), "simd") == test.lcaseTags.end()) continue;
    std::istringstream each(levels);
    for (std::string level; std::getline(each, level, ',');) write_test(to, argv[0], test, layer, level);
  }
  return to.flush() ? 0 : 1;
}
