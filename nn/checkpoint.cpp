// SPDX-License-Identifier: MIT
#include "nn/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "nn/detail/checkpoint_json.h"
#include "tensor/detail/atomic_file.h"
#include "tensor/detail/input_file.h"

namespace fs = std::filesystem;

namespace stein::nn {
namespace {

using stein::detail::InputFile;
using stein::detail::printable;

constexpr const char *kWeights = "weights.safetensors", *kOptimizer = "optimizer.safetensors",
                     *kEma = "ema.safetensors", *kJson = "checkpoint.json", *kSums = "checksums.txt";
constexpr std::int64_t kJsonLimit = std::int64_t{16} << 20, kSumsLimit = 4096;
constexpr const char* kTemporary = ".step-";  // begins every name that is not a finished checkpoint

std::uint32_t crc(std::string_view text, std::uint32_t so_far = 0) {
  return static_cast<std::uint32_t>(
      crc32_z(so_far, reinterpret_cast<const unsigned char*>(text.data()), static_cast<z_size_t>(text.size())));
}

struct Sum {
  std::uint32_t crc = 0;
  std::int64_t bytes = 0;
  friend bool operator==(const Sum&, const Sum&) = default;
};

Sum sum_of(const std::string& path) {
  const InputFile file("checkpoint", path);
  Sum sum{0, file.size()};
  constexpr std::int64_t block = 1 << 20;
  for (std::int64_t at = 0; at < sum.bytes; at += block)
    sum.crc = crc(file.read(at, std::min(block, sum.bytes - at)), sum.crc);
  return sum;
}

// checksums.txt: a line "<crc-32> <bytes> <name>" for each file, and last "<crc-32 of the lines above> end".
std::string sums_text(const std::string& folder, const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    const Sum sum = sum_of(folder + "/" + name);
    text += fmt::format("{:08x} {} {}\n", sum.crc, sum.bytes, name);
  }
  return text + fmt::format("{:08x} end\n", crc(text));
}

std::map<std::string, Sum> read_sums(const std::string& path) {
  const InputFile file("checkpoint", path);
  if (file.size() > kSumsLimit)
    fail("checkpoint", fmt::format("at most {} bytes of checksums", kSumsLimit), std::to_string(file.size()),
         "in '" + path + "'");
  const std::string text = file.read(0, file.size());
  const auto last = text.size() < 13 ? 0 : text.size() - 13;  // the last line: eight digits, " end\n"
  if (text.size() < 13 || text.substr(last) != fmt::format("{:08x} end\n", crc(text.substr(0, last))))
    fail("checkpoint", "a list of checksums that agrees with its own", "another or none", "'" + path + "' is damaged");
  std::map<std::string, Sum> sums;
  for (std::size_t at = 0; at < last;) {
    const auto end = text.find('\n', at);
    unsigned sum = 0;
    long long bytes = 0;
    int name = 0;
    if (std::sscanf(text.substr(at, end - at).c_str(), "%8x %lld %n", &sum, &bytes, &name) != 2 || name == 0)
      fail("checkpoint", "lines of checksum, size and name", printable(text.substr(at, end - at), 60),
           "in '" + path + "'");
    sums[text.substr(at + static_cast<std::size_t>(name), end - at - static_cast<std::size_t>(name))] = {sum, bytes};
    at = end + 1;
  }
  return sums;
}

void sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced =
      folder >= 0 && (::fsync(folder) == 0 || errno == EINVAL);  // some file systems cannot sync folders
  const int error = errno;
  if (folder >= 0) ::close(folder);
  if (!synced) fail("save_checkpoint", "to sync '" + path + "'", std::strerror(error));
}

/// Puts `from` in the place of `to`, which may be there; what was there ends up under the name `from`.
void replace(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  if (errno == ENOTEMPTY || errno == EEXIST) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
    const std::string aside = from + "-old";  // a file system without the exchange: a moment without either
    if (::rename(to.c_str(), aside.c_str()) == 0 && ::rename(from.c_str(), to.c_str()) == 0 &&
        ::rename(aside.c_str(), from.c_str()) == 0)
      return;
  }
  fail("save_checkpoint", "to rename '" + from + "' to '" + to + "'", std::strerror(errno));
}

/// Step of a folder's name; -1: it is no checkpoint's.
std::int64_t step_of(const std::string& name) {
  if (!name.starts_with("step-") || name.size() < 13) return -1;
  std::int64_t step = -1;
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  return error == std::errc() && end == name.data() + name.size() && step >= 0 ? step : -1;
}

}  // namespace

void Checkpoint::capture(const Module& module, const Optimizer* from_optimizer, const Ema* from_ema) {
  const auto copied = [](NamedTensors tensors) {
    for (auto& [name, value] : tensors) value = value.clone();
    return tensors;
  };
  weights = copied(module.state_dict());
  optimizer = from_optimizer ? from_optimizer->state_dict() : NamedTensors{};
  ema = from_ema ? copied(from_ema->averages()) : NamedTensors{};
  ema_updates = from_ema ? from_ema->updates() : 0;
}

