// SPDX-License-Identifier: Apache-2.0
#include "client/live/json_payload.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/fields.h"

namespace millrace {
namespace {

constexpr float kBad = std::numeric_limits<float>::quiet_NaN();
constexpr int kDeepest = 64;

// Follows the parser through the text. `depth` counts what is open; what is none of the forms is
// skipped down to its end.
class Handler {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  Handler(const JsonFormat& format, Payload* payload) : format_(format), payload_(*payload) {}

  const std::string& problem() const { return problem_; }

  bool null() { return Scalar(kBad, std::nullopt); }
  bool boolean(bool value) { return Scalar(value ? 1.0F : 0.0F, std::nullopt); }
  bool number_integer(number_integer_t value) {
    return Scalar(static_cast<float>(value), TimeAt(TimeOfInteger, value));
  }
  bool number_unsigned(number_unsigned_t value) {
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    return Scalar(
        static_cast<float>(value),
        value > kMost ? std::nullopt : TimeAt(TimeOfInteger, static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) {
    return Scalar(SampleValue(value), TimeAt(TimeOfNumber, value));
  }
  bool string(string_t& text) {
    if (at_timestamp_) return Scalar(kBad, TimeOfText(format_.time, text));
    double number = 0;
    switch (ReadNumber(text, &number)) {
      case NumberKind::kNumber:
        return Scalar(static_cast<float>(number), std::nullopt);
      case NumberKind::kMissing:
      case NumberKind::kNotFinite:
        return Scalar(kBad, std::nullopt);
      case NumberKind::kText:
        break;
    }
    if (skipped_ > 0) return true;
    const bool in_object = !stack_.empty() && Top().kind == Kind::kObject;
    if (in_object && (!at_value_ || Top().of_channels)) return true;
    return Fail(absl::StrCat("the text ", Shown(text), " where a number is looked for"));
  }
  bool binary(binary_t&) { return false; }

  bool start_object(size_t) {
    if (skipped_ > 0 || stack_.size() == kDeepest) return Skip();
    if (stack_.empty() || Top().kind == Kind::kObjects) return Open(Kind::kObject, "");
    if (Top().kind == Kind::kArray && stack_.size() == 1 && payload_.values.empty()) {
      Top().kind = Kind::kObjects;  // an array of readings, not of numbers
      return Open(Kind::kObject, "");
    }
    if (Top().kind == Kind::kArray) return Fail("an object among numbers");
    if (Top().of_channels && at_value_) return OpenReading();
    return Skip();
  }
  bool end_object() { return Close(); }

  bool start_array(size_t) {
    if (skipped_ > 0 || stack_.size() == kDeepest) return Skip();
    if (stack_.empty()) return Open(Kind::kArray, "");
    if (Top().kind == Kind::kObject && at_value_) return Open(Kind::kArray, key_);
    if (Top().kind == Kind::kArray || Top().kind == Kind::kObjects) {
      return Fail("an array within an array");
    }
    return Skip();
  }
  bool end_array() { return Close(); }

  bool key(string_t& name) {
    if (skipped_ > 0) return true;
    at_timestamp_ = name == format_.timestamp;
    at_value_ = !at_timestamp_ && (Top().of_channels || name == format_.value);
    if (at_value_ && Top().of_channels) key_ = name;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    return Fail(absl::StrCat("not JSON from byte ", position));
  }

 private:
  enum class Kind { kObject, kArray, kObjects };
  struct Level {
    Kind kind = Kind::kObject;
    bool of_channels = false;        // an object whose members are channels
    std::string channel;             // of what stands in it
    std::optional<int64_t> time_ns;  // an object's
    size_t first_block = 0;          // that belongs to it
  };

  Level& Top() { return stack_.back(); }

  bool Fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool Skip() {
    ++skipped_;
    return true;
  }

  template <typename Number>
  std::optional<int64_t> TimeAt(std::optional<int64_t> (*read)(TimeFormat, Number),
                                Number value) const {
    return at_timestamp_ && skipped_ == 0 ? read(format_.time, value) : std::nullopt;
  }

  bool Open(Kind kind, const std::string& channel) {
    Level level;
    level.kind = kind;
    level.of_channels = kind == Kind::kObject && format_.names_channels;
    level.channel = channel;
    level.first_block = payload_.blocks.size();
    stack_.push_back(std::move(level));
    if (kind == Kind::kArray) {
      payload_.blocks.push_back({channel, std::nullopt, payload_.values.size(), 0});
    }
    at_value_ = at_timestamp_ = false;
    return true;
  }

  // {"current": {"value": ...}}: an object within, of the member's channel.
  bool OpenReading() {
    Open(Kind::kObject, key_);
    Top().of_channels = false;
    return true;
  }

  bool Close() {
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    const Level& level = Top();
    if (level.kind == Kind::kObject && level.time_ns) {
      for (size_t i = level.first_block; i < payload_.blocks.size(); ++i) {
        if (!payload_.blocks[i].time_ns) payload_.blocks[i].time_ns = level.time_ns;
      }
    }
    stack_.pop_back();
    at_value_ = at_timestamp_ = false;
    return true;
  }

  bool Scalar(float value, std::optional<int64_t> time_ns) {
    if (skipped_ > 0) return true;
    if (stack_.empty()) return Value("", value);
    if (Top().kind == Kind::kObjects) return Fail("a number among objects");
    if (Top().kind == Kind::kArray) {
      payload_.values.push_back(value);
      ++payload_.blocks.back().count;
      return true;
    }
    if (at_timestamp_) {
      if (!time_ns) return Fail("a time stamp that cannot be read");
      Top().time_ns = time_ns;
      return true;
    }
    if (!at_value_) return true;
    return Value(Top().of_channels ? key_ : Top().channel, value);
  }

  bool Value(const std::string& channel, float value) {
    payload_.blocks.push_back({channel, std::nullopt, payload_.values.size(), 1});
    payload_.values.push_back(value);
    return true;
  }

  const JsonFormat& format_;
  Payload& payload_;
  std::string problem_;
  std::vector<Level> stack_;
  int skipped_ = 0;            // open brackets of what is skipped
  std::string key_;            // of the value that comes
  bool at_value_ = false;      // the latest key's value is looked for
  bool at_timestamp_ = false;  // ... is the object's time
};

// A bare number, without a parser's machinery. False: it is something else.
bool ReadBareNumber(absl::string_view text, Payload* payload) {
  double number = 0;
  const NumberKind kind = ReadNumber(text, &number);
  if (text.empty() || kind == NumberKind::kText) return false;
  payload->blocks.emplace_back().count = 1;
  payload->values.push_back(kind == NumberKind::kNumber ? static_cast<float>(number) : kBad);
  return true;
}

}  // namespace

absl::Status ReadJsonPayload(const JsonFormat& format, absl::string_view text, Payload* payload) {
  payload->Clear();
  text = absl::StripAsciiWhitespace(text);
  if (!ReadBareNumber(text, payload)) {
    Handler handler(format, payload);
    if (!nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler)) {
      return absl::InvalidArgumentError(handler.problem());
    }
  }
  std::erase_if(payload->blocks, [](const PayloadBlock& block) { return block.count == 0; });
  if (payload->blocks.empty()) {
    return absl::InvalidArgumentError(
        format.names_channels
            ? "no channel with a value"
            : absl::StrCat("no value; an object has it in the member ", Shown(format.value)));
  }
  if (format.names_channels) {
    for (const PayloadBlock& block : payload->blocks) {
      if (block.channel.empty()) {
        return absl::InvalidArgumentError("a value without a channel's name");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace
