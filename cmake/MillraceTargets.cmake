# millrace_library(name SOURCES a.cc ... DEPENDS x y [PRECOMPILED <header> ...]): a static library of
# one folder, built with the project's warnings. Its sources are compiled behind the headers that it
# names, or else behind those of millrace_base. No header that emits code into everything that
# includes it (CLI11's does) belongs there.
# millrace_program(name SOURCES a.cc ... DEPENDS x y [PRECOMPILED_BY library]): an executable, behind
# the headers of that library, or else of millrace_base.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(LLD_PROGRAM ld.lld)
if(LLD_PROGRAM)
  add_link_options(-fuse-ld=lld)  # a quarter of the time
endif()

add_library(millrace_options INTERFACE)
# -pthread, which some dependencies ask for, everywhere: precompiled headers have to be of one kind.
target_compile_options(millrace_options INTERFACE -Wall -Wextra -Werror -pthread)
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
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRECOMPILED" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC millrace_options ${ARG_DEPENDS})
  if(ARG_PRECOMPILED)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILED})
  else()
    target_precompile_headers(${name} REUSE_FROM millrace_base)
  endif()
endfunction()

# millrace_cold(target ...): nothing in them is hot, and the compiler takes two thirds of the time. Two
# warnings of GCC 12 see ghosts in strings at -O1.
function(millrace_cold)
  if(MILLRACE_SANITIZE)
    return()
  endif()
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE -O1 -Wno-array-bounds -Wno-stringop-overflow)
  endforeach()
endfunction()

# millrace_hot(target ...): what computes for long in tests, under sanitizers optimised all the same: the
# rest is compiled there with -O0, which takes the compiler half the time. Apart from the precompiled
# headers, which Clang takes with the same options only.
function(millrace_hot)
  if(NOT MILLRACE_SANITIZE)
    return()
  endif()
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE -O1)
    set_target_properties(${target} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
  endforeach()
endfunction()

function(millrace_program name)
  cmake_parse_arguments(ARG "" "PRECOMPILED_BY" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE millrace_options ${ARG_DEPENDS})
  if(NOT ARG_PRECOMPILED_BY)
    set(ARG_PRECOMPILED_BY millrace_base)
  endif()
  target_precompile_headers(${name} REUSE_FROM ${ARG_PRECOMPILED_BY})
endfunction()

add_compile_definitions(MILLRACE_VERSION="${PROJECT_VERSION}")
