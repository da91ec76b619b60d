// SPDX-License-Identifier: Apache-2.0
#include "plan/toml_reader.h"

#include <toml++/toml.h>

#include <charconv>
#include <cmath>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "plan/nearest_name.h"
#include "plan/toml_guard.h"

namespace millrace {
namespace {

std::string_view Std(absl::string_view s) { return {s.data(), s.size()}; }
absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

// A value as a refusal shows it: on one line, not longer than a few words.
std::string Shown(const toml::node& value) {
  constexpr size_t kLongest = 60;
  std::ostringstream text;
  if (const auto* string = value.as_string()) {
    text << '"' << absl::Utf8SafeCEscape(Absl(string->get())) << '"';
  } else if (const auto* number = value.as_floating_point()) {
    // The shortest text that reads back as the same number: 0.9, not 0.90000000000000002.
    char shortest[32];
    const auto end = std::to_chars(std::begin(shortest), std::end(shortest), number->get()).ptr;
    text.write(shortest, end - shortest);
  } else {
    value.visit([&](const auto& concrete) { text << concrete; });
  }
  std::string shown = text.str();
  for (char& c : shown) {
    if (c == '\n') c = ' ';
  }
  if (shown.size() > kLongest) {
    size_t end = kLongest;
    while ((shown[end] & 0xc0) == 0x80) --end;  // between characters of UTF-8
    shown.replace(end, std::string::npos, "...");
  }
  return shown;
}

std::string Described(IntRange range) {
  if (range.max == std::numeric_limits<int64_t>::max()) {
    return absl::StrCat("must be at least ", range.min);
  }
  return absl::StrCat("must be from ", range.min, " to ", range.max);
}

std::string Described(DoubleRange range) {
  const std::string low =
      absl::StrCat("must be ", range.above_min ? "above " : "at least ", range.min);
  if (std::isinf(range.max)) return low;
  return absl::StrCat(low, " and ", range.below_max ? "below " : "at most ", range.max);
}

std::string AtLine(const toml::node& value) {
  return absl::StrCat("line ", value.source().begin.line, ": ");
}

}  // namespace

struct TomlTable::Node {
  const toml::table* table = nullptr;  // null: the file does not have it
  std::string path;                    // "[input]", "[input.mode #2]"; empty for the root
  std::string name;                    // "input"; empty for the root
  // What was asked for: null for a value, else the tables below, one for [key].
  std::map<std::string, std::vector<std::unique_ptr<Node>>, std::less<>> asked;

  const toml::node* Find(absl::string_view key) {
    asked.try_emplace(std::string(key));
    return table == nullptr ? nullptr : table->get(Std(key));
  }
  std::string Place(absl::string_view key) const {
    return path.empty() ? std::string(key) : absl::StrCat(path, " ", key);
  }
  std::string PathBelow(absl::string_view key) const {
    return name.empty() ? std::string(key) : absl::StrCat(name, ".", key);
  }
};

struct TomlTable::Document {
  toml::table root;
  Node top;
  absl::Status first_fault;

