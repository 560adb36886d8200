// SPDX-License-Identifier: MIT
// What an experiment of `stein lab` is given: its seed, and a page to write on. Everything it leaves is a file of its folder and at
// once a part of the page (index.html, index.md).
//
//   void my_experiment(Lab& lab) {
//     const std::int64_t n = lab.pick(100000, 1000);            // the second number: --quick
//     const nn::MLP net = lab.put(nn::MLP({2, 64, 2}, "silu", lab.generator()));      // where --device says
//     const Tensor x = randn({n, 2}, lab.generator(), f32, lab.device());             // or lab.put(t) of a tensor
//     Work work(lab, "sampling", n);                            // progress bar; ends by Interrupted when Ctrl-C was pressed
//     ... work.update(i);
//     lab.text("The mean is " + num(mean) + "; theory: x = −ln(1−u)/λ.");
//     lab.check("mean of the samples", mean, 0.5, 0.01);        // measured, truth, allowed difference
//     smld::Chart chart;
//     chart.panel("Title", {.label = "x"}, {.label = "density"}).histogram("samples", x, 40, 0, 4);
//     lab.figure("density.svg", chart, "What one sees here.");
//     lab.table("means.csv", "Means by n", {"n", "mean"}, {{100, 0.51}, {1000, 0.502}});
//   }
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "nn/module.h"
#include "smld/chart.h"
#include "smld/progress.h"
#include "tensor/random.h"

namespace stein::tools {

/// A field of a table: in the .csv whole numbers and all digits, on the page four digits.
struct Cell {
  Cell(const char* t) : text(t) {}
  Cell(std::string t) : text(std::move(t)) {}
  Cell(double v) : value(v), number(true) {}
  template <std::integral I>
  Cell(I v) : text(std::to_string(v)), number(true) {}

  std::string text;  // empty: the value
  double value = 0;
  bool number = false;
};
using Row = std::vector<Cell>;

/// A number for text and captions, with `digits` significant digits: 0.0123, 1.5·10<sup>−6</sup>.
std::string num(double value, int digits = 3);

/// What the page holds, in order.
struct Block {
  enum class Kind : std::uint8_t { heading, text, table, figure, image };
  Kind kind;
  std::string text;  // of figures, images and tables the caption
  std::string file;  // "" when there is none
  std::string data;  // figure: the <svg>; image: a data URI
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

/// A number measured beside the true one.
struct Check {
  std::string what;
  double measured, truth, allowed;
  bool met() const { return measured >= truth - allowed && measured <= truth + allowed; }  // NaN: not met
};

class Lab {
 public:
  Lab(std::string folder, std::uint64_t seed, bool quick, bool quiet, const Device& device);

  std::uint64_t seed() const { return seed_; }
  /// In tests, and for a first look: everything in a second or two, figures coarser, same files.
  bool quick() const { return quick_; }
  template <class T>
  T pick(T full, std::type_identity_t<T> quick) const {
    return quick_ ? quick : full;
  }
  /// The experiment's stream of random numbers; fork() it for parts that shall not depend on each other.
  Generator& generator() { return generator_; }

  /// Where networks, data, noise, losses, optimisers and samplers are. Charts, tables, distances and the exact scores of mixtures
  /// take tensors from there.
  const Device& device() const { return device_; }
  /// A copy there, or `t` itself.
  Tensor put(const Tensor& t) const { return t.to(device_); }
  /// Moves a network there and returns it; optimisers and averages are made afterwards.
  template <std::derived_from<nn::Module> M>
  M put(M net) const {
    net.to(device_);
    return net;
  }
  /// Returns when the device has done what was asked of it: to be called before a clock is read.
  void wait() const;

  // Text may use <sup>, <sub>, <b>, <i>, <em>, <code> and entities as &le;; any other < is a less-than sign.
  void heading(const std::string& text);
  void text(const std::string& paragraph);
  /// A table on the page and `file` (.csv). Throws Error when a row has not as many cells as there are columns.
  void table(const std::string& file, const std::string& caption, const std::vector<std::string>& columns,
             const std::vector<Row>& rows);
  /// Numbers for others' plots: `file` (.csv) alone, named on the page.
  void csv(const std::string& file, const std::vector<std::string>& columns, const std::vector<Row>& rows);
  /// rows (n, number of columns).
  void csv(const std::string& file, const std::vector<std::string>& columns, const Tensor& rows);
  /// `file` (.svg).
  void figure(const std::string& file, const smld::Chart& chart, const std::string& caption);
  /// `file` (.png) of (1 or 3, H, W), enlarged to be at least `width` pixels wide.
  void image(const std::string& file, const Tensor& picture, const std::string& caption, std::int64_t width = 320);
  /// Puts what was measured beside the truth, in a table at the end of the page; returns whether they differ by at most `allowed`.
  /// What is not met is marked there and reported by the program.
  bool check(const std::string& what, double measured, double truth, double allowed);

  /// Throws smld::Interrupted when the user asked for an end.
  void check_interrupt() const;
  /// For the progress callback of samplers: false when the user asked for an end.
  bool go_on() const;
  bool quiet() const { return quiet_; }

  const std::vector<Block>& blocks() const { return blocks_; }
  const std::vector<Check>& checks() const { return checks_; }
  /// In the order of their making, with those of the tables and figures.
  const std::vector<std::string>& files() const { return files_; }

 private:
  void write(const std::string& file, const char* ending, const std::string& content);

  std::string folder_;
  std::uint64_t seed_;
  bool quick_, quiet_;
  Device device_;
  Generator generator_;
  std::vector<Block> blocks_;
  std::vector<Check> checks_;
  std::vector<std::string> files_;
};

/// A progress bar of one part of an experiment, with speed and time left.
class Work {
 public:
  Work(const Lab& lab, const std::string& label, std::int64_t total);
  /// Throws smld::Interrupted when the user asked for an end.
  void update(std::int64_t done, const std::string& detail = {});

 private:
  const Lab& lab_;
  smld::Progress progress_;
};

}  // namespace stein::tools
