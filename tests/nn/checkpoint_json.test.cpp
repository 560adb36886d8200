// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "nn/detail/checkpoint_json.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("checkpoint.json: written and read; every mistake has its message") {
  nn::Checkpoint c;
  c.step = 12;
  c.random = {UINT64_MAX, UINT64_MAX - 1};
  c.data_position = UINT64_MAX;
  c.ema_updates = 11;
  c.schedule = nn::Schedule::step(7, 0.1, 3);
  const std::string text = nn::detail::write_checkpoint_json(c);
  const auto read = nn::detail::parse_checkpoint_json(text, "p");
  CHECK(read.step == 12);
  CHECK(read.random == c.random);
  CHECK(read.data_position == UINT64_MAX);
  CHECK(read.ema_updates == 11);
  CHECK(read.schedule == c.schedule);
  CHECK(read.config == "{}");

  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const auto at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return error_of([&] { nn::detail::parse_checkpoint_json(changed.replace(at, from.size(), to), "p"); });
  };
  CHECK(error_with("\"step\": 12", "\"step\": -12") ==
        "[checkpoint] expected a whole number of at least 0 as 'step'; got -12; in 'p'");
  CHECK(error_with("\"step\": 12", "\"step\": 9223372036854775808") ==
        "[checkpoint] expected a number below 2^63 as 'step'; got 9223372036854775808; in 'p'");
  CHECK(error_with("\"step\": 12", "\"step\": 1e3") ==
        "[checkpoint] expected a whole number of at least 0 as 'step'; got 1000.0; in 'p'");
  CHECK(error_with("\"step\": 12", "\"step\": 12, \"step\": 13") ==
        "[checkpoint] expected each key once; got 'step' again; in 'p'");
  CHECK(error_with("\"seed\"", "\"sead\"") == "[checkpoint] expected a key 'seed'; got none; in 'p'");
  CHECK(error_with("\"version\": 1", "\"version\": 2") == "[checkpoint] expected version 1 or older; got 2; in 'p'");
  CHECK(error_with("\"ema_updates\"", "\"updates\"") == "[checkpoint] expected a key 'ema_updates'; got none; in 'p'");
  CHECK(error_with("\"ema_updates\": 11", "\"ema_updates\": -1") ==
        "[checkpoint] expected a whole number of at least 0 as 'ema_updates'; got -1; in 'p'");
  CHECK(error_with("\"kind\": \"step\"", "\"kind\": 3") == "[checkpoint] expected a string as 'kind'; got 3; in 'p'");
  CHECK(error_with("\"kind\": \"step\"", "\"kind\": \"poly\"") ==
        "[schedule] expected constant, cosine or step; got \"poly\"");
  CHECK(error_with("\"gamma\": 0.1", "\"gamma\": -1") == "[schedule] expected gamma above 0; got -1.000000");
  CHECK(error_with("\"gamma\": 0.1", "\"gamma\": null") ==
        "[checkpoint] expected a number as 'gamma'; got null; in 'p'");
  CHECK(error_with("{}", "{").find("[checkpoint] expected well-formed JSON; got a mistake at byte") == 0);
  CHECK(error_with("{}", std::string(70, '[') + std::string(70, ']')) ==
        "[checkpoint] expected JSON nested at most 64 deep; got more; in 'p'");
  CHECK(error_of([] { nn::detail::parse_checkpoint_json("[]", "p"); }) ==
        "[checkpoint] expected an object; got array; in 'p'");
}
