// SPDX-License-Identifier: MIT
// Inverse-transform sampling: laws whose F^-1 is known, and a mixture by a table of its density or of its F.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "smld/inverse_transform.h"
#include "tools/lab/lab.h"

namespace stein::tools {
namespace {

using Column = std::vector<double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Law {
  std::string name;
  std::function<double(double)> cdf, density;
  smld::Quantile quantile;
  double low, high;  // what is drawn
};

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double normal_density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }

// 0.3 N(-2, 0.5^2) + 0.7 N(1, 1)
double mixture_cdf(double x) { return 0.3 * normal_cdf((x + 2) / 0.5) + 0.7 * normal_cdf(x - 1); }
double mixture_density(double x) { return 0.3 * normal_density((x + 2) / 0.5) / 0.5 + 0.7 * normal_density(x - 1); }

enum class Table { cdf, density };

smld::Quantile tabulated(Table what, std::int64_t points) {
  const Tensor grid = linspace(-7, 7, points, f64);
  Column values;
  for (double x : grid.to_vector<double>()) values.push_back(what == Table::cdf ? mixture_cdf(x) : mixture_density(x));
  const Tensor table = from_vector(values, {points});
  return what == Table::cdf ? smld::quantile_of_cdf(grid, table) : smld::quantile_of_density(grid, table);
}

// sup |F_n - F|, F_n the empirical distribution function (Kolmogorov 1933).
double ks_distance(Column x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  double d = 0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]), k = static_cast<double>(i);
    d = std::max({d, f - k / n, (k + 1) / n - f});
  }
  return d;
}

// sup |F_table - F|: what remains of the KS distance for n -> infinity. x = F_table^-1(u) has F_table(x) = u.
double table_error(const smld::Quantile& quantile) {
  double d = 0;
  for (int i = 1; i < 20000; ++i) d = std::max(d, std::abs(mixture_cdf(quantile(i / 20000.0)) - i / 20000.0));
  return d;
}

struct Distances {
  Column n, mean, low, high;  // of the KS distance over the repetitions, with its 5th and 95th percentile
};

Distances distances(Lab& lab, Work& work, std::int64_t& done, const smld::Quantile& quantile,
                    const std::function<double(double)>& cdf, const std::vector<std::int64_t>& sizes,
                    std::int64_t repeat, std::uint64_t stream) {
  Generator g = lab.generator().fork(stream);
  Distances r;
  for (std::int64_t n : sizes) {
    Column d;
    for (std::int64_t i = 0; i < repeat; ++i)
      d.push_back(ks_distance(smld::inverse_transform(quantile, n, g).to_vector<double>(), cdf));
    std::sort(d.begin(), d.end());
    double mean = 0;
    for (double v : d) mean += v / static_cast<double>(repeat);
    r.n.push_back(static_cast<double>(n));
    r.mean.push_back(mean);
    r.low.push_back(d[static_cast<std::size_t>(0.05 * static_cast<double>(repeat))]);
    r.high.push_back(d[static_cast<std::size_t>(0.95 * static_cast<double>(repeat))]);
    work.update(++done);
  }
  return r;
}

void draw_histograms(Lab& lab, const std::vector<Law>& laws) {
  const auto n = lab.pick<std::int64_t>(100000, 5000);
  smld::Chart chart({.columns = 3, .width = 370, .height = 300});
  std::vector<Row> rows;
  std::uint64_t stream = 1;
  for (const auto& law : laws) {
    Generator g = lab.generator().fork(stream++);
    const auto x = smld::inverse_transform(law.quantile, n, g).to_vector<double>();
    const Column at = linspace(law.low, law.high, 300, f64).to_vector<double>();
    Column density;
    for (double v : at) density.push_back(law.density(v));
    chart.panel(law.name, {.label = "x", .min = law.low, .max = law.high}, {.label = "density"})
        .histogram("draws", x, 60, law.low, law.high, {.color = "#56b4e9", .opacity = 0.6})
        .line("truth", at, density, {.color = "#000000", .width = 1.4});
    const double ks = ks_distance(x, law.cdf);
    rows.push_back({law.name, n, ks, ks * std::sqrt(static_cast<double>(n))});
    // 1.95 is exceeded with probability 2 exp(-2 1.95^2) = 0.001.
    lab.check(law.name + ": √n × KS distance", rows.back()[3].value, 0.8687, 1.95 - 0.8687);
  }
  lab.figure("histograms.svg", chart,
             fmt::format("{} draws of each law as a histogram, and the law's own density.", n));
  lab.table("laws.csv", "Distance of the draws from their law: D = sup |F<sub>n</sub> − F|.", {"law", "n", "D", "√n D"},
            rows);
}

