// SPDX-License-Identifier: MIT
// `stein lab`: runs experiments, each into a folder of its own that appears when it is complete, and binds them into one report.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "smld/samplers.h"
#include "tensor/detail/atomic_file.h"
#include "tensor/detail/build_info.h"
#include "tensor/device_math.h"
#include "tensor/error.h"
#include "tensor/storage.h"
#include "tools/commands.h"
#include "tools/interrupt.h"
#include "tools/lab/experiments.h"
#include "tools/lab/page.h"

namespace stein::tools {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kMark = "lab.json";  // in the folder of the lab, and in that of each experiment

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The mark of a folder; empty where there is none, or something else of that name.
Json mark_of(const std::string& folder) {
  const auto j = Json::parse(read_text(folder + "/" + kMark), nullptr, false);
  return j.is_object() && j.contains("stein_lab") ? j : Json::object();
}

void claim(const std::string& folder) {
  if (fs::exists(folder) &&
      (!fs::is_directory(folder) || (!fs::is_empty(folder) && mark_of(folder).value("stein_lab", "") != "folder")))
    fail("lab", "a new or empty folder, or one of stein lab", folder + ", which holds something else",
         "choose another with --out");
  fs::create_directories(folder);
  stein::detail::write_atomically("lab", folder + "/" + kMark, Json{{"stein_lab", "folder"}}.dump() + "\n");
}

Json settings_of(const LabArgs& a, const std::string& name) {
  return {{"stein_lab", name},  {"version", stein::detail::build_info().version},
          {"seed", a.seed},     {"quick", a.quick},
          {"device", a.device}, {"math", name_of(stein::detail::device_math.factors)}};
}

std::string command_of(const LabArgs& a, const std::string& name) {
  return fmt::format("stein lab {} --seed {}{}{}", name, a.seed, a.quick ? " --quick" : "", device_options(a.device));
}

// Whether the experiment's folder was made with these settings.
bool finished(const LabArgs& a, const std::string& name) {
  const Json mark = mark_of(a.out + "/" + name), wanted = settings_of(a, name);
  return std::all_of(wanted.items().begin(), wanted.items().end(),
                     [&](const auto& item) { return mark.contains(item.key()) && mark[item.key()] == item.value(); }) &&
         fs::exists(a.out + "/" + name + "/index.html");
}

// Writes into a hidden folder beside, which takes the place of the old one at the end. Returns the mark.
Json run_one(const LabArgs& a, const Experiment& e) {
  const std::string folder = a.out + "/" + e.name, partial = a.out + "/." + e.name + ".partial";
  if (fs::exists(folder) && mark_of(folder).value("stein_lab", "") != e.name)
    fail("lab", "to make the folder " + folder, "something else of that name",
         "move it away, or choose another folder with --out");
  fs::remove_all(partial);
  fs::create_directories(partial);
  const auto start = std::chrono::steady_clock::now();
  reset_peak_memory(parse_device(a.device));
  Lab lab(partial, a.seed, a.quick, a.quiet, parse_device(a.device));
  try {
    e.run(lab);
    lab.check_interrupt();
  } catch (...) {
    fs::remove_all(partial);
    throw;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto write = [&](const char* file, const std::string& text) {
    stein::detail::write_atomically("lab", partial + "/" + file, text);
  };
  const std::string command = command_of(a, e.name);
  write("index.md", article_markdown(e.name, e.title, command, lab));
  write("index.html", page_html(e.title, article_html(e.name, e.title, command, lab)));
  Json mark = settings_of(a, e.name);
  mark["seconds"] = seconds;
  // Of tensors on the device; since the last step it measured of the experiment `trace`, which starts counts of its own.
  mark["peak_bytes"] = memory_stats(parse_device(a.device)).peak_bytes;
  mark["files"] = lab.files();
  mark["checks"] = Json::array();
  for (const auto& c : lab.checks())
    mark["checks"].push_back(
        {{"what", c.what}, {"measured", c.measured}, {"truth", c.truth}, {"allowed", c.allowed}, {"met", c.met()}});
  write(kMark, mark.dump(1) + "\n");
  fs::remove_all(folder);
  fs::rename(partial, folder);
  return mark;
}

std::size_t missed(const Json& mark) {
  const auto checks = mark.value("checks", Json::array());
  return static_cast<std::size_t>(
      std::count_if(checks.begin(), checks.end(), [](const Json& c) { return !c.value("met", false); }));
}

// Every experiment that lies in the folder, in the table's order, and what failed just now.
void write_report(const LabArgs& a, const Json& results) {
  std::vector<Chapter> chapters;
  for (const auto& e : experiments()) {
    Chapter c{e.name, e.title, "", "", false, 0, 0};
    for (const auto& r : results)
      if (r["name"] == e.name && r["status"] == "failed") {
        c.status = "failed: " + r["error"].get<std::string>();
        c.failed = true;
      }
    const std::string folder = a.out + "/" + e.name;
    const Json mark = mark_of(folder);
    if (!c.failed && mark.value("stein_lab", "") == e.name) {
      c.article = article_of_page(read_text(folder + "/index.html"));
      const std::string device = mark.value("device", "cpu"), factors = mark.value("math", "f32");
      c.status = fmt::format("{:.1f} s, seed {}{}{}{}", mark.value("seconds", 0.0),
                             mark.value("seed", std::uint64_t{0}), mark.value("quick", false) ? ", quick" : "",
                             device == "cpu" ? "" : ", " + device, factors == "f32" ? "" : ", " + factors);
      c.checks = mark.value("checks", Json::array()).size();
      c.missed = missed(mark);
    }
    if (!c.status.empty()) chapters.push_back(std::move(c));
  }
  stein::detail::write_atomically("lab", a.out + "/report.html", report_html("stein lab NAME", chapters));
}

std::vector<Experiment> chosen(const LabArgs& a) {
  std::vector<Experiment> r;
  for (const auto& e : experiments())
    if (a.names.front() == "all" || std::find(a.names.begin(), a.names.end(), e.name) != a.names.end()) r.push_back(e);
  return r;
}

int list(bool json) {
  auto all = Json::array();
  for (const auto& e : experiments()) {
    if (!json) fmt::print("{:<14} {:<10} {}\n", e.name, e.duration, e.title);
    all.push_back({{"name", e.name}, {"duration", e.duration}, {"title", e.title}});
  }
  if (json) fmt::print("{}\n", Json{{"experiments", all}}.dump());
  return 0;
}

}  // namespace

std::vector<std::string> lab_names() {
  std::vector<std::string> r{"list", "all"};
  for (const auto& e : experiments()) r.push_back(e.name);
  return r;
}

int lab(const LabArgs& args) {
  LabArgs a = args;
  a.device = to_string(parse_device(args.device));  // one name for cuda and cuda:0; an unknown one makes no folder
  if (a.names.size() > 1)
    for (const char* alone : {"list", "all"})
      if (std::find(a.names.begin(), a.names.end(), alone) != a.names.end())
        fail("lab", std::string(alone) + " alone", "other names beside it");
  if (a.names.front() == "list") return list(a.json);
  claim(a.out);
  catch_signals();
  auto results = Json::array();
  bool stopped = false, failed = false, unmet = false;
  for (const auto& e : chosen(a)) {
    Json r{{"name", e.name}, {"status", "done"}};
    try {
      Json mark;
      if (!a.force && finished(a, e.name)) {
        mark = mark_of(a.out + "/" + e.name);
        r["status"] = "skipped";
        if (!a.json) fmt::print("{}: finished before with these settings; --force runs it again\n", e.name);
      } else {
        mark = run_one(a, e);
        if (!a.json)
          fmt::print("{}: {:.1f} s, {}/{}/index.html\n", e.name, mark["seconds"].get<double>(), a.out, e.name);
      }
      r["seconds"] = mark.value("seconds", 0.0);
      r["checks"] = mark.value("checks", Json::array()).size();
      r["missed"] = missed(mark);
      for (const auto& c : mark.value("checks", Json::array())) {
        if (c.value("met", false)) continue;
        unmet = true;
        const auto number = [&](const char* key) {  // JSON has no NaN
          return c.contains(key) && c[key].is_number() ? fmt::format("{:.6g}", c[key].get<double>()) : "nan";
        };
        fmt::print(stderr, "stein: {}: {}: measured {}, expected {} ± {}\n", e.name, c.value("what", ""),
                   number("measured"), number("truth"), number("allowed"));
      }
    } catch (const smld::Interrupted&) {
      fmt::print(stderr, "interrupted in {}; what was finished is kept, and skipped the next time\n", e.name);
      stopped = true;
      break;
    } catch (const std::exception& error) {
      fmt::print(stderr, "stein: {} failed: {}\n", e.name, error.what());
      r["status"] = "failed";
      r["error"] = error.what();
      failed = true;
    }
    std::fflush(stdout);
    results.push_back(r);
  }
  write_report(a, results);
  if (a.json)
    fmt::print("{}\n", Json{{"out", a.out}, {"report", a.out + "/report.html"}, {"experiments", results}}.dump());
  if (stopped) return kInterrupted;
  if (!a.json && a.names.front() == "all")
    fmt::print("{}/report.html shows them all{}\n", a.out, failed ? "; some failed" : "");
  return failed || unmet ? 1 : 0;
}

}  // namespace stein::tools
