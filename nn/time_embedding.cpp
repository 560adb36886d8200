// SPDX-License-Identifier: MIT
#include "nn/time_embedding.h"

#include <cmath>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/init.h"
#include "ops/ops.h"

namespace stein::nn {
namespace {

std::int64_t even(const char* op, std::int64_t width) {
  if (width < 2 || width % 2 != 0) fail(op, "an even width of at least 2", std::to_string(width));
  return width;
}

Tensor waves(const Tensor& t, const Tensor& frequencies) {  // (B), (width/2) -> (B, width)
  const Tensor angle = unsqueeze(t, 1) * frequencies;
  return concat({sin(angle), cos(angle)}, 1);
}

ConditionOptions checked(const ConditionOptions& o) {
  if (o.levels < 0 || o.classes < 0)
    fail("condition", "numbers of levels and classes of at least 0",
         std::to_string(o.levels) + ", " + std::to_string(o.classes));
  if (o.time != TimeFeatures::none && o.levels > 0)
    fail("condition", "time or levels", "both", "a table of levels takes the place of features of t");
  if (o.time != TimeFeatures::none) even("condition", o.features);
  return o;
}

template <class M, class... Arguments>
std::optional<M> made_if(bool wanted, Arguments&&... arguments) {
  return wanted ? std::optional<M>(std::in_place, std::forward<Arguments>(arguments)...) : std::nullopt;
}

std::string rows(std::string_view dtype, std::int64_t batch) {
  return std::string(dtype) + " (" + std::to_string(batch) + ",)";
}

void check_index(const char* network, const char* what, const Tensor& index, std::int64_t batch, std::int64_t count) {
  if (index.dtype() != i64 || index.rank() != 1 || index.size(0) != batch)
    fail(network, what + (" " + rows("i64", batch)), describe(index));
  if (index.device() != cpu) return;  // the embedding checks, for to look here would be to wait for the device
  for (const auto i : index.to_vector<std::int64_t>())
    if (i < 0 || i >= count)
      fail(network, std::string(what) + " in [0, " + std::to_string(count) + ")", std::to_string(i));
}

}  // namespace

Tensor sinusoidal_embedding(const Tensor& t, std::int64_t width, double max_period) {
  even("sinusoidal_embedding", width);
  if (!(max_period > 0)) fail("sinusoidal_embedding", "max_period > 0", std::to_string(max_period));
  if (t.rank() != 1 || !is_floating(t.dtype())) fail("sinusoidal_embedding", "t floating (B)", describe(t));
  const auto half = width / 2;
  std::vector<double> w;
  for (std::int64_t i = 0; i < half; ++i)
    w.push_back(std::pow(max_period, half > 1 ? -static_cast<double>(i) / static_cast<double>(half - 1) : 0.0));
  return waves(t, from_vector<double>(w, {half}).to(t.dtype()).to(t.device()));
}

GaussianFourier::GaussianFourier(std::int64_t width, double scale, Generator& generator)
    : W(add_buffer("W", empty({even("gaussian_fourier", width) / 2}))) {
  if (!(scale > 0)) fail("gaussian_fourier", "scale > 0", std::to_string(scale));
  init::normal_(W, 0, scale, generator);
}

Tensor GaussianFourier::operator()(const Tensor& t) const {
  if (t.rank() != 1 || t.dtype() != W.dtype())
    fail("gaussian_fourier", "t " + std::string(name_of(W.dtype())) + " (B)", describe(t));
  return waves(t, 2 * std::numbers::pi * W);
}

Condition::Condition(const ConditionOptions& options, Generator& generator)
    : options_(checked(options)),
      fourier(
          made_if<GaussianFourier>(options.time == TimeFeatures::fourier || options.time == TimeFeatures::log_fourier,
                                   options.features, options.fourier_scale, generator)),
      time1(made_if<Linear>(options.time != TimeFeatures::none, options.features, options.width, true, generator)),
      time2(made_if<Linear>(options.time != TimeFeatures::none, options.width, options.width, true, generator)),
      levels(made_if<Embedding>(options.levels > 0, options.levels, options.width, generator)),
      classes(made_if<Embedding>(options.classes > 0, options.classes + 1, options.width, generator)) {
  if (fourier) add("fourier", *fourier);
  if (time1) add("time1", *time1), add("time2", *time2);
  if (levels) add("levels", *levels);
  if (classes) add("classes", *classes);
}

Tensor Condition::operator()(const char* network, const Tensor& t, const Tensor& label, std::int64_t batch,
                             DType dtype) const {
  if (!time1 && !levels && t.defined())
    fail(network, "no t, for the network was built without time and levels", describe(t),
         "set time or levels of its ConditionOptions");
  if (!classes && label.defined())
    fail(network, "no label, for the network was built without classes", describe(label),
         "set classes of its ConditionOptions");
  if ((time1 || levels) && !t.defined()) fail(network, "t (B)", "none", "the network was built with time or levels");
  Tensor e;
  if (levels) {
    check_index(network, "levels", t, batch, options_.levels);
    e = (*levels)(t);
  }
  if (time1) {
    if (t.rank() != 1 || t.size(0) != batch || (t.dtype() != dtype && t.dtype() != i64))
      fail(network, "t " + rows(name_of(dtype), batch) + " or i64", describe(t));
    const Tensor time = t.dtype() == dtype ? t : t.to(dtype);
    const Tensor f = !fourier ? sinusoidal_embedding(time, options_.features)
                              : (*fourier)(options_.time == TimeFeatures::log_fourier ? log(time) : time);
    e = (*time2)(silu((*time1)(f)));
  }
  if (classes) {
    const Tensor known =
        label.defined() ? label : full({batch}, static_cast<double>(options_.classes), i64, classes->weight.device());
    check_index(network, "labels", known, batch, options_.classes + 1);
    const Tensor c = (*classes)(known);
    e = e.defined() ? e + c : c;
  }
  return e.defined() ? silu(e) : e;
}

}  // namespace stein::nn