// How a uniform number becomes a draw.
void draw_construction(Lab& lab) {
  const auto quantile = tabulated(Table::cdf, 2001);
  const Column at = linspace(-5, 5, 300, f64).to_vector<double>();
  Column f, x, u;
  for (double v : at) f.push_back(mixture_cdf(v));
  for (double level : {0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95}) {
    const double q = quantile(level);
    for (double v : {-5.0, q, q, kNan}) x.push_back(v);
    for (double v : {level, level, 0.0, kNan}) u.push_back(v);
  }
  smld::Chart chart({.columns = 1, .width = 620, .height = 360});
  chart
      .panel("Equal steps in u fall densely where F is steep", {.label = "x", .min = -5, .max = 5},
             {.label = "u = F(x)", .min = 0, .max = 1})
      .line("from u to x = F⁻¹(u)", x, u, {.color = "#d55e00", .width = 1.1})
      .line("F of the mixture", at, f, {.color = "#0072b2", .width = 2.4});
  lab.figure("construction.svg", chart,
             "Ten equally spaced u, each followed to the curve and down to its x: the x crowd where F is steep, which "
             "is where the density is "
             "high.");
}

}  // namespace

void inverse_1d(Lab& lab) {
  const smld::Quantile exponential = [](double u) { return -std::log1p(-u); };
  const smld::Quantile logistic = [](double u) { return std::log(u) - std::log1p(-u); };
  const std::int64_t fine = 401;
  const std::vector<Law> laws{
      {"exponential, closed form", [](double x) { return -std::expm1(-x); }, [](double x) { return std::exp(-x); },
       exponential, 0, 6},
      {"logistic, closed form", [](double x) { return 1 / (1 + std::exp(-x)); },
       [](double x) { return 0.25 / std::pow(std::cosh(x / 2), 2); }, logistic, -7, 7},
      {"mixture, table of its density", mixture_cdf, mixture_density, tabulated(Table::density, fine), -5, 5},
  };
  lab.text(
      "If u is uniform in (0, 1) and F a distribution function, then x = F<sup>−1</sup>(u) has the law F. For the "
      "exponential law "
      "x = −ln(1 − u), for the logistic law x = ln(u / (1 − u)). For others, such as the mixture 0.3 N(−2, 0.5²) + 0.7 "
      "N(1, 1), a "
      "table of the density or of F at some points serves, straight between them.");
  if (lab.device() != cpu)
    lab.text("All of this is computed by the host, one number after another: nothing here runs on " +
             to_string(lab.device()) + ".");
  draw_construction(lab);
  draw_histograms(lab, laws);

  const auto repeat = lab.pick<std::int64_t>(40, 20);
  const std::vector<std::int64_t> sizes =
      lab.pick<std::vector<std::int64_t>>({10, 32, 100, 316, 1000, 3162, 10000, 31623, 100000}, {10, 100, 1000});
  const std::vector<std::pair<std::int64_t, std::string>> tables{
      {9, "#cc79a7"}, {17, "#d55e00"}, {33, "#e69f00"}, {65, "#009e73"}};
  Work work(lab, "KS distances", static_cast<std::int64_t>(sizes.size() * (1 + tables.size())));
  std::int64_t done = 0;
  const auto closed = distances(lab, work, done, exponential, laws[0].cdf, sizes, repeat, 10);

  // Kolmogorov's law: the mean of sqrt(n) D is sqrt(pi / 2) ln 2, its deviation 0.2603.
  const double kolmogorov = std::sqrt(std::numbers::pi / 2) * std::numbers::ln2;
  Column limit;
  for (double n : closed.n) limit.push_back(kolmogorov / std::sqrt(n));
  smld::Chart chart({.columns = 2, .width = 520, .height = 390});
  chart
      .panel("A known F⁻¹: the distance falls as 1/√n", {.label = "number of draws n", .log = true},
             {.label = "KS distance D", .log = true})
      .line("exponential law", closed.n, closed.mean, {.markers = true})
      .band("5 to 95 % of the repetitions", closed.n, closed.low, closed.high)
      .line("√(π/2) ln 2 / √n", closed.n, limit, {.color = "#000000", .width = 1.2, .dashed = true});
  auto coarse = chart.panel("A coarse table of F: the distance stops at the table's error",
                            {.label = "number of draws n", .log = true}, {.label = "KS distance D", .log = true});
  std::vector<Row> rows;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    rows.push_back({"exponential, closed form", sizes[i], closed.mean[i], closed.low[i], closed.high[i], limit[i]});
  Column floors;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const auto quantile = tabulated(Table::cdf, tables[t].first);
    const auto d = distances(lab, work, done, quantile, mixture_cdf, sizes, repeat, 20 + t);
    const double floor = table_error(quantile);
    coarse.line(fmt::format("{} points", tables[t].first), d.n, d.mean, {.color = tables[t].second, .markers = true});
    coarse.horizontal("", floor, {.color = tables[t].second, .width = 1, .dashed = true});
    floors.push_back(floor);
    for (std::size_t i = 0; i < sizes.size(); ++i)
      rows.push_back(
          {fmt::format("mixture, {} points of F", tables[t].first), sizes[i], d.mean[i], d.low[i], d.high[i], floor});
    // In the mean between the table's error (Jensen) and that plus the sampling error of exact draws (triangle inequality).
    if (t < 2)
      lab.check(fmt::format("D at n = {}, table of {} points: its error, plus at most the sampling error", sizes.back(),
                            tables[t].first),
                d.mean.back(), floor + limit.back() / 2,
                limit.back() / 2 + 2 / std::sqrt(static_cast<double>(sizes.back() * repeat)));
  }
  coarse.line("1/√n law", closed.n, limit, {.color = "#000000", .width = 1.2, .dashed = true});
  lab.heading("How far the draws are from the law");
  lab.text(
      "The distance D = sup |F<sub>n</sub> − F| of Kolmogorov and Smirnov tells whether n draws look like the law. For "
      "exact draws √n D "
      "tends to a law of its own, with mean √(π/2) ln 2 = " +
      num(kolmogorov, 4) + ": here, at n = " + std::to_string(sizes.back()) + ", the mean over " +
      std::to_string(repeat) + " repetitions is " + num(closed.mean.back() * std::sqrt(closed.n.back()), 4) + ".");
  lab.figure("ks.svg", chart,
             "Left: exact draws. Right: the mixture through tables of its F; dashed in the same colour the greatest "
             "error of each table.");
  std::string errors, factors;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    errors += fmt::format("{}{} with {} points", t == 0 ? "" : ", ", num(floors[t]), tables[t].first);
    if (t > 0) factors += fmt::format("{}{}", t == 1 ? "" : ", ", num(floors[t - 1] / floors[t], 2));
  }
  lab.text("A table adds its own error, which no number of draws takes away: " + errors +
           ". Each halving of the distance between the points divides it by " + factors +
           "; straight pieces give 4 in the limit. As long as the dashed line of a table lies well below 1/√n, its "
           "draws can't be told from exact ones.");
  const double deviation = 0.2603 / std::sqrt(static_cast<double>(repeat));
  // At finite n the mean is smaller by about 1 / (6 sqrt(n)) (Vrbik 2018).
  lab.check("mean of √n D, exponential law", closed.mean.back() * std::sqrt(closed.n.back()),
            kolmogorov - 1 / (6 * std::sqrt(closed.n.back())), 4 * deviation);
  lab.csv("ks.csv", {"law", "n", "mean D", "5 %", "95 %", "limit: Kolmogorov's mean, or the table's error"}, rows);
}

}  // namespace stein::tools