  void Fault(const std::string& message) {
    if (first_fault.ok()) first_fault = absl::InvalidArgumentError(message);
  }
  void FaultAt(const Node& node, absl::string_view key, const toml::node& value,
               absl::string_view reason) {
    Fault(absl::StrCat(AtLine(value), node.Place(key), " = ", Shown(value), ": ", reason));
  }
  static absl::Status UnknownKeys(const Node& node);
};

absl::Status TomlTable::Document::UnknownKeys(const Node& node) {
  if (node.table == nullptr) return absl::OkStatus();
  for (const auto& [key, value] : *node.table) {
    const absl::string_view name = Absl(key.str());
    if (node.asked.find(name) != node.asked.end()) continue;
    std::vector<absl::string_view> known;
    for (const auto& [asked, tables] : node.asked) known.push_back(asked);
    const std::string escaped = absl::Utf8SafeCEscape(name);
    const bool is_table = value.is_table() || value.is_array_of_tables();
    const std::string place = is_table
                                  ? absl::StrCat("[", node.PathBelow(escaped), "]: unknown table")
                                  : absl::StrCat(node.Place(escaped), ": unknown key");
    const absl::string_view nearest = NearestName(name, known);
    const std::string hint = nearest.empty()
                                 ? absl::StrCat("known here: ", absl::StrJoin(known, ", "))
                                 : absl::StrCat("did you mean ", nearest, "?");
    return absl::InvalidArgumentError(
        absl::StrCat("line ", key.source().begin.line, ": ", place, "; ", hint));
  }
  for (const auto& [asked, tables] : node.asked) {
    for (const std::unique_ptr<Node>& table : tables) {
      if (absl::Status status = UnknownKeys(*table); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

TomlTable::TomlTable(std::shared_ptr<Document> document, Node* node)
    : document_(std::move(document)), node_(node) {}

absl::StatusOr<TomlTable> TomlTable::Parse(absl::string_view text) {
  if (text.size() > kMaxTomlBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(text.size(), " bytes of TOML; at most ", kMaxTomlBytes, " are accepted"));
  }
  if (absl::Status status = CheckKeyDepth(text); !status.ok()) return status;
  auto document = std::make_shared<Document>();
  // Debian's libtomlplusplus reports parse errors as exceptions; they end here.
  try {
    document->root = toml::parse(Std(text));
  } catch (const toml::parse_error& error) {
    const toml::source_position position = error.source().begin;
    return absl::InvalidArgumentError(absl::StrCat(
        "line ", position.line, ", column ", position.column, ": ", Absl(error.description())));
  }
  document->top.table = &document->root;
  Node* const top = &document->top;
  return TomlTable(std::move(document), top);
}

bool TomlTable::Has(absl::string_view key) const {
  return node_->table != nullptr && node_->table->contains(Std(key));
}

bool TomlTable::String(absl::string_view key, std::string* out) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) return false;
  if (!value->is_string()) {
    document_->FaultAt(*node_, key, *value, "must be a string");
    return false;
  }
  *out = value->as_string()->get();
  return true;
}

bool TomlTable::NonEmptyString(absl::string_view key, std::string* out) {
  std::string text;
  if (!String(key, &text)) return false;
  if (text.empty()) {
    Refuse(key, "must not be empty");
    return false;
  }
  *out = std::move(text);
  return true;
}

bool TomlTable::Int(absl::string_view key, IntRange range, int64_t* out) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) return false;
  if (!value->is_integer()) {
    document_->FaultAt(*node_, key, *value, "must be an integer");
    return false;
  }
  const int64_t number = value->as_integer()->get();
  if (number < range.min || number > range.max) {
    document_->FaultAt(*node_, key, *value, Described(range));
    return false;
  }
  *out = number;
  return true;
}

bool TomlTable::Double(absl::string_view key, DoubleRange range, double* out) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) return false;
  if (!value->is_number()) {
    document_->FaultAt(*node_, key, *value, "must be a number");
    return false;
  }
  const double number = value->is_integer() ? static_cast<double>(value->as_integer()->get())
                                            : value->as_floating_point()->get();
  if (!std::isfinite(number)) {
    document_->FaultAt(*node_, key, *value, "must be a finite number");
    return false;
  }
  const bool low = range.above_min ? number <= range.min : number < range.min;
  const bool high = range.below_max ? number >= range.max : number > range.max;
  if (low || high) {
    document_->FaultAt(*node_, key, *value, Described(range));
    return false;
  }
  *out = number;
  return true;
}

bool TomlTable::Bool(absl::string_view key, bool* out) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) {
    document_->FaultAt(*node_, key, *value, "must be true or false");
    return false;
  }
  *out = value->as_boolean()->get();
  return true;
}

bool TomlTable::Strings(absl::string_view key, std::vector<std::string>* out) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) return false;
  const toml::array* const array = value->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous<std::string>())) {
    document_->FaultAt(*node_, key, *value, "must be an array of strings");
    return false;
  }
  out->clear();
  for (const toml::node& entry : *array) out->push_back(entry.as_string()->get());
  return true;
}

