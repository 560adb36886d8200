// SPDX-License-Identifier: MIT
#include "smld/config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "tensor/detail/names.h"
#include "tensor/error.h"

namespace stein::smld {
namespace {

// The one list of fields: writing, reading and nothing else goes through it.
template <class C, class F>
void each_field(C& c, F&& f) {
  f("preset", c.preset);
  f("data", c.data);
  f("image_size", c.image_size);
  f("data_count", c.data_count);
  f("channels", c.channels);
  f("height", c.height);
  f("width", c.width);
  f("data_size", c.data_size);
  f("data_crc32", c.data_crc32);
  f("ngf", c.ngf);
  f("levels", c.levels);
  f("sigma_max", c.sigma_max);
  f("sigma_min", c.sigma_min);
  f("batch", c.batch);
  f("steps", c.steps);
  f("learning_rate", c.learning_rate);
  f("clip_norm", c.clip_norm);
  f("ema_decay", c.ema_decay);
  f("ema_warmup", c.ema_warmup);
  f("flip", c.flip);
  f("dequantize", c.dequantize);
  f("seed", c.seed);
  f("evaluate_every", c.evaluate_every);
  f("evaluate_count", c.evaluate_count);
  f("final_evaluate_count", c.final_evaluate_count);
  f("checkpoint_every", c.checkpoint_every);
  f("checkpoint_minutes", c.checkpoint_minutes);
  f("keep_checkpoints", c.keep_checkpoints);
  f("sample_count", c.sample_count);
  f("steps_per_level", c.steps_per_level);
  f("epsilon", c.epsilon);
}

template <class T>
void assign(T& field, const char* name, const nlohmann::json& v, const std::string& text) {
  const bool fits = std::is_same_v<T, std::string> ? v.is_string()
                    : std::is_same_v<T, bool>      ? v.is_boolean()
                    : std::is_same_v<T, double>    ? v.is_number()
                                                   : v.is_number_integer();
  if (!fits) fail("config", "field " + std::string(name) + " of the right type", text);
  field = v.get<T>();
}

}  // namespace

TrainConfig preset(const std::string& name) {
  TrainConfig c;
  c.preset = name;
  if (name == "quickstart") return c;
  if (name == "tiny") {  // seconds: for trying things out
    c.data = "shapes";
    c.image_size = 12;
    c.data_count = 512;
    c.ngf = 4;
    c.levels = 4;
    c.sigma_min = 0.05;
    c.batch = 16;
    c.steps = 60;
    c.evaluate_every = 20;
    c.evaluate_count = 32;
    c.final_evaluate_count = 64;
    c.checkpoint_every = 20;
    c.sample_count = 4;
    c.steps_per_level = 5;
    c.epsilon = 5e-4;
    return c;
  }
  if (name == "mnist" || name == "cifar10") {  // the published settings (reference: ermongroup/ncsn, anneal.yml)
    const bool mnist = name == "mnist";
    c.data = "";  // to be given: its files cannot be known
    c.ngf = mnist ? 64 : 128;
    c.batch = 128;
    c.steps = 200000;
    c.ema_decay = 0.999;
    c.flip = !mnist;
    c.evaluate_every = 1000;
    c.evaluate_count = 256;
    c.checkpoint_every = 5000;
    c.steps_per_level = 100;
    return c;
  }
  stein::detail::fail_name("preset", name, {"tiny", "quickstart", "mnist", "cifar10"});
}

void check_config(const TrainConfig& c) {
  const auto want = [](bool ok, const char* field, const char* expected, double value) {
    if (!ok) fail("config", std::string(field) + " " + expected, std::to_string(value));
  };
  if (c.data.empty())
    fail("config", "data for the preset " + c.preset, "none",
         "give --data DIR, a folder with MNIST's IDX files or CIFAR-10's binary batches");
  want(c.ngf >= 2, "ngf", "of at least 2", static_cast<double>(c.ngf));
  want(c.levels >= 1, "levels", "of at least 1", static_cast<double>(c.levels));
  want(c.sigma_min > 0 && c.sigma_max >= c.sigma_min, "sigma_min", "above 0 and at most sigma_max", c.sigma_min);
  want(c.batch >= 1, "batch", "of at least 1", static_cast<double>(c.batch));
  want(c.steps >= 1, "steps", "of at least 1", static_cast<double>(c.steps));
  want(c.learning_rate > 0 && std::isfinite(c.learning_rate), "learning_rate", "above 0", c.learning_rate);
  want(c.clip_norm >= 0, "clip_norm", "of at least 0", c.clip_norm);
  want(c.ema_decay >= 0 && c.ema_decay < 1, "ema_decay", "in [0, 1)", c.ema_decay);
  want(c.evaluate_every >= 1, "evaluate_every", "of at least 1", static_cast<double>(c.evaluate_every));
  want(c.evaluate_count >= 1, "evaluate_count", "of at least 1", static_cast<double>(c.evaluate_count));
  want(c.final_evaluate_count >= 1, "final_evaluate_count", "of at least 1",
       static_cast<double>(c.final_evaluate_count));
  want(c.checkpoint_every >= 1, "checkpoint_every", "of at least 1", static_cast<double>(c.checkpoint_every));
  want(c.checkpoint_minutes > 0, "checkpoint_minutes", "above 0", c.checkpoint_minutes);
  want(c.keep_checkpoints >= 1, "keep_checkpoints", "of at least 1", static_cast<double>(c.keep_checkpoints));
  want(c.sample_count >= 1, "sample_count", "of at least 1", static_cast<double>(c.sample_count));
  want(c.steps_per_level >= 1, "steps_per_level", "of at least 1", static_cast<double>(c.steps_per_level));
  want(c.epsilon > 0, "epsilon", "above 0", c.epsilon);
}

std::string to_json(const TrainConfig& config) {
  nlohmann::ordered_json j;
  each_field(config, [&](const char* name, const auto& value) { j[name] = value; });
  try {
    return j.dump(2) + "\n";
  } catch (const nlohmann::json::exception&) {
    fail("config", "a data path in UTF-8", "other bytes", "rename the file or folder");
  }
}

void set_field(TrainConfig& config, const std::string& field, const std::string& value) {
  bool found = false;
  each_field(config, [&](const char* name, auto& target) {
    if (field != name) return;
    found = true;
    if constexpr (std::is_same_v<std::decay_t<decltype(target)>, std::string>)
      target = value;
    else
      assign(target, name, nlohmann::json::parse(value, nullptr, false), value);
  });
  if (found) return;
  std::vector<std::string> names;
  each_field(config, [&](const char* name, const auto&) { names.emplace_back(name); });
  stein::detail::fail_name("config", field, names);
}

TrainConfig config_from_json(const std::string& text) {
  const auto j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object()) fail("config", "a JSON object", text.substr(0, 60));
  TrainConfig c;
  std::size_t known = 0;
  each_field(c, [&](const char* name, auto& value) {
    if (!j.contains(name)) fail("config", "field " + std::string(name), "a configuration without it");
    assign(value, name, j[name], j[name].dump());
    ++known;
  });
  if (j.size() != known)
    for (const auto& item : j.items()) {
      const std::string& name = item.key();
      bool found = false;
      each_field(c, [&](const char* field, const auto&) { found = found || name == field; });
      if (!found) fail("config", "known fields", name);
    }
  check_config(c);
  return c;
}

}  // namespace stein::smld
