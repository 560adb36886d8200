// SPDX-License-Identifier: MIT
// The table of experiments. A new one: a file tools/lab/<name>.cpp, and two lines in experiments.cpp.
#pragma once

#include <string>
#include <vector>

#include "tools/lab/lab.h"

namespace stein::tools {

struct Experiment {
  std::string name, title, duration;  // duration: on two cores, in words
  void (*run)(Lab& lab);
};

/// In the order of a reader.
const std::vector<Experiment>& experiments();

}  // namespace stein::tools
