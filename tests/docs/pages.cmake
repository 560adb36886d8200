# SPDX-License-Identifier: MIT
# The code in README.md and docs/*.md, taken out by extract.py (which says how) when CMake configures: one compilation unit for a page
# with code to run, all linked into test_docs.
find_program(python3 python3 REQUIRED)
file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/docs/*.md")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/extract.py" ${pages})
set(folder "${STEIN_GENERATED}/docs")
execute_process(COMMAND ${python3} "${CMAKE_CURRENT_LIST_DIR}/extract.py" "${folder}" ${pages} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "tests/docs/extract.py failed")
endif()
set(STEIN_DOCS_SOURCES "")
foreach(page IN LISTS pages)
  get_filename_component(name "${page}" NAME_WE)
  if(EXISTS "${folder}/${name}.cpp")
    list(APPEND STEIN_DOCS_SOURCES "${folder}/${name}.cpp")
  endif()
endforeach()
set_source_files_properties(${STEIN_DOCS_SOURCES} PROPERTIES COMPILE_OPTIONS "-Wno-unused")  # a page may show what it does not use
