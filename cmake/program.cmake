# SPDX-License-Identifier: MIT
# The program `stein` (target stein_program), the benchmarks of tools/bench and the examples; the latter two with the tests, or
# when asked for: `ninja bench` and `ninja examples`, or one by its name (bench_<file>, example_<file>).

file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/*.cpp")
list(FILTER sources EXCLUDE REGEX "/tools/bench/")
set(STEIN_PROGRAM OFF)
if(STEIN_HAVE_CLI11 AND sources)
  set(STEIN_PROGRAM ON)
  add_executable(stein_program ${sources})
  set_target_properties(stein_program PROPERTIES OUTPUT_NAME stein RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  target_compile_options(stein_program PRIVATE ${STEIN_BASELINE_FLAGS}
                         $<$<CONFIG:Release>:-O1>)  # options and JSON: slow to optimise, never hot
  target_link_libraries(stein_program PRIVATE stein stein_flags fmt::fmt nlohmann_json::nlohmann_json CLI11::CLI11 Threads::Threads)
endif()

# stein_extra(<prefix> <all target> <folder>): one executable per .cpp file of the folder.
function(stein_extra prefix all folder)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  set(in_all "")
  if(STEIN_TESTS AND NOT STEIN_SANITIZE)
    set(in_all ALL)
  endif()
  add_custom_target(${all} ${in_all})
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${prefix}_${name} EXCLUDE_FROM_ALL "${source}")
    set_target_properties(${prefix}_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${all}")
    target_compile_options(${prefix}_${name} PRIVATE ${STEIN_BASELINE_FLAGS})
    target_link_libraries(${prefix}_${name} PRIVATE stein stein_flags fmt::fmt)
    add_dependencies(${all} ${prefix}_${name})
  endforeach()
endfunction()
if(PROJECT_IS_TOP_LEVEL)
  stein_extra(bench bench tools/bench)
  stein_extra(example examples examples)
endif()
