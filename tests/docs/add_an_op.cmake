# SPDX-License-Identifier: MIT
# The test executable test_docs: takes the code blocks out of docs/add_an_op.md, compiles the op as the library compiles its own
# (once for the host, once per SIMD level), and checks it (tests/docs/add_an_op.test.cpp).
set(page "${PROJECT_SOURCE_DIR}/docs/add_an_op.md")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
set(folder "${STEIN_GENERATED}/docs")

file(READ "${page}" text)
string(REPLACE ";" "\\;" text "${text}")
foreach(name mish.op.h catalogue.h last_norm.op.h)
  set(fence "```cpp file=${name}\n")
  string(FIND "${text}" "${fence}" start)
  if(start EQUAL -1)
    message(FATAL_ERROR "${page} has no block '${name}'")
  endif()
  string(LENGTH "${fence}" length)
  math(EXPR start "${start} + ${length}")
  string(SUBSTRING "${text}" ${start} -1 block)
  string(FIND "${block}" "```" end)
  string(SUBSTRING "${block}" 0 ${end} block)
  string(REPLACE "\\;" ";" block "${block}")
  if(name STREQUAL "catalogue.h")
    set(block "#include \"ops/ops.h\"\n\nnamespace stein {\n${block}}  // namespace stein\n")
  endif()
  stein_write_if_changed("${folder}/${name}" "${block}")
endforeach()

stein_write_if_changed("${folder}/mish.host.cpp"
  "#define STEIN_HOST 1\n#define STEIN_UNIT host\n#include \"catalogue.h\"\n#include \"mish.op.h\"\n
namespace stein {\nTensor last_norm(const Tensor& x, double floor);\n}\n#include \"last_norm.op.h\"\n")
set(objects "")
foreach(level IN LISTS STEIN_LEVELS)
  stein_write_if_changed("${folder}/mish.${level}.cpp" "#include \"mish.op.h\"\n")
  add_library(docs_op_${level} OBJECT "${folder}/mish.${level}.cpp")
  stein_level_options(docs_op_${level} ${level})
  list(APPEND objects $<TARGET_OBJECTS:docs_op_${level}>)
endforeach()
set(STEIN_DOCS_SOURCES "${folder}/mish.host.cpp" ${objects})
