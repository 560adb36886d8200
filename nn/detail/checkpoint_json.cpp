// SPDX-License-Identifier: MIT
#include "nn/detail/checkpoint_json.h"

#include <nlohmann/json.hpp>
#include <set>

#include "tensor/detail/build_info.h"
#include "tensor/detail/input_file.h"

namespace stein::nn::detail {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1, kDepth = 64;

/// Reads JSON of limited depth in which no key stands twice.
Json parse(const std::string& op, const std::string& text, const std::string& where) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDepth) fail(op, "JSON nested at most " + std::to_string(kDepth) + " deep", "more", where);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      fail(op, "each key once", "'" + stein::detail::printable(value.get<std::string>()) + "' again", where);
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::parse_error& e) {
    fail(op, "well-formed JSON", "a mistake at byte " + std::to_string(e.byte), where);
  }
}

/// Takes fields out of an object and complains of those that are wrong.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) fail("checkpoint", "an object", object_.type_name(), where_);
  }
  const Json& operator[](const char* key) const {
    const auto it = object_.find(key);
    if (it == object_.end()) fail("checkpoint", std::string("a key '") + key + "'", "none", where_);
    return *it;
  }
  std::uint64_t whole(const char* key) const {
    const Json& value = (*this)[key];
    if (!value.is_number_unsigned()) wrong(key, "a whole number of at least 0", value);
    return value.get<std::uint64_t>();
  }
  std::int64_t count(const char* key) const {
    const std::uint64_t value = whole(key);
    if (value > static_cast<std::uint64_t>(INT64_MAX)) wrong(key, "a number below 2^63", (*this)[key]);
    return static_cast<std::int64_t>(value);
  }
  double number(const char* key) const {
    if (!(*this)[key].is_number()) wrong(key, "a number", (*this)[key]);
    return (*this)[key].get<double>();
  }
  std::string text(const char* key) const {
    if (!(*this)[key].is_string()) wrong(key, "a string", (*this)[key]);
    return (*this)[key].get<std::string>();
  }

 private:
  [[noreturn]] void wrong(const char* key, const std::string& expected, const Json& value) const {
    fail("checkpoint", expected + " as '" + key + "'", stein::detail::printable(value.dump(), 60), where_);
  }
  const Json& object_;
  std::string where_;
};

}  // namespace

std::string write_checkpoint_json(const Checkpoint& c) {
  Json j;
  j["version"] = kVersion;
  j["stein"] = stein::detail::build_info().version;
  j["step"] = c.step;
  j["seed"] = c.random.seed;
  j["position"] = c.random.position;
  j["data_position"] = c.data_position;
  j["ema_updates"] = c.ema_updates;
  j["schedule"] = {{"kind", name_of(c.schedule.kind)}, {"warmup", c.schedule.warmup}, {"total", c.schedule.total},
                   {"floor", c.schedule.floor},        {"every", c.schedule.every},   {"gamma", c.schedule.gamma}};
  j["config"] = parse("save_checkpoint", c.config, "in config");
  return j.dump(2) + "\n";
}

Checkpoint parse_checkpoint_json(const std::string& text, const std::string& path) {
  const std::string where = "in '" + path + "'";
  const Json j = parse("checkpoint", text, where);
  const Fields f(j, where);
  const auto version = f.whole("version");
  if (version > kVersion)
    fail("checkpoint", "version " + std::to_string(kVersion) + " or older", std::to_string(version), where);
  Checkpoint c;
  c.step = f.count("step");
  c.random = {f.whole("seed"), f.whole("position")};
  c.data_position = f.whole("data_position");
  c.ema_updates = f.count("ema_updates");
  const Fields s(f["schedule"], where);
  c.schedule = {parse_schedule_kind(s.text("kind")),
                s.count("warmup"),
                s.count("total"),
                s.number("floor"),
                s.count("every"),
                s.number("gamma")};
  c.schedule.check();
  c.config = f["config"].dump();
  return c;
}

}  // namespace stein::nn::detail
