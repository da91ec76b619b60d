# millrace_library(name SOURCES a.cc ... DEPENDS x y): a static library of one folder, built with
# the project's warnings. millrace_program: the same for an executable.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(millrace_options INTERFACE)
target_compile_options(millrace_options INTERFACE -Wall -Wextra -Werror)
target_include_directories(millrace_options INTERFACE ${CMAKE_SOURCE_DIR})
if(MILLRACE_SANITIZE)
  target_compile_options(millrace_options INTERFACE
    -fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(millrace_options INTERFACE -fsanitize=${MILLRACE_SANITIZE})
  # For tests of what a sanitizer changes: memory and speed.
  target_compile_definitions(millrace_options INTERFACE MILLRACE_SANITIZED)
  if(MILLRACE_SANITIZE STREQUAL "thread")
    # Headers lay some types out differently under it than Debian's libraries do.
    target_compile_options(millrace_options INTERFACE -U__SANITIZE_THREAD__)
  endif()
endif()

function(millrace_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC millrace_options ${ARG_DEPENDS})
endfunction()

function(millrace_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE millrace_options ${ARG_DEPENDS})
endfunction()

add_compile_definitions(MILLRACE_VERSION="${PROJECT_VERSION}")
