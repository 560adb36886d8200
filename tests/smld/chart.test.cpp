// SPDX-License-Identifier: MIT
#include "smld/chart.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>

#include "smld/detail/chart_data.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/support/xml.h"

using namespace stein;
using namespace stein::smld;
using stein::test::count;
using stein::test::xml_fault;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// One panel with linear axes 0 to 10 each.
std::string drawn(const std::function<void(Panel&)>& draw, bool log = false) {
  Chart chart;
  Panel p = chart.panel("t", {.label = "x", .log = log, .min = log ? 1 : 0, .max = 10},
                        {.label = "y", .log = log, .min = log ? 1 : 0, .max = 10});
  draw(p);
  return chart.svg();
}

// The labels of the ticks: text of size 11 that is anchored at its end (y) or middle (x).
std::vector<std::string> labels(const std::string& svg, const std::string& anchor) {
  std::vector<std::string> r;
  const std::string mark = "font-size=\"11\" text-anchor=\"" + anchor + "\"";
  for (auto at = svg.find(mark); at != std::string::npos; at = svg.find(mark, at + 1)) {
    const auto from = svg.find('>', at) + 1;
    r.push_back(svg.substr(from, svg.find('<', from) - from));
  }
  return r;
}

// What is inside the plot area of the only panel.
std::string plot(const std::string& svg) {
  const auto from = svg.find('>', svg.find("<svg x=")) + 1;
  return svg.substr(from, svg.find("</svg>", from) - from);
}

void sound(const std::string& svg) {
  CHECK(xml_fault(svg) == "");
  for (const char* bad : {"nan", "inf\"", " inf", "-inf"}) CHECK(svg.find(bad) == std::string::npos);
}

std::vector<std::string> tick_labels(const charts::Range& r, int wanted) {
  std::vector<std::string> s;
  for (const auto& t : charts::ticks_of(r, wanted)) {
    CHECK(t.part >= -1e-6);
    CHECK(t.part <= 1 + 1e-6);
    if (!t.label.empty()) s.push_back(t.label);
  }
  return s;
}

}  // namespace

TEST_CASE("the check of XML finds what is wrong") {
  CHECK(xml_fault("<a b=\"c\"><d/>x &lt; y</a>\n") == "");
  for (const char* bad :
       {"<a>", "<a></b>", "<a b=c/>", "<a>x < y</a>", "<a>x & y</a>", "<a b=\"1\" b=\"2\"/>", "<a/><b/>", "x", ""})
    CHECK(xml_fault(bad) != "");
}

TEST_CASE("every kind of series is drawn with as many marks as there are points, as well-formed XML") {
  Generator g(1);
  const Tensor cloud = uniform({3000, 2}, g, 1, 9);
  const auto points = drawn([&](Panel& p) { p.scatter("cloud", cloud, {.opacity = 0.3}); });
  sound(points);
  CHECK(count(plot(points), "h0") == 3000);
  CHECK(count(plot(points), "<path") == 8);  // so that overlaps darken

  const auto line = drawn([](Panel& p) { p.line("l", {1, 2, 3, 4}, {1, 4, 9, 3}, {.markers = true, .dashed = true}); });
  sound(line);
  CHECK(count(plot(line), "stroke-dasharray") == 1);
  CHECK(count(plot(line), "a3.0") == 8);  // four circles of two arcs

  const auto bars = drawn([](Panel& p) { p.bars("b", {1, 2, 3}, {3, 2, 1}, 0.8); });
  sound(bars);
  CHECK(count(plot(bars), "z") == 3);
  const auto whiskers = drawn([](Panel& p) { p.errors({1, 2}, {1, 2}, {3, 4}).band("", {1, 2}, {1, 2}, {3, 4}); });
  sound(whiskers);
  CHECK(count(plot(whiskers), "h6") == 4);
  CHECK(count(plot(whiskers), "opacity=\"0.2\"") == 1);

  const auto arrows = drawn([](Panel& p) { p.arrows("f", {1, 2, 3}, {1, 2, 3}, {1, 0, 0}, {0, -1, 0}); });
  sound(arrows);
  CHECK(count(plot(arrows), "M") == 4);  // a shaft and a head each; nothing for the zero vector

  const Tensor grid = from_vector(std::vector<double>{0, 1, 2, 3, kNan, 5}, {2, 3});
  const auto heat = drawn([&](Panel& p) { p.heatmap("h", grid, {0, 10, 0, 10}); });
  sound(heat);
  CHECK(count(heat, "data:image/png;base64,iVBOR") == 2);  // the field and its bar
  const auto rules = drawn([](Panel& p) { p.horizontal("five", 5).vertical("", 3).note("n < 3"); });
  sound(rules);
  CHECK(count(plot(rules), "M0 ") == 1);
  CHECK(count(rules, "n &lt; 3") == 1);
}

