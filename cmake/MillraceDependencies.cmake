# Everything Millrace builds on. Debian's packages carry CMake files for some and pkg-config
# files for the others; an official LibTorch is found through CMAKE_PREFIX_PATH.

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(absl REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(CLI11 REQUIRED)
# Its core and its text format only: its Exposer throws beside LibTorch.
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(MODBUS REQUIRED IMPORTED_TARGET libmodbus)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)

find_path(SQLITECPP_INCLUDE_DIR SQLiteCpp/SQLiteCpp.h REQUIRED)
find_library(SQLITECPP_LIBRARY SQLiteCpp REQUIRED)
add_library(millrace_sqlite INTERFACE)
target_include_directories(millrace_sqlite SYSTEM INTERFACE ${SQLITECPP_INCLUDE_DIR})
target_link_libraries(millrace_sqlite INTERFACE ${SQLITECPP_LIBRARY} SQLite::SQLite3)

if(MILLRACE_TORCH)
  # Debian's TorchConfig sets CMAKE_CXX_FLAGS-like properties on `torch`; only models/torch links it.
  find_package(Torch REQUIRED)
endif()

if(MILLRACE_TESTS)
  pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)  # a client, as Debian builds it
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(MILLRACE_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
