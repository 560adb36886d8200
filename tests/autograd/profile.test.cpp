// SPDX-License-Identifier: MIT
#include "autograd/profile.h"

#include <catch2/catch.hpp>
#include <string>

#include "autograd/grad.h"
#include "ops/ops.h"

using namespace stein;

namespace {

/// Of all modules when none is given.
std::int64_t calls(const Profile& p, const std::string& op, int order, const char* module = nullptr) {
  std::int64_t n = 0;
  for (const auto& row : p.rows())
    if (row.op == op && row.order == order && (!module || row.module == module)) n += row.calls;
  return n;
}

}  // namespace

TEST_CASE("a profile counts ops by order of derivative and by module, and rules under the module of the forward pass") {
  const Tensor x = full({3, 4}, 0.5, f32).requires_grad_();
  Profile profile;
  const auto f = [&] {
    const ProfileScope outer("net");
    const Tensor h = x * x;
    const ProfileScope inner("top");
    return sum(tanh(h));
  };
  const Tensor first = grad(f(), x, {.create_graph = true});
  CHECK(calls(profile, "tanh", 0, "net.top") == 1);
  CHECK(calls(profile, "mul", 0, "net") == 1);
  CHECK(calls(profile, "mul", 0) == 1);
  CHECK(calls(profile, "tanh_backward", 1, "net.top") == 1);
  CHECK(calls(profile, "mul", 1, "net") == 2);
  grad(sum(first), x);
  CHECK(calls(profile, "mul", 2, "net") > 0);
  for (const auto& row : profile.rows())
    if (row.op == "tanh") CHECK(row.bytes == 2 * 12 * 4);  // in and out
  profile.stop();
  const auto rows = profile.rows();
  double sum_of_all = 0;
  std::int64_t all_calls = 0;
  for (const auto& row : rows) {
    CHECK(row.seconds >= 0);
    sum_of_all += row.seconds;
    all_calls += row.calls;
  }
  CHECK(sum_of_all <= profile.seconds());
  CHECK(profile.events().size() == static_cast<std::size_t>(all_calls));
  for (const auto& e : profile.events()) {
    CHECK(e.begin <= e.end);
    CHECK(e.end <= profile.seconds());
  }
  tanh(x);
  CHECK(profile.rows().size() == rows.size());
  CHECK(calls(profile, "tanh", 0) == 1);
}

TEST_CASE("a profile counts no bytes for views and is alone in its thread") {
  const Tensor x = full({6, 2}, 1.0, f32);
  {
    Profile profile;
    x.reshape({3, 4});
    x.transpose();
    for (const auto& row : profile.rows()) CHECK(row.bytes == 0);
    CHECK(!profile.rows().empty());
    CHECK_THROWS_AS(Profile(), Error);
    neg(x);
    CHECK(calls(profile, "neg", 0) == 1);
  }
  CHECK(!is_profiling());
  Profile again;
  CHECK(again.rows().empty());
  // An op that throws is closed like any other.
  CHECK_THROWS_AS(x + full({5}, 1.0, f32), Error);
  neg(x);
  CHECK(calls(again, "neg", 0) == 1);
  CHECK(again.events().back().op == std::string("neg"));
}
