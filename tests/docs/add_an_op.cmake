# SPDX-License-Identifier: MIT
# The op of docs/add_an_op.md, from the blocks that pages.cmake took out of it: compiled as the library compiles its own (once for the
# host, once per SIMD level), and checked by tests/docs/add_an_op.test.cpp.
stein_write_if_changed("${folder}/add_an_op.h" "#include \"ops/ops.h\"\n\nnamespace stein {\n#include \"catalogue.h\"\n}  // namespace stein\n")
stein_write_if_changed("${folder}/mish.host.cpp"
  "#define STEIN_HOST 1\n#define STEIN_UNIT host\n#include \"add_an_op.h\"\n#include \"mish.op.h\"\n
namespace stein {\nTensor last_norm(const Tensor& x, double floor);\n}\n#include \"last_norm.op.h\"\n")
list(APPEND STEIN_DOCS_SOURCES "${folder}/mish.host.cpp")
foreach(level IN LISTS STEIN_LEVELS)
  stein_write_if_changed("${folder}/mish.${level}.cpp" "#include \"mish.op.h\"\n")
  add_library(docs_op_${level} OBJECT "${folder}/mish.${level}.cpp")
  stein_level_options(docs_op_${level} ${level})
  list(APPEND STEIN_DOCS_SOURCES $<TARGET_OBJECTS:docs_op_${level}>)
endforeach()
