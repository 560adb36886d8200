// SPDX-License-Identifier: MIT
// What the trace of implicit score matching costs by every method, how far estimates of the loss and of its gradient scatter, and what
// training with each reaches.
#include "tools/lab/trace_methods.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "autograd/grad.h"
#include "nn/mlp.h"
#include "nn/optim.h"
#include "ops/ops.h"
#include "smld/objectives.h"
#include "tensor/storage.h"

namespace stein::tools {

using namespace smld;

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// All gradients in a row.
Tensor flat(const Tensors& gradients) {
  Tensors rows;
  for (const auto& g : gradients) rows.push_back(reshape(g.to(f64), {-1}));
  return concat(rows, 0);
}

double cosine(const Tensor& a, const Tensor& b) { return (sum(a * b) / sqrt(sum(a * a) * sum(b * b))).item(); }

struct Result {
  double ms, bytes;  // a training step
  double bias, error, deviation,
      cosine_;  // of the loss: mean less exact, its standard error, standard deviation; of the gradient
  double loss;
};

// Two bumps, at 1 and -1 on every axis.
Tensor two_bumps(const Lab& lab, std::int64_t n, std::int64_t d, Generator& g) {
  return rademacher({n, 1}, g, f32, lab.device()) + 0.5 * randn({n, d}, g, f32, lab.device());
}

class Bench {
 public:
  Bench(Lab& lab, std::int64_t d, std::int64_t layers)
      : lab_(lab),
        g_(lab.generator().fork(static_cast<std::uint64_t>(100 * d + layers))),
        net_(lab.put(nn::MLP(sizes(d, layers, lab.pick<std::int64_t>(128, 16)), "softplus", g_))),
        x_(two_bumps(lab, lab.pick<std::int64_t>(64, 8), d, g_)) {
    // A little training, so that the Jacobian is that of a score and not of noise.
    nn::Adam adam(net_, {.lr = 2e-3});
    const Objective dsm = objective::dsm({.noise = gaussian_noise(0.5), .scaled = true});
    for (int i = 0; i < lab.pick(100, 5); ++i)
      adam.step(grad({dsm(model(), two_bumps(lab, x_.size(0), d, g_), g_).value}, net_.parameters()));
  }

  Result run(const TraceWay& way, const Result* exact) {
    Result r{0, 0, 0, 0, 0, 1, 0};
    cost(way, r);
    if (!way.estimate) {
      const Loss loss = way.objective(model(), x_, g_);
      r.loss = loss.value.item();
      if (exact)
        r.bias = r.loss - exact->loss, r.cosine_ = cosine(flat(grad({loss.value}, net_.parameters())), exact_gradient_);
      else
        exact_gradient_ = flat(grad({loss.value}, net_.parameters()));
    } else if (exact) {
      scatter(way, *exact, r);
    }
    return r;
  }

 private:
  static std::vector<std::int64_t> sizes(std::int64_t d, std::int64_t layers, std::int64_t h) {
    std::vector<std::int64_t> s(static_cast<std::size_t>(layers) + 2, h);
    s.front() = s.back() = d;
    return s;
  }
  LevelScore model() const {
    return [net = net_](const Tensor& x, const Tensor&) { return net(x); };
  }

  // Loss, gradients, Adam, until the device has done it; the weights are put back. Steps of more than a second are timed once.
  void cost(const TraceWay& way, Result& r) {
    NamedTensors before;
    for (const auto& [name, t] : net_.state_dict()) before[name] = t.clone();
    nn::Adam adam(net_, {.lr = 1e-5});
    const auto step = [&] {
      adam.step(grad({way.objective(model(), x_, g_).value}, net_.parameters()));
      lab_.wait();
    };
    const auto live = memory_stats(lab_.device()).live_bytes;
    reset_peak_memory(lab_.device());
    step();
    r.bytes = static_cast<double>(memory_stats(lab_.device()).peak_bytes - live);
    std::vector<double> times;
    const auto start = Clock::now();
    do {
      const auto t = Clock::now();
      step();
      times.push_back(since(t));
    } while ((times.size() < 3 && since(start) < 1) ||
             (since(start) < (lab_.quick() ? 0.002 : 0.25) && times.size() < 200));
    r.ms = 1e3 * median(times);
    net_.load_state_dict(before);
  }