TEST_CASE("marks stand where the axes say") {
  // Frame of the plot: <svg x y width height>; the point (2.5, 7.5) of 0 to 10 is a quarter from the left and from the top.
  const auto svg = drawn([](Panel& p) { p.scatter("", {2.5}, {7.5}); });
  double x = 0, y = 0, w = 0, h = 0, px = 0, py = 0;
  REQUIRE(std::sscanf(svg.c_str() + svg.find("<svg x="), "<svg x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x,
                      &y, &w, &h) == 4);
  REQUIRE(std::sscanf(plot(svg).c_str() + plot(svg).find("d=\"M"), "d=\"M%lf %lf", &px, &py) == 2);
  CHECK(px == Approx(w / 4).margin(0.1));
  CHECK(py == Approx(h / 4).margin(0.1));
  const auto logs = drawn([](Panel& p) { p.scatter("", {std::sqrt(10.0)}, {std::sqrt(10.0)}); }, true);
  REQUIRE(std::sscanf(logs.c_str() + logs.find("<svg x="), "<svg x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x,
                      &y, &w, &h) == 4);
  REQUIRE(std::sscanf(plot(logs).c_str() + plot(logs).find("d=\"M"), "d=\"M%lf %lf", &px, &py) == 2);
  CHECK(px == Approx(w / 2).margin(0.1));
  CHECK(py == Approx(h / 2).margin(0.1));

  Chart equal;
  equal.panel("", {.min = 0, .max = 4}, {.min = 0, .max = 1}).scatter("", {1}, {1}).equal_aspect();
  const auto e = equal.svg();
  REQUIRE(std::sscanf(e.c_str() + e.find("<svg x="), "<svg x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x, &y,
                      &w, &h) == 4);
  CHECK(w == Approx(4 * h).epsilon(0.01));
}

TEST_CASE("a histogram's area is the share of the finite values inside") {
  Chart chart;
  // four of five finite values lie in [0, 2): bins of width 1 hold 3 and 1
  chart.panel("", {.min = 0, .max = 2}, {.min = 0, .max = 1}).histogram("", {0.1, 0.2, 0.9, 1.5, 7, kNan}, 2, 0, 2);
  const auto svg = chart.svg();
  double h = 0, a = 0, b = 0, ignored = 0;
  REQUIRE(std::sscanf(svg.c_str() + svg.find("<svg x="), "<svg x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"",
                      &ignored, &ignored, &ignored, &h) == 4);
  const auto p = plot(svg);
  const auto second = p.find('M', p.find('z'));
  REQUIRE(std::sscanf(p.c_str() + p.find("M0"), "M%lf %lfV%lf", &ignored, &ignored, &a) == 3);
  REQUIRE(std::sscanf(p.c_str() + second, "M%lf %lfV%lf", &ignored, &ignored, &b) == 3);
  CHECK(1 - a / h == Approx(3.0 / 5).margin(0.002));
  CHECK(1 - b / h == Approx(1.0 / 5).margin(0.002));
  Panel q = Chart().panel("", {}, {});
  CHECK_THROWS_AS(q.histogram("", {1}, 0, 0, 1), Error);
  CHECK_THROWS_AS(q.histogram("", {1}, 3, 1, 1), Error);
}

TEST_CASE("what is not finite, or not above 0 on a logarithmic axis, is left out") {
  const auto gap = drawn([](Panel& p) { p.line("", {1, 2, 3, 4, 5}, {1, 2, kNan, 4, 5}); });
  sound(gap);
  CHECK(count(plot(gap), "M") == 2);  // two pieces
  const double inf = std::numeric_limits<double>::infinity();
  const auto cloud = drawn([&](Panel& p) { p.scatter("", {1, kNan, 3, inf}, {1, 2, -inf, 4}); });
  sound(cloud);
  CHECK(count(plot(cloud), "h0") == 1);
  const auto log = drawn([](Panel& p) { p.scatter("", {2, 0, -3, 5}, {2, 3, 3, -1}); }, true);
  sound(log);
  CHECK(count(plot(log), "h0") == 1);
  // and they do not widen an axis
  Chart chart;
  chart.panel("", {}, {.log = true}).line("", {1, 2, 1e9}, {1, 100, -5});
  for (const auto& l : labels(chart.svg(), "middle")) CHECK(l.find("10") == std::string::npos);

  for (bool logs : {false, true}) {
    Chart none;
    none.panel("empty", {.log = logs}, {.log = logs})
        .line("l", {1, kNan}, {kNan, -1}, {.markers = true})
        .band("", {kNan}, {1}, {2});
    none.panel("nothing", {}, {});
    none.panel("field", {}, {}).heatmap("h", full({3, 3}, kNan, f64), {0, 1, 0, 1});
    const auto svg = none.svg();
    sound(svg);
    CHECK(count(svg, "nothing to show") == 3);
  }
  const auto far = drawn([](Panel& p) { p.line("", {1, 2}, {1e300, -1e300}).errors({3}, {-1e300}, {1e300}); });
  sound(far);
  CHECK(far.size() < 6000);
  Chart huge;
  huge.panel("", {}, {})
      .line("", {1, 2}, {1e308, -1e308})
      .scatter("", {-1.7e308, 0}, {0, 1.7e308})
      .bars("", {0, 1e200}, {1e308, 3}, 1e308);
  huge.panel("", {}, {}).line("", {1e-320, 3e-320}, {1e140, -1e140});
  huge.panel("", {.log = true}, {.log = true}).line("", {1e-320, 1e140}, {1e-300, 1e-300});
  sound(huge.svg());
}

