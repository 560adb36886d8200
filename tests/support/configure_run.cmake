# SPDX-License-Identifier: MIT
# Configures the project in a fresh folder and looks for words in what CMake says.
#   cmake -DSOURCE=... -DWORK=... -DGENERATOR=... -DCOMPILER=... -DARGUMENTS=... -DEXPECT=<regexes> -DFAILS=<ON|OFF> -P configure_run.cmake
# ARGUMENTS and EXPECT are lists separated by | (semicolons do not survive ctest's command line).
string(REPLACE "|" ";" ARGUMENTS "${ARGUMENTS}")
string(REPLACE "|" ";" EXPECT "${EXPECT}")
file(REMOVE_RECURSE "${WORK}")
execute_process(COMMAND ${CMAKE_COMMAND} -S "${SOURCE}" -B "${WORK}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" ${ARGUMENTS}
                RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
message(STATUS "${said}")
if(FAILS AND status EQUAL 0)
  message(FATAL_ERROR "the configuration should have failed")
elseif(NOT FAILS AND NOT status EQUAL 0)
  message(FATAL_ERROR "the configuration failed")
endif()
string(REGEX REPLACE "[ \n]+" " " said "${said}")
foreach(words IN LISTS EXPECT)
  if(NOT said MATCHES "${words}")
    message(FATAL_ERROR "not found in the output: ${words}")
  endif()
endforeach()
