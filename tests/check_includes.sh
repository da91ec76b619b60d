#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The house rules that include lines can break: check_includes.sh <source folder>. Names every line
# that does and the rule, and fails.
set -euo pipefail
cd "$1"

failed=0

# rule <words> <pattern of the included file> <folders...>: no file of these folders includes it.
# A folder written !folder is left out.
rule() {
  local words=$1 pattern=$2
  shift 2
  local folders=() left_out=()
  for folder in "$@"; do
    if [[ $folder == '!'* ]]; then left_out+=("${folder#!}"); else folders+=("$folder"); fi
  done
  local found
  local line="^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($pattern)"
  found=$(grep -rnE --include='*.h' --include='*.cc' "$line" \
    "${folders[@]}" 2>/dev/null || true)
  for folder in "${left_out[@]}"; do
    found=$(grep -v "^$folder" <<<"$found" || true)
  done
  if [[ -n $found ]]; then
    printf '%s:\n%s\n' "$words" "$found"
    failed=1
  fi
}

production=(base plan aggregation models coordinator client scripts)

rule 'LibTorch is for models/torch/ alone' \
  'torch/|ATen/|c10/' "${production[@]}" '!models/torch/'
rule 'services belong to coordinator/rpc/, coordinator/cli/, client/session/ and client/output/ alone' \
  '.*\.grpc\.pb\.h' "${production[@]}" '!coordinator/rpc/' '!coordinator/cli/' \
  '!client/session/' '!client/output/'
rule 'libmosquitto is for client/live/ and the plant simulator alone' \
  'mosquitto\.h' "${production[@]}" '!client/live/' '!scripts/plant_simulator/'
rule 'libmodbus is for client/live/, client/output/ and the plant simulator alone' \
  'modbus/' "${production[@]}" '!client/live/' '!client/output/' '!scripts/plant_simulator/'
rule 'libmicrohttpd is for base/ alone' 'microhttpd\.h' "${production[@]}" '!base/'
rule 'cpp-httplib is for tests alone' 'httplib\.h' "${production[@]}"
rule 'the coordinator includes nothing of the client' 'client/' coordinator
rule 'the client includes nothing of the coordinator' 'coordinator/' client
rule 'base stands below everything else' \
  'plan/|aggregation/|models/|coordinator/|client/|scripts/|tests/|millrace/|grpc' base
rule 'plan, aggregation and models stand below coordinator and client, and know no gRPC' \
  'coordinator/|client/|scripts/|tests/|grpc|.*\.grpc\.pb\.h' plan aggregation models
rule 'of aggregation, secure/ alone knows messages' 'millrace/' aggregation '!aggregation/secure/'
rule 'what runs at a site or in the cloud includes no test' 'tests/' "${production[@]}"
rule 'the libraries include nothing of the scripts' 'scripts/' coordinator client

exit "$failed"
