// SPDX-License-Identifier: MIT
#include "tensor/device.h"

#include "tensor/error.h"

namespace stein {

std::string to_string(const Device& device) {
  return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

Device parse_device(std::string_view text) {
  if (text == "cpu") return cpu;
  if (text.substr(0, 4) == "cuda")
    fail("device", "a device of this build: cpu", text, "this stein was built without CUDA");
  fail("device", "cpu or cuda:k", text);
}

}  // namespace stein