TEST_CASE("columns of different lengths and other bad input are errors") {
  Panel p = Chart().panel("", {}, {});
  CHECK_THROWS_WITH(p.line("", {1, 2}, {1}), Catch::Contains("[line] expected columns of one length; got 2, 1"));
  CHECK_THROWS_AS(p.band("", {1}, {1}, {1, 2}), Error);
  CHECK_THROWS_AS(p.errors({1}, {1, 2}, {1, 2}), Error);
  CHECK_THROWS_AS(p.scatter("", {1}, {}), Error);
  CHECK_THROWS_AS(p.scatter("", zeros({4, 3})), Error);
  CHECK_THROWS_AS(p.bars("", {1}, {}, 1), Error);
  CHECK_THROWS_AS(p.arrows("", {1}, {1}, {1}, {}), Error);
  CHECK_THROWS_AS(p.heatmap("", zeros({4}), {0, 1, 0, 1}), Error);
  CHECK_THROWS_AS(p.heatmap("", zeros({4, 4}), {1, 0, 0, 1}), Error);
  CHECK_THROWS_AS(p.contours("", zeros({0, 4}), {0, 1, 0, 1}, {1}), Error);
  CHECK_THROWS_AS(Chart({.width = 3}), Error);
  CHECK_THROWS_AS(Chart({.columns = -1}), Error);
}

TEST_CASE("ticks are round numbers") {
  using L = std::vector<std::string>;
  CHECK(tick_labels({0, 1}, 5) == L{"0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(tick_labels({-3.7, 4.2}, 4) == L{"−2", "0", "2", "4"});
  CHECK(tick_labels({0.0011, 0.0049}, 5) == L{"0.002", "0.003", "0.004"});
  CHECK(tick_labels({0, 250000}, 4) == L{"0", "10⁵", "2·10⁵"});
  CHECK(tick_labels({-2e-6, 2e-6}, 4) == L{"−2·10⁻⁶", "−10⁻⁶", "0", "10⁻⁶", "2·10⁻⁶"});
  CHECK(tick_labels({1.000001, 1.000004}, 3) == L{"1.000001", "1.000002", "1.000003", "1.000004"});
  CHECK(tick_labels({150000, 150002}, 2) == L{"1.50000·10⁵", "1.50001·10⁵", "1.50002·10⁵"});
  CHECK(tick_labels({-1, 2, true}, 9) == L{"0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "100"});
  CHECK(tick_labels({-1, 2, true}, 5) == L{"0.1", "1", "10", "100"});
  CHECK(tick_labels({-8, 4, true}, 4) == L{"10⁻⁶", "0.001", "1", "1000"});
  CHECK(tick_labels({-1.6, -0.85, true}, 6) == L{"0.03", "0.04", "0.06", "0.08", "0.1"});
  CHECK(tick_labels({2, 5, true}, 3) == L{"100", "1000", "10⁴", "10⁵"});
  CHECK(tick_labels({0.01, 0.28, true}, 4).size() >= 3);  // less than a decade
  for (double low : {-1e9, -3.0, 0.0, 1e-7, 5.0})
    for (double wide : {1e-6, 0.7, 33.0, 1e7})
      for (int wanted : {2, 5, 9}) {
        const auto n = tick_labels({low, low + wide}, wanted).size();
        INFO(low << " + " << wide << ", " << wanted);
        CHECK(n >= 1);
        CHECK(n <= static_cast<std::size_t>(2.5 * wanted + 2));
      }
}

TEST_CASE("names stand in the places 0, 1, 2") {
  Chart chart;
  chart.panel("", {.names = {"exact", "a name that is far too long for its place", "<c>"}}, {})
      .bars("", {0, 1, 2}, {1, 2, 3}, 0.7);
  const auto svg = chart.svg();
  sound(svg);
  CHECK(count(svg, "rotate(-35)") == 3);
  CHECK(count(svg, "&lt;c&gt;") == 1);
}

TEST_CASE("text is escaped, and legends show what has a label") {
  Chart chart({.title = "a < b & \"c\""});
  chart.panel("<p>", {.label = "x & y"}, {.label = "|s|² > 0"})
      .line("<l> & co", {1, 2}, {1, 2})
      .line("", {1, 2}, {2, 1})
      .scatter("dots", {1}, {1}, {.color = "\"/><script>"});
  const auto svg = chart.svg();
  sound(svg);
  for (const char* t :
       {"a &lt; b &amp; &quot;c&quot;", ">&lt;p&gt;<", "x &amp; y", "|s|² &gt; 0", "&lt;l&gt; &amp; co"})
    CHECK(count(svg, t) == 1);
  CHECK(count(svg, "<script>") == 0);
  CHECK(count(svg, ">dots<") == 1);
  // the legend ends above the frame
  const auto frame = svg.find("<svg x=");
  double x = 0, top = 0;
  REQUIRE(std::sscanf(svg.c_str() + frame, "<svg x=\"%lf\" y=\"%lf\"", &x, &top) == 2);
  const auto text = svg.rfind("y=\"", svg.find(">dots<"));
  CHECK(std::stod(svg.substr(text + 3)) < top);
}

TEST_CASE("charts are the same text each time, hold no ids, and lie in a grid") {
  const auto make = [] {
    Chart chart({.columns = 2, .width = 300, .height = 200});
    for (int i = 0; i < 3; ++i) chart.panel("p" + std::to_string(i), {}, {}).line("", {0, 1}, {0, 1});
    return chart.svg();
  };
  CHECK(make() == make());
  CHECK(make().find(" id=") == std::string::npos);
  CHECK(make().find("viewBox=\"0 0 600 400\"") != std::string::npos);
}

TEST_CASE("colours: viridis from dark to light, the diverging map white in the middle, contours around a hill") {
  double before = -1;
  for (int i = 0; i <= 20; ++i) {
    const auto c = charts::map_color(i / 20.0, false);
    const double light = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
    CHECK(light > before);
    before = light;
  }
  CHECK(charts::map_color(0.5, true) == charts::Rgb{0xf7, 0xf7, 0xf7});
  CHECK(charts::map_color(-3, false) == charts::map_color(0, false));
  CHECK(chart_color(0) != chart_color(1));
  CHECK(chart_color(0) == chart_color(8));

  // x^2 + y^2 = 4 on a grid: every point of the contour is 2 from the centre
  const Extent e{-4, 4, -4, 4};
  const Tensor at = grid_points(e, 64, 64);
  Tensor values = zeros({64, 64}, f64);
  for (int i = 0; i < 64 * 64; ++i)
    values.mutable_data<double>()[i] = std::hypot(at.data<double>()[2 * i], at.data<double>()[2 * i + 1]);
  Chart chart;
  chart.panel("", {}, {}).contours("", values, e, {2});
  const auto svg = chart.svg();
  double x = 0, y = 0, w = 0, h = 0;
  REQUIRE(std::sscanf(svg.c_str() + svg.find("<svg x="), "<svg x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x,
                      &y, &w, &h) == 4);
  const auto p = plot(svg);
  int pieces = 0;
  for (auto i = p.find('M'); i != std::string::npos; i = p.find('M', i + 1), ++pieces) {
    REQUIRE(std::sscanf(p.c_str() + i, "M%lf %lf", &x, &y) == 2);
    CHECK(std::hypot(8 * x / w - 4, 4 - 8 * y / h) == Approx(2).margin(0.01));
  }
  CHECK(pieces > 60);
}

TEST_CASE("grid_points gives the cells' centres, or edge to edge, row by row from the bottom") {
  CHECK(grid_points({0, 4, 0, 2}, 2, 2).to_vector<double>() == std::vector<double>{1, 0.5, 3, 0.5, 1, 1.5, 3, 1.5});
  CHECK(grid_points({0, 4, 0, 2}, 2, 2, false).to_vector<double>() == std::vector<double>{0, 0, 4, 0, 0, 2, 4, 2});
  CHECK_THROWS_AS(grid_points({0, 1, 0, 1}, 1, 2), Error);
}

TEST_CASE("the trainer's line chart keeps its labels and colours") {
  const auto svg =
      line_chart("NCSN training", "step", "loss",
                 {{"training loss", "#c9d8ee", {0, 1, 2}, {3, kNan, 0.5}}, {"held-out", "#d1495b", {}, {}}});
  sound(svg);
  for (const char* part :
       {">NCSN training<", ">step<", ">loss<", ">training loss<", ">held-out<", "#c9d8ee", "width=\"760\""})
    CHECK(svg.find(part) != std::string::npos);
}
