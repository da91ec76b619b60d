// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/format_model.h"

#include <map>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/crypto/certificate.h"
#include "base/text.h"
#include "coordinator/cli/format_plan.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/units.h"
#include "models/model_input.h"

namespace millrace {
namespace {

using Metrics = std::map<std::string, double>;

template <typename Map>
Metrics Sorted(const Map& metrics) {
  return {metrics.begin(), metrics.end()};
}

std::string MetricsText(const Metrics& metrics) {
  return absl::StrJoin(metrics, ", ", [](std::string* out, const auto& metric) {
    absl::StrAppend(out, metric.first, " ", HumanNumber(metric.second));
  });
}

constexpr char kGone[] = "not kept";

std::string ParametersText(int64_t parameters) {
  if (parameters == 0) return kGone;
  return absl::StrCat(HumanCount(parameters), " (",
                      HumanBytes(parameters * static_cast<int64_t>(sizeof(float))), ")");
}

std::string RateText(const v1::ModelInput& input) {
  return input.rate_hz() > 0 ? absl::StrCat(input.rate_hz(), " Hz") : "";
}

std::string ExamplesText(double examples) { return HumanCount(static_cast<int64_t>(examples)); }

std::string LineageText(const v1::Lineage& lineage) {
  if (lineage.run().empty()) return "trained outside a federation";
  return absl::StrCat("run ", lineage.run(), " round ", lineage.round(), ", ", lineage.sites(),
                      " sites, ", ExamplesText(lineage.examples()), " examples");
}

std::string TensorsText(const Layout& layout) {
  Table table({"TENSOR", "SHAPE", ">ELEMENTS"});
  for (const TensorSpec& tensor : layout.tensors()) {
    table.AddRow({tensor.name, absl::StrJoin(tensor.shape, " x "), HumanCount(tensor.Elements())});
  }
  return table.Text();
}

std::string ExpiryText(int64_t expires_ms, absl::TimeZone zone) {
  return expires_ms == 0 ? "never" : HumanTime(expires_ms, zone);
}

/// Each line made Printable: whoever wrote it, a terminal obeys what text may contain.
std::string CardText(const std::string& card) {
  if (card.empty()) return "";
  std::string text = "\n";
  for (const absl::string_view line : absl::StrSplit(card, '\n')) {
    absl::StrAppend(&text, Printable(line), "\n");
  }
  return text;
}

/// The names on the signatures, as they say themselves.
std::vector<std::string> SignersOf(const ModelPackage& package) {
  std::vector<std::string> names;
  for (const v1::Signature& signature : package.signatures) {
    const absl::StatusOr<std::string> pem = CertificatePem(signature.certificate());
    const absl::StatusOr<CertificateInfo> info =
        pem.ok() ? ParseCertificate(*pem) : absl::StatusOr<CertificateInfo>(pem.status());
    names.push_back(info.ok() ? info->identity.name : "unknown");
  }
  return names;
}

}  // namespace

std::string ModelsText(const v1::ListModelsResponse& models, absl::TimeZone zone) {
  Table table(
      {"RUN", ">VERSION", ">PARAMETERS", ">SITES", ">EXAMPLES", "MADE", "SHA-256", "METRICS"});
  for (const v1::Model& model : models.models()) {
    table.AddRow({model.run(), absl::StrCat(model.version()),
                  model.parameters() == 0 ? kGone : HumanCount(model.parameters()),
                  absl::StrCat(model.sites()), ExamplesText(model.examples()),
                  HumanTime(model.created_ms(), zone), ShortDigest(model.parameters_sha256()),
                  MetricsText(Sorted(model.metrics()))});
  }
  return table.empty() ? "no versions yet\n" : table.Text();
}

std::string ModelText(const v1::Model& model, absl::TimeZone zone) {
  return KeyValueText({{"run", model.run()},
                       {"version", absl::StrCat(model.version())},
                       {"made", HumanTime(model.created_ms(), zone)},
                       {"parameters", ParametersText(model.parameters())},
                       {"sha-256", absl::BytesToHexString(model.parameters_sha256())},
                       {"sites", absl::StrCat(model.sites())},
                       {"examples", ExamplesText(model.examples())},
                       {"rate", RateText(model.input())},
                       {"units", UnitsText(model.input())},
                       {"metrics", MetricsText(Sorted(model.metrics()))}});
}

Json ModelJson(const v1::Model& model) {
  Json json = {{"run", model.run()},
               {"version", model.version()},
               {"created", JsonTime(model.created_ms())},
               {"parameters", model.parameters()},
               {"kept", model.parameters() > 0},
               {"parameters_sha256", absl::BytesToHexString(model.parameters_sha256())},
               {"sites", model.sites()},
               {"examples", model.examples()},
               {"metrics", Sorted(model.metrics())}};
  if (model.has_input()) json.update(InputJson(model.input()));
  return json;
}

Json ModelsJson(const v1::ListModelsResponse& models) {
  Json list = Json::array();
  for (const v1::Model& model : models.models()) list.push_back(ModelJson(model));
  return {{"models", std::move(list)}};
}

std::string PackageText(const ModelPackage& package, absl::TimeZone zone) {
  const v1::PackageManifest& manifest = package.manifest;
  const v1::Lineage& lineage = manifest.lineage();
  const std::string head = KeyValueText(
      {{"name", manifest.name()},
       {"version", absl::StrCat(manifest.version())},
       {"from", LineageText(lineage)},
       {"made", HumanTime(lineage.created_ms(), zone)},
       {"by", lineage.program()},
       {"model", std::string(Name(package.plan.model.kind))},
       {"input", InputText(package.plan)},
       {"units", UnitsText(ModelInputOf(package.plan.input))},
       {"output", OutputText(package.plan)},
       {"scaling", package.scaling
                       ? absl::StrCat("federated, ", package.scaling->modes.size(),
                                      package.scaling->modes.size() == 1 ? " operating mode"
                                                                         : " operating modes")
                       : "none in the package"},
       {"parameters", ParametersText(package.architecture.layout.size())},
       {"sha-256", absl::BytesToHexString(manifest.parameters_sha256())},
       {"parent", absl::BytesToHexString(lineage.parent_sha256())},
       {"plan sha-256", Sha256Of(manifest.plan()).Hex()},
       {"package sha-256", package.Sha256().Hex()},
       {"signed by", package.signatures.empty()
                         ? "nobody"
                         : absl::StrCat(absl::StrJoin(SignersOf(package), ", "),
                                        "; `millrace model verify` checks that")},
       {"expires", ExpiryText(manifest.expires_ms(), zone)},
       {"test vectors", absl::StrCat(manifest.test_vectors_size())},
       {"metrics", MetricsText(Sorted(manifest.metrics()))}});
  return absl::StrCat(head, "\n", TensorsText(package.architecture.layout),
                      CardText(manifest.card()));
}

Json PackageJson(const ModelPackage& package) {
  const v1::PackageManifest& manifest = package.manifest;
  const v1::Lineage& lineage = manifest.lineage();
  Json tensors = Json::array();
  for (const TensorSpec& tensor : package.architecture.layout.tensors()) {
    tensors.push_back({{"name", tensor.name}, {"shape", tensor.shape}});
  }
  Json scaling = nullptr;
  if (package.scaling) scaling = {{"modes", package.scaling->modes.size()}};
  Json json = {{"name", manifest.name()},
               {"version", manifest.version()},
               {"model", std::string(Name(package.plan.model.kind))},
               {"task", std::string(Name(package.plan.task()))},
               {"window", package.plan.input.window},
               {"outputs", package.plan.outputs()},
               {"scaling", std::move(scaling)},
               {"parameters", package.architecture.layout.size()},
               {"parameters_sha256", absl::BytesToHexString(manifest.parameters_sha256())},
               {"lineage",
                {{"run", lineage.run()},
                 {"round", lineage.round()},
                 {"parent_sha256", absl::BytesToHexString(lineage.parent_sha256())},
                 {"sites", lineage.sites()},
                 {"examples", lineage.examples()},
                 {"created", JsonTime(lineage.created_ms())},
                 {"program", lineage.program()}}},
               {"plan_sha256", Sha256Of(manifest.plan()).Hex()},
               {"package_sha256", package.Sha256().Hex()},
               {"signed_by", SignersOf(package)},
               {"expires", JsonTime(manifest.expires_ms())},
               {"test_vectors", manifest.test_vectors_size()},
               {"card", manifest.card()},
               {"metrics", Sorted(manifest.metrics())},
               {"tensors", std::move(tensors)},
               {"plan", manifest.plan()}};
  json.update(InputJson(ModelInputOf(package.plan.input)));
  return json;
}

std::string SignaturesText(const ModelPackage& package,
                           const std::vector<SignatureFinding>& findings,
                           const absl::Status& verdict, const std::string& revocation_list,
                           absl::TimeZone zone) {
  const v1::PackageManifest& manifest = package.manifest;
  Table table({"PUBLISHER", "CERTIFICATE UNTIL", "SIGNATURE"});
  for (const SignatureFinding& finding : findings) {
    const bool known = finding.not_after != absl::InfinitePast();
    table.AddRow({finding.publisher,
                  HumanTime(known ? absl::ToUnixMillis(finding.not_after) : 0, zone),
                  finding.status.ok() ? "good" : std::string(finding.status.message())});
  }
  return absl::StrCat(
      KeyValueText({{"model", absl::StrCat(manifest.name(), " version ", manifest.version())},
                    {"package sha-256", package.Sha256().Hex()},
                    {"expires", ExpiryText(manifest.expires_ms(), zone)},
                    {"revocation list", revocation_list.empty() ? "none found" : revocation_list}}),
      "\n", table.empty() ? "nobody has signed it\n" : table.Text(), "\n",
      verdict.ok() ? "good to install" : absl::StrCat("refused: ", Printable(verdict.message())),
      "\n");
}

Json SignaturesJson(const ModelPackage& package, const std::vector<SignatureFinding>& findings,
                    const absl::Status& verdict, const std::string& revocation_list) {
  Json signatures = Json::array();
  for (const SignatureFinding& finding : findings) {
    const bool known = finding.not_after != absl::InfinitePast();
    signatures.push_back(
        {{"publisher", finding.publisher},
         {"serial", finding.serial},
         {"not_after", JsonTime(known ? absl::ToUnixMillis(finding.not_after) : 0)},
         {"good", finding.status.ok()},
         {"reason", std::string(finding.status.message())}});
  }
  return {{"name", package.manifest.name()},
          {"version", package.manifest.version()},
          {"package_sha256", package.Sha256().Hex()},
          {"expires", JsonTime(package.manifest.expires_ms())},
          {"signatures", std::move(signatures)},
          {"revocation_list", revocation_list},
          {"good", verdict.ok()},
          {"reason", std::string(verdict.message())}};
}

}  // namespace millrace
