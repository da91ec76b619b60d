// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace millrace::testing {

/// While it lives, every database that this process opens by a path lies on `files`: so that a
/// store meets the same faults and power cuts as the files beside it. For one thread and one
/// connection to a database at a time: locks are granted to whoever asks.
class SqliteOnFileSystem {
 public:
  /// `files` outlives the object, and the object every connection.
  explicit SqliteOnFileSystem(FileSystem* files);
  ~SqliteOnFileSystem();
  SqliteOnFileSystem(const SqliteOnFileSystem&) = delete;
  SqliteOnFileSystem& operator=(const SqliteOnFileSystem&) = delete;

 private:
  struct OpenFile;
  static const sqlite3_io_methods* Methods();
  static OpenFile* Cast(sqlite3_file* file);
  static SqliteOnFileSystem* Of(sqlite3_vfs* vfs);

  int Open(const char* name, sqlite3_file* file, int flags);

  FileSystem* const files_;
  sqlite3_vfs vfs_;
  int temporary_files_ = 0;
  // What processes would share of a WAL's index, by the database's path.
  std::map<std::string, std::vector<std::unique_ptr<char[]>>> shared_;
};

}  // namespace millrace::testing
