// SPDX-License-Identifier: Apache-2.0
#include "client/release/served_model.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace millrace {

v1::ServedModel ToProto(const ServedModel& model) {
  v1::ServedModel proto;
  proto.set_name(model.name);
  proto.set_version(model.version);
  proto.set_parameters_sha256(model.parameters.ToBytes());
  proto.set_package_sha256(model.package.ToBytes());
  proto.set_expired(model.expired);
  return proto;
}

std::string ServedModelsJson(const std::vector<ServedModel>& models) {
  std::string lines;
  for (const ServedModel& model : models) {
    nlohmann::ordered_json json;
    json["model"] = model.name;
    json["version"] = model.version;
    json["parameters_sha256"] = model.parameters.Hex();
    json["package_sha256"] = model.package.Hex();
    json["publishers"] = model.publishers;
    if (model.expires_ms != 0) {
      json["expires"] = absl::FormatTime(
          "%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(model.expires_ms), absl::UTCTimeZone());
    }
    json["expired"] = model.expired;
    json["window_us"] = model.window_us;
    absl::StrAppend(&lines, lines.empty() ? "[\n" : ",\n",
                    json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return lines.empty() ? "[]\n" : lines + "\n]\n";
}

std::string ServedModelsMetrics(const std::vector<ServedModel>& models) {
  // Made anew for each scrape: the labels of what served before are gone.
  prometheus::Registry registry;
  auto& info = prometheus::BuildGauge()
                   .Name("millrace_model_info")
                   .Help("1 for each model that serves, with the digest of what was loaded.")
                   .Register(registry);
  auto& expired = prometheus::BuildGauge()
                      .Name("millrace_model_expired")
                      .Help("1 for a model that serves although its package has expired.")
                      .Register(registry);
  for (const ServedModel& model : models) {
    info.Add({{"model", model.name},
              {"version", absl::StrCat(model.version)},
              {"sha256", model.parameters.Hex()}})
        .Set(1);
    expired.Add({{"model", model.name}}).Set(model.expired ? 1 : 0);
  }
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace millrace
