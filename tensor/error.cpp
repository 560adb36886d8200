// SPDX-License-Identifier: MIT
#include "tensor/error.h"

namespace stein {

void fail(std::string_view op, std::string_view expected, std::string_view got, std::string_view hint) {
  std::string text;
  text.append("[").append(op).append("] expected ").append(expected).append("; got ").append(got);
  if (!hint.empty()) text.append("; ").append(hint);
  throw Error(text);
}

}  // namespace stein
