// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tensor/error.h"

namespace stein::test {

/// The message of the stein::Error that f throws; "no error" when it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace stein::test
