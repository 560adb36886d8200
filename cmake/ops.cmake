# SPDX-License-Identifier: MIT
# Turns every ops/<family>/<name>.op.h into compilation units, so that adding an op edits no build file:
#   ops_<family>_<i>.host.cpp         STEIN_HOST: the public function, the rule, the registration of a group of ops
#   ops_elementwise_<i>.<level>.cpp   the kernels of a group of elementwise ops, compiled for one SIMD level
#   ops_elementwise_<i>.device.cpp    the same for devices
#   ops_registry.cpp             register_all: calls register_<name> of every file, in alphabetical order
# An op's group is a hash of its name, so a new op recompiles its own group only. Groups compile side by side: about ten files
# each, for what an op adds weighs as much as what all of them include.

set(STEIN_GENERATED "${PROJECT_BINARY_DIR}/generated")
set(STEIN_OPS_PER_GROUP 10)

function(stein_write_if_changed path text)
  set(old "")
  if(EXISTS "${path}")
    file(READ "${path}" old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE "${path}" "${text}")
  endif()
endfunction()

file(GLOB stein_op_files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/ops/*/*.op.h")
list(SORT stein_op_files)
list(LENGTH stein_op_files STEIN_OP_COUNT)
set(stein_op_units "")  # names of the units; text of unit u in stein_op_text_<u>
set(stein_op_names "")

foreach(file IN LISTS stein_op_files)
  get_filename_component(folder "${file}" DIRECTORY)
  get_filename_component(family "${folder}" NAME)
  list(APPEND stein_family_${family} "${file}")
endforeach()

foreach(file IN LISTS stein_op_files)
  get_filename_component(folder "${file}" DIRECTORY)
  get_filename_component(family "${folder}" NAME)
  get_filename_component(name "${file}" NAME)
  string(REGEX REPLACE "\\.op\\.h$" "" name "${name}")
  if(name IN_LIST stein_op_names)
    message(FATAL_ERROR "two files define the op '${name}'; one of them is ${file}")
  endif()
  list(APPEND stein_op_names "${name}")
  string(MD5 hash "${name}")
  string(SUBSTRING "${hash}" 0 6 hash)
  list(LENGTH stein_family_${family} count)
  math(EXPR group "0x${hash} % ((${count} + ${STEIN_OPS_PER_GROUP} - 1) / ${STEIN_OPS_PER_GROUP})")
  set(unit "ops_${family}_${group}")
  if(NOT unit IN_LIST stein_op_units)
    list(APPEND stein_op_units "${unit}")
  endif()
  string(APPEND stein_op_text_${unit} "#include \"${file}\"\n")
endforeach()

set(STEIN_OP_HOST_SOURCES "")
set(STEIN_OP_DEVICE_SOURCES "")
foreach(unit IN LISTS stein_op_units)
  set(path "${STEIN_GENERATED}/${unit}.host.cpp")
  stein_write_if_changed("${path}" "#define STEIN_HOST 1\n#define STEIN_UNIT host\n${stein_op_text_${unit}}")
  list(APPEND STEIN_OP_HOST_SOURCES "${path}")
  if(unit MATCHES "^ops_elementwise_")
    foreach(level IN LISTS STEIN_LEVELS)
      set(path "${STEIN_GENERATED}/${unit}.${level}.cpp")
      stein_write_if_changed("${path}" "${stein_op_text_${unit}}")  # STEIN_UNIT comes from the command line
      list(APPEND STEIN_OP_LEVEL_SOURCES_${level} "${path}")
    endforeach()
    set(path "${STEIN_GENERATED}/${unit}.device.cpp")
    stein_write_if_changed("${path}" "${stein_op_text_${unit}}")
    list(APPEND STEIN_OP_DEVICE_SOURCES "${path}")
  endif()
endforeach()

list(SORT stein_op_names)
set(declarations "")
set(calls "")
foreach(name IN LISTS stein_op_names)
  string(APPEND declarations "void register_${name}(OpRegistry&);\n")
  string(APPEND calls "  register_${name}(r);\n")
endforeach()
stein_write_if_changed("${STEIN_GENERATED}/ops_registry.cpp"
  "#define STEIN_HOST 1\n#define STEIN_UNIT host\n#include \"ops/registry.h\"\n\nnamespace stein {\n${declarations}}  // namespace stein\n
void stein::detail::register_all([[maybe_unused]] OpRegistry& r) {\n${calls}}\n")
list(APPEND STEIN_OP_HOST_SOURCES "${STEIN_GENERATED}/ops_registry.cpp")
