// SPDX-License-Identifier: MIT
#include "tensor/detail/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "tensor/detail/input_file.h"
#include "tensor/error.h"

namespace stein::detail {
namespace {

constexpr std::pair<DType, std::string_view> kDtypes[] = {
    {f32, "F32"}, {f64, "F64"}, {i64, "I64"}, {u8, "U8"}, {boolean, "BOOL"}};

// Events of the JSON parser, which keeps no tree: the format has three levels, so a state is enough, and anything nested
// deeper is an error at once.
class Handler {
 public:
  Handler(const std::string& path, std::int64_t max_entries) : path_(path), max_entries_(max_entries) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) {
    if (state_ == State::start)
      state_ = State::names;
    else if (state_ == State::value && name_ == "__metadata__")
      state_ = State::metadata;
    else if (state_ == State::value) {
      state_ = State::fields;
      seen_ = 0;
      header_.entries.push_back({name_, f32, {}, 0, 0});
    } else
      unexpected("an object");
    return true;
  }

  bool key(std::string& k) {
    if (state_ == State::names) {
      if (!names_.insert(k).second) bad("each name once", "a second entry of this name", k);
      if (std::ssize(names_) > max_entries_ + 1) bad("at most " + std::to_string(max_entries_) + " tensors", "more");
      name_ = k;
      state_ = State::value;
    } else if (state_ == State::metadata) {
      if (header_.metadata.contains(k)) bad("each key of __metadata__ once", "'" + printable(k) + "' again");
      key_ = k;
      state_ = State::metadata_value;
    } else {
      const int field = k == "dtype" ? 1 : k == "shape" ? 2 : k == "data_offsets" ? 4 : 0;
      if (!field || (seen_ & field))
        bad("the keys dtype, shape and data_offsets, each once", "'" + printable(k) + "'", name_);
      seen_ |= field;
      state_ = field == 1 ? State::dtype : field == 2 ? State::shape : State::offsets;
    }
    return true;
  }

  bool end_object() {
    if (state_ == State::fields) {
      if (seen_ != 7) bad("the keys dtype, shape and data_offsets, each once", "fewer", name_);
      state_ = State::names;
    } else if (state_ == State::metadata)
      state_ = State::names;
    return true;
  }

  bool string(std::string& s) {
    if (state_ == State::metadata_value) {
      header_.metadata[key_] = s;
      state_ = State::metadata;
    } else if (state_ == State::dtype) {
      const auto* d =
          std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const auto& p) { return p.second == s; });
      if (d == std::end(kDtypes)) bad("one of the dtypes F32, F64, I64, U8, BOOL", "'" + printable(s) + "'", name_);
      header_.entries.back().dtype = d->first;
      state_ = State::fields;
    } else
      unexpected("a string");
    return true;
  }

  bool start_array(std::size_t) {
    if (state_ != State::shape && state_ != State::offsets) unexpected("an array");
    state_ = state_ == State::shape ? State::sizes : State::positions;
    count_ = 0;
    return true;
  }
  bool end_array() {
    if (state_ == State::positions && count_ != 2) bad("two data_offsets", std::to_string(count_), name_);
    state_ = State::fields;
    return true;
  }

  bool number_unsigned(std::uint64_t v) {
    if (state_ != State::sizes && state_ != State::positions) unexpected("a number");
    if (v > INT64_MAX) bad("numbers below 2^63", std::to_string(v), name_);
    auto& e = header_.entries.back();
    if (state_ == State::sizes) {
      if (e.shape.rank() == Dims::kMaxRank) bad("at most " + std::to_string(Dims::kMaxRank) + " axes", "more", name_);
      e.shape.push_back(static_cast<std::int64_t>(v));
    } else if (++count_ <= 2)
      (count_ == 1 ? e.begin : e.end) = static_cast<std::int64_t>(v);
    return true;
  }
  bool number_integer(std::int64_t v) {
    if (state_ != State::sizes && state_ != State::positions) unexpected("a number");
    bad("sizes and offsets of at least 0", std::to_string(v), name_);
  }
  bool number_float(double, const std::string& text) {
    if (state_ != State::sizes && state_ != State::positions) unexpected("a number");
    bad("whole numbers below 2^63", text, name_);
  }
  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a boolean"); }
  bool binary(nlohmann::json::binary_t&) { unexpected("binary data"); }

  template <class E>
  bool parse_error(std::size_t position, const std::string&, const E&) {
    bad("a header of well-formed JSON", "a mistake at its byte " + std::to_string(position));
  }

 private:
  enum class State { start, names, value, metadata, metadata_value, fields, dtype, shape, sizes, offsets, positions };

  [[noreturn]] void bad(const std::string& expected, const std::string& got, const std::string& tensor = "") const {
    bad_safetensors(expected, got, path_, tensor);
  }
  [[noreturn]] void unexpected(const char* what) const {
    switch (state_) {
      case State::start:
        bad("an object of tensors", what);
      case State::metadata_value:
        bad("strings in __metadata__", std::string(what) + " for '" + printable(key_) + "'");
      case State::dtype:
        bad("a string for dtype", what, name_);
      case State::shape:
      case State::offsets:
        bad("an array for shape and data_offsets", what, name_);
      case State::sizes:
      case State::positions:
        bad("whole numbers in shape and data_offsets", what, name_);
      default:
        bad("an object with dtype, shape and data_offsets", what, name_);
    }
  }

  const std::string& path_;
  std::int64_t max_entries_;
  SafetensorsHeader header_;
  std::set<std::string> names_;
  State state_ = State::start;
  std::string name_, key_;
  int seen_ = 0, count_ = 0;
};

}  // namespace

void bad_safetensors(const std::string& expected, const std::string& got, const std::string& path,
                     const std::string& tensor) {
  fail("safetensors", expected, got,
       (tensor.empty() ? "in '" : "tensor '" + printable(tensor) + "' in '") + path + "'");
}

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& path, std::int64_t max_entries) {
  Handler handler(path, max_entries);
  nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return handler.take();
}

std::string safetensors_header_text(const SafetensorsHeader& header) {
  const auto quoted = [](const std::string& s) {
    try {
      return nlohmann::json(s).dump();
    } catch (const nlohmann::json::exception&) {
      fail("save_safetensors", "names and metadata in UTF-8", "'" + printable(s) + "'");
    }
  };
  std::string text = "{";
  if (!header.metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : header.metadata)
      text += (text.back() == '{' ? "" : ",") + quoted(key) + ":" + quoted(value);
    text += "}";
  }
  for (const auto& e : header.entries) {
    text += (text.back() == '{' ? "" : ",") + quoted(e.name) + ":{\"dtype\":\"";
    for (const auto& [dtype, name] : kDtypes)
      if (dtype == e.dtype) text += name;
    text += "\",\"shape\":[";
    for (int i = 0; i < e.shape.rank(); ++i) text += (i ? "," : "") + std::to_string(e.shape[i]);
    text += "],\"data_offsets\":[" + std::to_string(e.begin) + "," + std::to_string(e.end) + "]}";
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the elements start aligned
  return text;
}

}  // namespace stein::detail
