// SPDX-License-Identifier: MIT
#include "tensor/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>

#include "tensor/detail/atomic_file.h"
#include "tensor/detail/input_file.h"

static_assert(std::endian::native == std::endian::little, "npy files are read and written in place");

namespace stein {
namespace {

constexpr std::int64_t kHeaderLimit = 65536;
constexpr std::string_view kMagic{"\x93NUMPY", 6};

struct Header {
  DType dtype;
  bool fortran;
  Shape shape;
};

constexpr struct {
  DType dtype;
  std::string_view text;
} kDtypes[] = {{f32, "<f4"}, {f64, "<f8"}, {i64, "<i8"}, {u8, "|u1"}, {boolean, "|b1"}};

// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  Header parse() {
    std::optional<DType> dtype;
    std::optional<bool> fortran;
    std::optional<Shape> shape;
    expect('{');
    while (!accept('}')) {
      const auto key = string();
      expect(':');
      if (key == "descr" && !dtype)
        dtype = descr();
      else if (key == "fortran_order" && !fortran)
        fortran = boolean_word();
      else if (key == "shape" && !shape)
        shape = tuple();
      else
        bad("the keys descr, fortran_order and shape, each once", quote(key));
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) bad("nothing after the header's dictionary", rest());
    if (!dtype || !fortran || !shape) bad("the keys descr, fortran_order and shape, each once", "fewer");
    return {*dtype, *fortran, *shape};
  }

 private:
  [[noreturn]] void bad(const std::string& expected, const std::string& got, std::string hint = "") const {
    fail("npy", expected, got, "in '" + path_ + "'" + (hint.empty() ? "" : "; " + hint));
  }
  static std::string quote(std::string_view s) { return '"' + detail::printable(s, 40) + '"'; }
  std::string rest() const { return at_ == text_.size() ? "its end" : quote(text_.substr(at_)); }

  void skip_space() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) && text_[at_]) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad(std::string("'") + c + "' in the header", rest());
  }
  std::string_view string() {
    skip_space();
    const char q = at_ < text_.size() ? text_[at_] : '\0';
    const auto end = q == '\'' || q == '"' ? text_.find(q, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) bad("a quoted word in the header", rest());
    const auto s = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return s;
  }
  bool boolean_word() {
    skip_space();
    for (bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) == word) return at_ += word.size(), value;
    }
    bad("fortran_order True or False", rest());
  }
  Shape tuple() {
    Shape s;
    expect('(');
    for (bool comma = true; !accept(')'); comma = accept(',')) {
      if (!comma) bad("a shape such as (3, 4) or (3,)", rest());
      skip_space();
      std::int64_t v = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), v);
      if (error != std::errc{} || v < 0) bad("sizes from 0 to 2^63 - 1 in the shape", rest());
      if (s.rank() == Dims::kMaxRank) bad("at most " + std::to_string(Dims::kMaxRank) + " axes", "more");
      s.push_back(v);
      at_ = static_cast<std::size_t>(end - text_.data());
      skip_space();
      if (s.rank() == 1 && at_ < text_.size() && text_[at_] == ')')
        bad("a shape such as (3, 4) or (3,)", "a number in brackets");
    }
    return s;
  }
  DType descr() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') bad("one of the dtypes <f4, <f8, <i8, |u1, |b1", "a structured dtype");
    const auto text = string();
    for (const auto& d : kDtypes)
      if (text == d.text) return d.dtype;
    std::string hint;
    if (text.find('O') != std::string_view::npos) hint = "objects are stored as pickles, which are never read";
    if (text.starts_with('>')) hint = "the bytes are big-endian: save x.astype('<" + std::string(text.substr(1)) + "')";
    bad("one of the dtypes <f4, <f8, <i8, |u1, |b1", quote(text), hint);
  }

  std::string_view text_;
  const std::string& path_;
  std::size_t at_ = 0;
};

}  // namespace

Tensor load_npy(const std::string& path) {
  const detail::InputFile file("npy", path);
  const auto where = "in '" + path + "'";
  const auto start = file.read(0, std::min<std::int64_t>(file.size(), 12));
  if (!std::string_view(start).starts_with(kMagic) || start.size() < 10)
    fail("npy", "a file that starts with \\x93NUMPY and a version",
         start.size() < 10 ? "a shorter file" : "other bytes", where);
  const auto byte = [&](std::size_t i) { return static_cast<std::int64_t>(static_cast<unsigned char>(start[i])); };
  const auto major = byte(6), minor = byte(7);
  if (major < 1 || major > 3 || minor != 0)
    fail("npy", "format version 1.0, 2.0 or 3.0", std::to_string(major) + "." + std::to_string(minor), where);
  const std::int64_t prefix = major == 1 ? 10 : 12;
  if (file.size() < prefix) fail("npy", "the length of the header", "the end of the file", where);
  const std::int64_t length = byte(8) | byte(9) << 8 | (major == 1 ? 0 : byte(10) << 16 | byte(11) << 24);
  if (length > kHeaderLimit)
    fail("npy", "a header of at most " + std::to_string(kHeaderLimit) + " bytes", std::to_string(length), where);
  if (length > file.size() - prefix)
    fail("npy", "a header of " + std::to_string(length) + " bytes",
         std::to_string(file.size() - prefix) + " bytes to the end of the file", where);

  const auto text = file.read(prefix, length);
  const auto h = HeaderParser(text, path).parse();
  std::int64_t bytes = 0;
  if (!detail::checked_bytes(h.shape, h.dtype, bytes))
    fail("npy", "a shape of fewer than 2^63 bytes", std::string(name_of(h.dtype)) + " " + to_string(h.shape), where);
  const auto data = prefix + length;
  if (bytes != file.size() - data)
    fail("npy",
         std::to_string(bytes) + " bytes of elements for " + std::string(name_of(h.dtype)) + " " + to_string(h.shape),
         std::to_string(file.size() - data), where);

  // Fortran order is C order of the reversed shape.
  const Shape stored =
      h.fortran ? Shape(std::make_reverse_iterator(h.shape.end()), std::make_reverse_iterator(h.shape.begin()))
                : h.shape;
  Tensor t = empty(stored, h.dtype);
  file.read(data, const_cast<void*>(t.raw()), bytes);
  if (h.dtype == boolean)
    if (const auto i = detail::first_bad_bool(t.raw(), bytes); i >= 0)
      fail("npy", "0 or 1 in every byte of a bool array", "another value at element " + std::to_string(i), where);
  if (!h.fortran || h.shape.rank() < 2) return t;
  const auto s = t.strides();
  return detail::dense_copy(
      as_strided(t, h.shape, Strides(std::make_reverse_iterator(s.end()), std::make_reverse_iterator(s.begin())), 0));
}

void save_npy(const std::string& path, const Tensor& t) {
  const Tensor rows = detail::host_rows(t);
  std::string_view descr;
  for (const auto& d : kDtypes)
    if (d.dtype == t.dtype()) descr = d.text;
  std::string header =
      "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': " + to_string(t.shape()) + ", }";
  header.resize((kMagic.size() + 4 + header.size() + 1 + 63) / 64 * 64 - kMagic.size() - 4 - 1,
                ' ');  // elements start aligned
  header += '\n';
  detail::AtomicFile file("save_npy", path);
  file.write(kMagic);
  const auto n = header.size();
  const char prefix[4] = {1, 0, static_cast<char>(n & 0xff), static_cast<char>(n >> 8)};
  file.write(prefix, 4);
  file.write(header);
  file.write(rows.raw(), static_cast<std::size_t>(rows.numel()) * size_of(rows.dtype()));
  file.commit();
}

}  // namespace stein
