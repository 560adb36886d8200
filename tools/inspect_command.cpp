// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "nn/checkpoint.h"
#include "tensor/npy.h"
#include "tensor/print.h"
#include "tensor/safetensors.h"
#include "tools/commands.h"

namespace stein::tools {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

bool ends_with(const std::string& s, const char* end) { return fs::path(s).extension() == end; }
std::vector<std::int64_t> list(const Shape& s) { return {s.begin(), s.end()}; }

Json safetensors_json(const std::string& path) {
  const SafetensorsFile file(path);
  Json j{{"file", path}, {"format", "safetensors"}, {"metadata", file.metadata()}, {"tensors", Json::array()}};
  std::int64_t elements = 0;
  for (const auto& e : file.entries()) {
    j["tensors"].push_back(
        {{"name", e.name}, {"dtype", name_of(e.dtype)}, {"shape", list(e.shape)}, {"bytes", e.bytes}});
    elements += numel(e.shape);
  }
  j["elements"] = elements;
  return j;
}

Json inspect_file(const std::string& path) {
  if (ends_with(path, ".safetensors")) return safetensors_json(path);
  if (ends_with(path, ".npy")) {
    const Tensor t = load_npy(path);
    return {{"file", path}, {"format", "npy"}, {"dtype", name_of(t.dtype())}, {"shape", list(t.shape())}};
  }
  if (ends_with(path, ".json")) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    const auto content = Json::parse(text.str(), nullptr, false);
    if (content.is_discarded()) fail("inspect", "valid JSON", path);
    return {{"file", path}, {"format", "json"}, {"content", content}};
  }
  fail("inspect", "a .safetensors, .npy or .json file, or a folder of them", path);
}

// The file itself; of a folder its .json and .safetensors files; of a run folder those of its newest checkpoint, too.
std::vector<std::string> files_of(const std::string& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<std::string> files;
  const auto gather = [&](const std::string& folder) {
    for (const auto& e : fs::directory_iterator(folder))
      if (e.is_regular_file() && e.path().filename() != "trace.json" &&  // a profile: millions of characters
          (e.path().extension() == ".safetensors" || e.path().extension() == ".json"))
        files.push_back(e.path().string());
  };
  gather(path);
  const std::string checkpoints = fs::is_directory(path + "/checkpoints") ? path + "/checkpoints" : path;
  if (const auto steps = nn::checkpoint_steps(checkpoints); !steps.empty())
    gather(nn::checkpoint_path(checkpoints, steps.back()));
  std::sort(files.begin(), files.end());
  if (files.empty()) fail("inspect", "a folder with .safetensors or .json files, or a run folder", path);
  return files;
}

void print(const Json& j) {
  fmt::print("{}\n", j["file"].get<std::string>());
  if (j["format"] == "npy") fmt::print("  {} {}\n", j["dtype"].get<std::string>(), j["shape"].dump());
  if (j["format"] == "json")
    for (const auto& [key, value] : j["content"].items()) fmt::print("  {:<24} {}\n", key, value.dump());
  if (j["format"] != "safetensors") return;
  for (const auto& [key, value] : j["metadata"].items()) fmt::print("  {} = {}\n", key, value.get<std::string>());
  for (const auto& t : j["tensors"])
    fmt::print("  {:<48} {:<5} {}\n", t["name"].get<std::string>(), t["dtype"].get<std::string>(), t["shape"].dump());
  fmt::print("  {} tensors, {} elements\n", j["tensors"].size(), j["elements"].get<std::int64_t>());
}

}  // namespace

int inspect(const std::string& path, bool json) {
  if (!fs::exists(path)) fail("inspect", "an existing file or folder", path);
  const auto files = files_of(path);
  auto all = Json::array();
  for (const auto& f : files) {
    const Json j = inspect_file(f);
    if (json)
      all.push_back(j);
    else
      print(j);
  }
  if (json) fmt::print("{}\n", Json{{"files", all}}.dump());
  return 0;
}

}  // namespace stein::tools