void Checkpoint::restore(Module& module, Optimizer* to_optimizer, Ema* to_ema) const {
  if (to_ema && ema.empty())
    fail("checkpoint", "averaged weights", "a checkpoint without", "it was saved without an Ema");
  module.load_state_dict(weights);
  if (to_optimizer) to_optimizer->load_state_dict(optimizer);
  if (to_ema) to_ema->restore(ema, ema_updates);
}

std::string checkpoint_path(const std::string& dir, std::int64_t step) {
  return fmt::format("{}/step-{:08}", dir, step);
}

std::vector<std::int64_t> checkpoint_steps(const std::string& dir) {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error))
    if (const auto step = step_of(it->path().filename().string()); step >= 0) steps.push_back(step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

Checkpoint load_checkpoint(const std::string& folder) {
  const auto path = [&](const std::string& name) { return folder + "/" + name; };
  const auto sums = read_sums(path(kSums));
  for (const char* needed : {kWeights, kOptimizer, kJson})
    if (!sums.count(needed)) fail("checkpoint", std::string("a file ") + needed, "none", "in '" + path(kSums) + "'");
  for (const auto& [name, sum] : sums) {
    if (name != kWeights && name != kOptimizer && name != kEma && name != kJson)
      fail("checkpoint", "only files of a checkpoint", "'" + printable(name) + "'", "in '" + path(kSums) + "'");
    const Sum found = sum_of(path(name));
    if (found != sum)
      fail("checkpoint", fmt::format("{} bytes with checksum {:08x}", sum.bytes, sum.crc),
           fmt::format("{} bytes with {:08x}", found.bytes, found.crc), "'" + path(name) + "' is damaged");
  }
  const InputFile json("checkpoint", path(kJson));
  if (json.size() > kJsonLimit)
    fail("checkpoint", fmt::format("at most {} bytes", kJsonLimit), std::to_string(json.size()),
         "in '" + path(kJson) + "'");
  Checkpoint c = detail::parse_checkpoint_json(json.read(0, json.size()), path(kJson));
  c.weights = load_safetensors(path(kWeights));
  c.optimizer = load_safetensors(path(kOptimizer));
  if (sums.count(kEma)) c.ema = load_safetensors(path(kEma));
  return c;
}

std::optional<Checkpoint> latest_checkpoint(const std::string& dir, std::string* warnings) {
  const auto steps = checkpoint_steps(dir);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    try {
      return load_checkpoint(checkpoint_path(dir, *step));
    } catch (const Error& e) {
      if (warnings) *warnings += "skipped " + checkpoint_path(dir, *step) + ": " + e.what() + "\n";
    }
  }
  return std::nullopt;
}

CheckpointDir::CheckpointDir(std::string path, int keep) : path_(std::move(path)), keep_(keep) {
  if (keep < 1) fail("checkpoint", "to keep at least 1 checkpoint", std::to_string(keep));
  std::error_code error;
  fs::create_directories(path_, error);
  if (!error && ::access(path_.c_str(), W_OK) != 0) error = std::error_code(errno, std::generic_category());
  if (error) fail("checkpoint", "a folder '" + path_ + "' to write in", error.message());
  for (fs::directory_iterator it(path_, error), end; !error && it != end; it.increment(error))
    if (std::error_code ignored; it->path().filename().string().starts_with(kTemporary))
      fs::remove_all(it->path(), ignored);
}

void CheckpointDir::save(const Checkpoint& c) {
  if (c.step < 0) fail("save_checkpoint", "a step of at least 0", std::to_string(c.step));
  c.schedule.check();
  const std::string target = checkpoint_path(path_, c.step);
  const std::string temporary = fmt::format("{}/{}{:08}.tmp-{}", path_, kTemporary, c.step, ::getpid());
  const auto remove = [](const std::string& folder) {
    std::error_code ignored;  // what stays is removed by the next CheckpointDir
    fs::remove_all(folder, ignored);
  };
  remove(temporary);
  try {
    if (std::error_code error; !fs::create_directory(temporary, error))
      fail("save_checkpoint", "to make '" + temporary + "'", error.message());
    std::vector<std::string> names{kWeights, kOptimizer, kJson};
    save_safetensors(temporary + "/" + kWeights, c.weights);
    save_safetensors(temporary + "/" + kOptimizer, c.optimizer);
    if (!c.ema.empty()) {
      save_safetensors(temporary + "/" + kEma, c.ema);
      names.push_back(kEma);
    }
    stein::detail::write_atomically("save_checkpoint", temporary + "/" + kJson, detail::write_checkpoint_json(c));
    stein::detail::write_atomically("save_checkpoint", temporary + "/" + kSums, sums_text(temporary, names));
    sync_folder(temporary);
    replace(temporary, target);
    sync_folder(path_);
  } catch (...) {
    remove(temporary);
    throw;
  }
  remove(temporary);  // where it replaced one of the same step
  auto steps = checkpoint_steps(path_);
  steps.erase(std::upper_bound(steps.begin(), steps.end(), c.step),
              steps.end());  // newer ones are another run's matter
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < steps.size(); ++i) {
    const std::string old = checkpoint_path(path_, steps[i]),
                      aside = fmt::format("{}/{}{:08}.old", path_, kTemporary, steps[i]);
    if (::rename(old.c_str(), aside.c_str()) == 0) remove(aside);
  }
}

}  // namespace stein::nn
