// SPDX-License-Identifier: MIT
#include "tensor/safetensors.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <tuple>

#include "tensor/detail/atomic_file.h"
#include "tensor/detail/safetensors_header.h"

static_assert(std::endian::native == std::endian::little, "safetensors files are read and written in place");

namespace stein {
namespace {

using detail::bad_safetensors;

constexpr const char* kChecksumKey = "stein.crc32";

std::string hex(unsigned long crc) {
  char text[9];
  std::snprintf(text, sizeof text, "%08lx", crc & 0xffffffffUL);
  return text;
}

unsigned long checksum_of(unsigned long crc, const Tensor& rows) {
  return ::crc32_z(crc, static_cast<const unsigned char*>(rows.raw()),
                   static_cast<std::size_t>(rows.numel()) * size_of(rows.dtype()));
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path, const SafetensorsLimits& limits)
    : file_("safetensors", path) {
  if (file_.size() < 8) bad_safetensors("at least 8 bytes", std::to_string(file_.size()), path);
  std::uint64_t length = 0;
  file_.read(0, &length, 8);
  if (length > static_cast<std::uint64_t>(limits.header_bytes))
    bad_safetensors("a header of at most " + std::to_string(limits.header_bytes) + " bytes", std::to_string(length),
                    path);
  const auto header_bytes = static_cast<std::int64_t>(length), rest = file_.size() - 8 - header_bytes;
  if (rest < 0)
    bad_safetensors("a header of " + std::to_string(length) + " bytes",
                    std::to_string(file_.size() - 8) + " bytes to the end of the file", path);
  const auto text = file_.read(8, header_bytes);
  if (!text.starts_with('{'))
    bad_safetensors("a header that starts with '{'", text.empty() ? "an empty one" : "another character", path);
  auto header = detail::parse_safetensors_header(text, path, limits.entries);
  metadata_ = std::move(header.metadata);

  std::sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::int64_t expected = 0;
  for (auto& e : header.entries) {
    std::int64_t bytes = 0;
    if (!detail::checked_bytes(e.shape, e.dtype, bytes))
      bad_safetensors("a shape of fewer than 2^63 bytes", std::string(name_of(e.dtype)) + " " + to_string(e.shape),
                      path, e.name);
    const auto span = std::to_string(e.begin) + " to " + std::to_string(e.end);
    if (e.end < e.begin || e.end > rest)
      bad_safetensors("data_offsets in order and within the " + std::to_string(rest) + " bytes after the header", span,
                      path, e.name);
    if (e.end - e.begin != bytes)
      bad_safetensors(std::to_string(bytes) + " bytes for " + std::string(name_of(e.dtype)) + " " + to_string(e.shape),
                      "data_offsets " + span, path, e.name);
    if (e.begin != expected)
      bad_safetensors("data_offsets that start at " + std::to_string(expected),
                      std::string(e.begin < expected ? "an overlap" : "a gap") + ": " + span, path, e.name);
    expected = e.end;
    position_[e.name] = entries_.size();
    entries_.push_back({std::move(e.name), e.dtype, e.shape, 8 + header_bytes + e.begin, bytes});
  }
  if (expected != rest)
    bad_safetensors(std::to_string(expected) + " bytes after the header", std::to_string(rest), path);
}

const SafetensorsFile::Entry* SafetensorsFile::find(const std::string& name) const {
  const auto it = position_.find(name);
  return it == position_.end() ? nullptr : &entries_[it->second];
}

const SafetensorsFile::Entry& SafetensorsFile::entry(const std::string& name) const {
  const auto* e = find(name);
  if (!e)
    bad_safetensors("one of the file's " + std::to_string(entries_.size()) + " tensors", "no such name", file_.path(),
                    name);
  return *e;
}

Tensor SafetensorsFile::read(const std::string& name) const { return read(entry(name)); }

Tensor SafetensorsFile::read(const Entry& e) const {
  Tensor t = empty(e.shape, e.dtype);
  file_.read(e.offset, const_cast<void*>(t.raw()), e.bytes);
  if (e.dtype == boolean)
    if (const auto i = detail::first_bad_bool(t.raw(), e.bytes); i >= 0)
      bad_safetensors("0 or 1 in every byte of a BOOL tensor", "another value at element " + std::to_string(i),
                      file_.path(), e.name);
  return t;
}

NamedTensors SafetensorsFile::read_all() const {
  NamedTensors r;
  const auto stored = metadata_.find(kChecksumKey);
  unsigned long crc = ::crc32_z(0, nullptr, 0);
  for (const auto& e : entries_) {  // in file order, so the checksum of the pieces is that of the whole
    const auto& t = r[e.name] = read(e);
    if (stored != metadata_.end()) crc = checksum_of(crc, t);
  }
  if (stored != metadata_.end() && stored->second != hex(crc))
    bad_safetensors("elements with the checksum " + stored->second + " (" + kChecksumKey + ")", hex(crc), file_.path());
  return r;
}

NamedTensors load_safetensors(const std::string& path, Metadata* metadata) {
  const SafetensorsFile file(path);
  auto r = file.read_all();
  if (metadata) *metadata = file.metadata();
  return r;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata, bool checksum) {
  // Large elements first, so that every tensor is aligned to its element size in the file.
  std::vector<std::pair<std::string, Tensor>> order;
  for (const auto& [name, t] : tensors) {
    if (name == "__metadata__") fail("save_safetensors", "tensor names other than __metadata__", name);
    if (!t.defined()) fail("save_safetensors", "defined tensors", "an undefined one", "tensor '" + name + "'");
    order.emplace_back(name, detail::host_rows(t));
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return size_of(a.second.dtype()) > size_of(b.second.dtype()); });
  detail::SafetensorsHeader header{{}, metadata};
  unsigned long crc = ::crc32_z(0, nullptr, 0);
  std::int64_t at = 0;
  for (const auto& [name, t] : order) {
    const auto bytes = t.numel() * static_cast<std::int64_t>(size_of(t.dtype()));
    header.entries.push_back({name, t.dtype(), t.shape(), at, at + bytes});
    at += bytes;
    if (checksum) crc = checksum_of(crc, t);
  }
  if (checksum) header.metadata[kChecksumKey] = hex(crc);
  const auto text = detail::safetensors_header_text(header);
  const std::uint64_t length = text.size();
  detail::AtomicFile file("save_safetensors", path);
  file.write(&length, 8);
  file.write(text);
  for (const auto& [name, t] : order) file.write(t.raw(), static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
  file.commit();
}

}  // namespace stein