  void scatter(const TraceWay& way, const Result& exact, Result& r) {
    std::vector<double> losses;
    double cosines = 0;
    // g_ has gone on for as many steps as were timed: these draws shall not depend on the time.
    Generator probes = g_.fork(1);
    const auto least = lab_.pick<std::size_t>(10, 40);
    for (const auto start = Clock::now();
         losses.size() < least || (!lab_.quick() && since(start) < 0.3 && losses.size() < 400);) {
      const Loss loss = way.objective(model(), x_, probes);
      losses.push_back(loss.value.item());
      cosines += cosine(flat(grad({loss.value}, net_.parameters())), exact_gradient_);
    }
    const auto n = static_cast<double>(losses.size());
    const Tensor all = from_vector(losses, {static_cast<std::int64_t>(losses.size())});
    r.deviation = stein::std(all).item();
    r.error = r.deviation / std::sqrt(n);
    r.loss = mean(all).item();
    r.bias = r.loss - exact.loss;
    r.cosine_ = cosines / n;
  }

  Lab& lab_;
  Generator g_;
  nn::MLP net_;
  Tensor x_;
  Tensor exact_gradient_;
};

}  // namespace

std::vector<TraceWay> trace_ways(std::int64_t d) {
  using objective::implicit;
  const auto estimate = [](TraceMethod method, ProbeLaw law, std::int64_t m) {
    return implicit({.method = method, .law = law, .probes = m});
  };
  const auto eight = std::min<std::int64_t>(8, d);
  return {
      {"exact, planned", implicit(), false},
      {"exact, loop", implicit({.method = TraceMethod::naive}), false},
      {"exact, chunked", implicit({.method = TraceMethod::chunked}), false},
      {"Hutchinson, Rademacher", estimate(TraceMethod::hutchinson, ProbeLaw::rademacher, 1), true},
      {"Hutchinson, Gaussian", estimate(TraceMethod::hutchinson, ProbeLaw::gaussian, 1), true},
      {"Hutchinson, sphere", estimate(TraceMethod::hutchinson, ProbeLaw::sphere, 1), true},
      {"orthogonal, " + std::to_string(eight) + " probes",
       estimate(TraceMethod::hutchinson, ProbeLaw::orthogonal, eight), true},
      {"Hutch++, " + std::to_string(std::min<std::int64_t>(9, 3 * d)) + " products",
       estimate(TraceMethod::hutchpp, ProbeLaw::rademacher, std::min<std::int64_t>(9, 3 * d)), true},
      {"XTrace, " + std::to_string(std::min<std::int64_t>(8, 2 * d)) + " products",
       estimate(TraceMethod::xtrace, ProbeLaw::gaussian, std::min<std::int64_t>(8, 2 * d)), true},
      {"FD-SSM, ε = 0.1", objective::fd_ssm(0.1), true},
  };
}

