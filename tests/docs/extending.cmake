# SPDX-License-Identifier: MIT
# The program test_extending: the ops of docs/10_extending.md, made by tools/new_op as the page says (extending.py), compiled as the library
# compiles its own (for the host, per SIMD level, for the simulated device), and the every-op suite, which finds them in place of stein's.
set(folder "${STEIN_GENERATED}/extending")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/extending.py" "${PROJECT_SOURCE_DIR}/tools/new_op"
  "${PROJECT_SOURCE_DIR}/ops/ops.h")
execute_process(COMMAND ${python3} "${CMAKE_CURRENT_LIST_DIR}/extending.py" "${PROJECT_SOURCE_DIR}" "${STEIN_GENERATED}/docs" "${folder}"
  ${STEIN_LEVELS} sim RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "tests/docs/extending.py failed")
endif()

# Their ops.h, with the new lines of the catalogue, stands before the repository's.
add_library(extending_host OBJECT EXCLUDE_FROM_ALL "${folder}/host.cpp")
target_include_directories(extending_host BEFORE PRIVATE "${folder}/tree" "${PROJECT_SOURCE_DIR}")
target_compile_options(extending_host PRIVATE ${STEIN_BASELINE_FLAGS})
target_link_libraries(extending_host PRIVATE stein_flags)
set(STEIN_EXTENDING_OBJECTS $<TARGET_OBJECTS:extending_host>)
foreach(level IN LISTS STEIN_LEVELS)
  add_library(extending_${level} OBJECT EXCLUDE_FROM_ALL "${folder}/${level}.cpp")
  stein_level_options(extending_${level} ${level})
  target_include_directories(extending_${level} BEFORE PRIVATE "${folder}/tree")
  list(APPEND STEIN_EXTENDING_OBJECTS $<TARGET_OBJECTS:extending_${level}>)
endforeach()
add_library(extending_sim OBJECT EXCLUDE_FROM_ALL "${folder}/sim.cpp")
stein_sim_options(extending_sim)
target_include_directories(extending_sim BEFORE PRIVATE "${folder}/tree")
list(APPEND STEIN_EXTENDING_OBJECTS $<TARGET_OBJECTS:extending_sim>)
