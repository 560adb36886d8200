# SPDX-License-Identifier: MIT
# The program `stein` (target stein_program), and the examples; the latter with the tests, or when asked for: `ninja examples`, or
# one by its name (example_<file>).

file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/*.cpp")
list(FILTER sources EXCLUDE REGEX "/tools/bench/peers/")
set(STEIN_PROGRAM OFF)
if(STEIN_HAVE_CLI11 AND sources)
  set(STEIN_PROGRAM ON)
  add_executable(stein_program ${sources})
  set_target_properties(stein_program PROPERTIES OUTPUT_NAME stein RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  # The loops of `stein bench` are what a program of a user's is compiled with.
  file(GLOB measuring CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/bench/*.cpp")
  if(NOT STEIN_SANITIZE)
    set_source_files_properties(${measuring} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O2>")
  endif()
  target_compile_options(stein_program PRIVATE ${STEIN_BASELINE_FLAGS}
                         $<$<CONFIG:Release>:${STEIN_COLD_FLAGS}>)  # options and JSON: slow to optimise, never hot
  target_link_libraries(stein_program PRIVATE stein stein_flags fmt::fmt nlohmann_json::nlohmann_json CLI11::CLI11 Threads::Threads)
endif()

if(PROJECT_IS_TOP_LEVEL)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
  set(in_all "")
  if(STEIN_TESTS AND NOT STEIN_SANITIZE)
    set(in_all ALL)
  endif()
  add_custom_target(examples ${in_all})
  set(STEIN_EXAMPLES "")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(example_${name} EXCLUDE_FROM_ALL "${source}")
    set_target_properties(example_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
    target_compile_options(example_${name} PRIVATE ${STEIN_BASELINE_FLAGS})
    target_link_libraries(example_${name} PRIVATE stein stein_flags fmt::fmt)
    add_dependencies(examples example_${name})
    list(APPEND STEIN_EXAMPLES ${name})
  endforeach()
endif()
