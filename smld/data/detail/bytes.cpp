// SPDX-License-Identifier: MIT
#include "smld/data/detail/bytes.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tensor/error.h"

namespace stein::smld::detail {

std::vector<std::uint8_t> read_file(std::string_view op, const std::string& path, std::uint64_t limit) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) fail(op, "a file that exists", fmt::format("'{}'", path));
  if (!std::filesystem::is_regular_file(status))
    fail(op, "a regular file", fmt::format("'{}', which is not one", path));
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) fail(op, "a readable file", fmt::format("'{}': {}", path, error.message()));
  if (size > limit)
    fail(op, fmt::format("a file of at most {} bytes", limit), fmt::format("{} bytes in '{}'", size, path));
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(op, "a readable file", fmt::format("'{}', which cannot be opened", path), "check its permissions");
  std::vector<std::uint8_t> bytes(size);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(in.gcount()) != size)
    fail(op, fmt::format("{} bytes", size), fmt::format("{} bytes read from '{}'", in.gcount(), path));
  return bytes;
}

std::string hex(const std::uint8_t* bytes, std::size_t count) {
  if (!count) return "an empty file";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{}{:02x}", i ? " " : "", bytes[i]);
  return text;
}

struct ByteReader::Inflater {
  z_stream stream{};
  bool ended = false;
  ~Inflater() { inflateEnd(&stream); }
};

ByteReader::ByteReader(std::string_view op, const std::string& path)
    : op_(op), path_(path), file_(read_file(op, path)) {
  if (file_.size() < 2 || file_[0] != 0x1f || file_[1] != 0x8b) return;
  inflater_ = std::make_unique<Inflater>();
  if (inflateInit2(&inflater_->stream, 15 + 16) != Z_OK)
    fail(op_, "zlib to start", "an error", "is there memory left?");
  inflater_->stream.next_in = file_.data();
}

ByteReader::~ByteReader() = default;

std::uint64_t ByteReader::bound() const { return inflater_ ? 1032 * std::uint64_t{file_.size()} : file_.size(); }

std::size_t ByteReader::read_some(std::uint8_t* to, std::size_t count) {
  if (!inflater_) {
    const std::size_t n = std::min(count, file_.size() - at_);
    if (n) std::memcpy(to, file_.data() + at_, n);
    at_ += n;
    return n;
  }
  auto& z = inflater_->stream;
  constexpr std::size_t kPiece = std::size_t{1} << 30;  // zlib counts in 32 bits
  std::size_t done = 0;
  while (done < count && !inflater_->ended) {
    const std::size_t piece = std::min(count - done, kPiece);
    const std::size_t left = file_.size() - static_cast<std::size_t>(z.next_in - file_.data());
    const std::size_t given = std::min(left, kPiece);
    z.avail_in = static_cast<uInt>(given);
    z.next_out = to + done;
    z.avail_out = static_cast<uInt>(piece);
    const int code = inflate(&z, Z_NO_FLUSH);
    const std::size_t got = piece - z.avail_out;
    done += got;
    if (code == Z_STREAM_END) {
      inflater_->ended = true;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      fail(op_, "intact gzip data", fmt::format("'{}' in '{}'", z.msg ? z.msg : "an error", path_),
           "the file is damaged");
    } else if (got == 0 && given - z.avail_in == 0) {
      break;  // the file ends in the middle of the stream
    }
  }
  return done;
}

void ByteReader::read(std::uint8_t* to, std::size_t count, std::string_view what) {
  const std::size_t n = read_some(to, count);
  produced_ += n;
  if (n < count)
    fail(op_, fmt::format("{} bytes of {}", count, what), fmt::format("{} before the end of '{}'", n, path_),
         "the file is truncated");
}

void ByteReader::finish() {
  std::uint8_t extra = 0;
  if (read_some(&extra, 1))
    fail(op_, fmt::format("{} bytes as its header says", produced_), fmt::format("more in '{}'", path_),
         "the file is damaged or of another format");
  if (!inflater_) return;
  if (!inflater_->ended) fail(op_, "the end of the gzip data", fmt::format("a truncated file '{}'", path_));
  const auto used = static_cast<std::size_t>(inflater_->stream.next_in - file_.data());
  if (used != file_.size())
    fail(op_, "nothing after the gzip data", fmt::format("{} bytes more in '{}'", file_.size() - used, path_));
}

}  // namespace stein::smld::detail
