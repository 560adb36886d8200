# SPDX-License-Identifier: MIT
# The test `package`: installs BUILD into a fresh prefix, then configures, builds and runs examples/06_score_2d.cpp by
# tests/package/CMakeLists.txt against that prefix alone.
#   cmake -DBUILD=... -DSOURCE=... -DWORK=... -DGENERATOR=... -DCOMPILER=... -DBUILD_TYPE=... -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status COMMAND_ECHO STDOUT)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "failed (${status}): ${command}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK}")
run(${CMAKE_COMMAND} --install "${BUILD}" --prefix "${WORK}/prefix" --component library)
file(COPY "${SOURCE}/tests/package/CMakeLists.txt" "${SOURCE}/examples/06_score_2d.cpp" DESTINATION "${WORK}/source")
run(${CMAKE_COMMAND} -S "${WORK}/source" -B "${WORK}/build" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
string(TIMESTAMP start %s)
run(${CMAKE_COMMAND} --build "${WORK}/build")
string(TIMESTAMP end %s)
math(EXPR seconds "${end} - ${start}")
message(STATUS "compiled and linked in about ${seconds} s")
run("${WORK}/build/uses_stein")
