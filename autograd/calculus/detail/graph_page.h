// SPDX-License-Identifier: MIT
// The files of autograd/calculus/page as text; cmake/library.cmake writes the definitions.
#pragma once

namespace stein::detail {
extern const char* const kGraphPageCss;
extern const char* const kGraphPageJs;
}  // namespace stein::detail