void trace_costs(Lab& lab) {
  const std::vector<std::int64_t> dims =
      lab.quick() ? std::vector<std::int64_t>{2, 8} : std::vector<std::int64_t>{2, 8, 64, 256, 784};
  const int most = lab.pick(3, 2);
  const Objective dsm = objective::dsm({.noise = gaussian_noise(0.1), .scaled = true});
  const std::vector<TraceWay> names = trace_ways(8);
  const std::size_t ways = names.size();
  // [layers][way][d]
  std::vector<std::vector<std::vector<Result>>> all(static_cast<std::size_t>(most),
                                                    std::vector<std::vector<Result>>(ways + 1));
  Work work(lab, "methods", most * static_cast<std::int64_t>(dims.size() * (ways + 1)));
  std::int64_t done = 0;
  std::vector<Row> rows;
  double worst_exact = 0, worst_sigmas = 0;
  for (int k = 1; k <= most; ++k)
    for (const auto d : dims) {
      Bench bench(lab, d, k);
      const auto list = trace_ways(d);
      auto& at = all[static_cast<std::size_t>(k - 1)];
      for (std::size_t w = 0; w <= ways; ++w) {
        const TraceWay way = w < ways ? list[w] : TraceWay{"DSM", dsm, true};
        const Result r = bench.run(way, w == 0 || w == ways ? nullptr : &at[0].back());
        at[w].push_back(r);
        work.update(++done, "d " + std::to_string(d) + ", " + way.name);
        const bool compared = w < ways;
        const auto cell = [&](double v) { return compared ? Cell(v) : Cell(""); };
        rows.push_back(
            {k, d, way.name, r.ms, r.bytes / 1e6, cell(r.bias), cell(r.error), cell(r.deviation), cell(r.cosine_)});
        if (w > 0 && w < ways && !way.estimate)
          worst_exact = std::max(worst_exact, std::abs(r.bias) / std::abs(at[0].back().loss));
        if (way.estimate && w < 9 && w > 0)
          worst_sigmas = std::max(worst_sigmas, std::abs(r.bias) / (r.error + 1e-5 * std::abs(r.loss)));
      }
    }

  lab.heading("Cost");
  const std::vector<std::size_t> shown{0, 1, 2, 3, 6, 7, 9, ways};
  const auto panels = [&](const char* axis, auto value) {
    Chart chart({.columns = 3, .width = 400, .height = 360});
    for (int k = 1; k <= most; ++k) {
      auto panel = chart.panel(std::to_string(k) + (k == 1 ? " hidden layer" : " hidden layers"),
                               {.label = "dimension d", .log = true}, {.label = axis, .log = true});
      for (const auto w : shown) {
        std::vector<double> x, y;
        for (std::size_t i = 0; i < dims.size(); ++i) {
          x.push_back(static_cast<double>(dims[i]));
          y.push_back(value(all[static_cast<std::size_t>(k - 1)][w][i]));
        }
        std::string name = w == ways ? "DSM, no trace" : names[w].name;
        panel.line(name, x, y, {.width = w == 0 ? 3.0 : 1.6, .markers = true, .dashed = w == ways});
      }
    }
    return chart;
  };
  lab.figure("time.svg", panels("ms a training step", [](const Result& r) { return r.ms; }),
             "Time of a training step (loss, gradients, Adam) against the dimension. The planned exact trace is the "
             "thick line: with one and two "
             "hidden layers it runs beside the estimates, with three its price grows with d until the cyclic order "
             "takes over.");
  lab.figure("memory.svg", panels("MB at the peak of a step", [](const Result& r) { return r.bytes / 1e6; }),
             "Memory of the same steps beyond what the network and the optimiser hold. The loop keeps the graphs of "
             "all d products until the gradient is taken.");
  const auto last = dims.size() - 1;
  std::vector<Row> ratio;
  for (int k = 1; k <= most; ++k)
    for (std::size_t i = 0; i <= last; ++i) {
      const auto& at = all[static_cast<std::size_t>(k - 1)];
      ratio.push_back({k, dims[i], at[ways][i].ms, at[3][i].ms / at[ways][i].ms, at[0][i].ms / at[ways][i].ms,
                       at[2][i].ms / at[ways][i].ms, at[1][i].ms / at[ways][i].ms});
    }
  lab.table("price.csv", "The price of a trace: times as long as a step of denoising score matching, which needs none.",
            {"hidden layers", "d", "DSM, ms", "Hutchinson", "exact, planned", "exact, chunked", "exact, loop"}, ratio);

  const auto range = [&](int k, std::size_t way) {
    double low = INFINITY, high = 0;
    for (std::size_t i = 0; i <= last; ++i) {
      const auto& at = all[static_cast<std::size_t>(k - 1)];
      const double r = at[way][i].ms / at[ways][i].ms;
      low = std::min(low, r), high = std::max(high, r);
    }
    return num(low, 2) + " to " + num(high, 2);
  };
  std::string summary = "In this run, by dimension, the planned exact step took ";
  for (int k = 1; k <= most; ++k)
    summary += (k > 1 ? ", " : "") + range(k, 0) + " times a DSM step with " + std::to_string(k) +
               (k == 1 ? " hidden layer" : " hidden layers");
  const auto beside_one_probe = [&](int k) {
    double log_ratio = 0;
    for (std::size_t i = 0; i <= last; ++i) {
      const auto& at = all[static_cast<std::size_t>(k - 1)];
      log_ratio += std::log(at[0][i].ms / at[3][i].ms) / static_cast<double>(last + 1);
    }
    return num(std::exp(log_ratio), 2);
  };
  summary += "; the loop " + range(most, 1) +
             " times. Beside one with a single Rademacher probe it took, on the geometric mean over the dimensions, ";
  for (int k = 1; k <= most; ++k)
    summary += (k > 1 ? ", " : "") + beside_one_probe(k) + " times as long with " + std::to_string(k);
  lab.text(summary + ". What the probe's saving costs in accuracy comes next.");

  lab.heading("What an estimate is worth");
  lab.text(
      "For a network after a little training and one batch, the probes were drawn again and again. An estimate has no "
      "bias (FD-SSM: of order ε²), but "
      "its loss scatters, and its gradient points away from that of the exact loss: a cosine of 0.5 means that three "
      "quarters of its squared length are noise.");
  Chart quality({.columns = 3, .width = 400, .height = 360});
  for (int k = 1; k <= most; ++k) {
    auto panel =
        quality.panel(std::to_string(k) + (k == 1 ? " hidden layer" : " hidden layers"),
                      {.label = "dimension d", .log = true}, {.label = "cosine with the exact gradient", .max = 1.02});
    for (std::size_t w = 3; w < ways; ++w) {
      std::vector<double> x, y;
      for (std::size_t i = 0; i < dims.size(); ++i) {
        x.push_back(static_cast<double>(dims[i]));
        y.push_back(all[static_cast<std::size_t>(k - 1)][w][i].cosine_);
      }
      panel.line(names[w].name, x, y, {.markers = true});
    }
  }
  lab.figure("cosine.svg", quality,
             "Mean cosine between the gradient of the estimated loss and that of the exact loss, one batch.");
  Chart trade({.columns = 3, .width = 400, .height = 380});
  for (std::size_t i = last - std::min<std::size_t>(last, 2); i <= last; ++i) {
    const auto& at = all[static_cast<std::size_t>(most > 1 ? 1 : 0)];
    auto panel = trade.panel("d = " + std::to_string(dims[i]) + ", 2 hidden layers",
                             {.label = "ms a training step", .log = true},
                             {.label = "standard deviation of the loss", .log = true});
    for (std::size_t w = 3; w < ways; ++w)
      panel.line(names[w].name, {at[w][i].ms}, {at[w][i].deviation}, {.size = 5, .markers = true, .line = false});
    panel.vertical("exact, planned", at[0][i].ms, {.color = "#000000", .dashed = true});
  }
  lab.figure("trade.svg", trade,
             "Scatter against time: lower and further left is better. The exact trace has no scatter; the dashed line "
             "is its price.");
  const std::vector<std::string> columns{"hidden layers",  "d",         "method", "ms a step", "peak MB", "bias",
                                         "standard error", "deviation", "cosine"};
  lab.csv("methods.csv", columns, rows);
  std::vector<Row> two;
  for (const Row& r : rows)
    if (r[0].text == std::to_string(std::min(most, 2))) two.push_back(r);
  lab.table("methods_2.csv",
            "Every method, two hidden layers (all depths: methods.csv). Bias: mean of the loss less the exact loss, "
            "with its standard error.",
            columns, two);
  lab.check("exact methods: largest relative difference of the loss (f32)", worst_exact, 0, 1e-4);
  lab.check("unbiased estimates: largest bias in standard errors, of " +
                std::to_string(most * static_cast<int>(dims.size()) * 6),
            worst_sigmas, 0, 4.5);
}

}  // namespace stein::tools