bool TomlTable::Ints(absl::string_view key, IntRange range, std::vector<int64_t>* out) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) return false;
  const toml::array* const array = value->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous<int64_t>())) {
    document_->FaultAt(*node_, key, *value, "must be an array of integers");
    return false;
  }
  std::vector<int64_t> numbers;
  for (const toml::node& entry : *array) {
    numbers.push_back(entry.as_integer()->get());
    if (numbers.back() < range.min || numbers.back() > range.max) {
      document_->FaultAt(*node_, key, *value, absl::StrCat("each entry ", Described(range)));
      return false;
    }
  }
  *out = std::move(numbers);
  return true;
}

bool TomlTable::Choice(absl::string_view key, std::span<const absl::string_view> names,
                       size_t* index) {
  std::string text;
  if (!String(key, &text)) return false;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) {
      *index = i;
      return true;
    }
  }
  const absl::string_view nearest = NearestName(text, names);
  const std::string hint = nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
  Refuse(key, absl::StrCat("must be one of ", absl::StrJoin(names, ", "), hint));
  return false;
}

TomlTable TomlTable::Table(absl::string_view key) {
  const toml::node* const value = node_->Find(key);
  auto& below = node_->asked.find(key)->second;
  if (below.empty()) {
    auto node = std::make_unique<Node>();
    node->name = node_->PathBelow(key);
    node->path = absl::StrCat("[", node->name, "]");
    if (value != nullptr) {
      node->table = value->as_table();
      if (node->table == nullptr) {
        document_->FaultAt(*node_, key, *value, absl::StrCat("must be a table ", node->path));
      }
    }
    below.push_back(std::move(node));
  }
  return TomlTable(document_, below.front().get());
}

std::vector<TomlTable> TomlTable::Tables(absl::string_view key) {
  const toml::node* const value = node_->Find(key);
  auto& below = node_->asked.find(key)->second;
  if (below.empty() && value != nullptr) {
    const toml::array* const array = value->as_array();
    const std::string name = node_->PathBelow(key);
    if (array == nullptr || (!array->empty() && !array->is_homogeneous<toml::table>())) {
      document_->FaultAt(*node_, key, *value, absl::StrCat("must be tables [[", name, "]]"));
      return {};
    }
    for (const toml::node& entry : *array) {
      auto node = std::make_unique<Node>();
      node->name = absl::StrCat(name, " #", below.size() + 1);
      node->path = absl::StrCat("[", node->name, "]");
      node->table = entry.as_table();
      below.push_back(std::move(node));
    }
  }
  std::vector<TomlTable> tables;
  for (const std::unique_ptr<Node>& node : below) tables.push_back({document_, node.get()});
  return tables;
}

void TomlTable::Require(absl::string_view key, absl::string_view why) {
  if (node_->Find(key) != nullptr) return;
  const std::string line =
      node_->table == nullptr || node_->path.empty() ? "" : AtLine(*node_->table);
  document_->Fault(absl::StrCat(line, node_->Place(key), ": missing; ", why));
}

void TomlTable::Refuse(absl::string_view key, absl::string_view reason) {
  const toml::node* const value = node_->Find(key);
  if (value == nullptr) {
    document_->Fault(absl::StrCat(node_->Place(key), ": ", reason));
  } else if (value->is_table() || value->is_array_of_tables()) {
    document_->Fault(absl::StrCat(AtLine(*value), "[", node_->PathBelow(key), "]: ", reason));
  } else {
    document_->FaultAt(*node_, key, *value, reason);
  }
}

void TomlTable::Forbid(absl::string_view key, absl::string_view reason) {
  if (node_->Find(key) != nullptr) Refuse(key, reason);
}

absl::Status TomlTable::Finish() const {
  if (absl::Status status = Document::UnknownKeys(document_->top); !status.ok()) return status;
  return document_->first_fault;
}

}  // namespace millrace
