// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "nn/checkpoint.h"

namespace stein::nn::detail {

/// checkpoint.json: all of a Checkpoint but its tensors. Throws Error when config is not JSON.
std::string write_checkpoint_json(const Checkpoint& checkpoint);
/// The reverse. Throws Error, naming `path` and the key, for what is malformed, lacking, twice there or out of range.
Checkpoint parse_checkpoint_json(const std::string& text, const std::string& path);

}  // namespace stein::nn::detail
