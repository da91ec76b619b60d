#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_includes.sh finds every kind of line that it is there to find, and lets the others through.
set -euo pipefail
check=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# expect <pass|fail> <file> <include line>: what the check says of a source that has this line.
expect() {
  local tree="$root/$RANDOM$RANDOM"
  mkdir -p "$tree"/{base,plan,aggregation,models,coordinator,client,scripts} "$(dirname "$tree/$2")"
  echo "$3" >"$tree/$2"
  local said=pass
  bash "$check" "$tree" >/dev/null || said=fail
  if [[ $said != "$1" ]]; then
    echo "$2 with $3: the check says $said, expected $1"
    exit 1
  fi
}

expect pass models/torch/a.cc '#include <torch/torch.h>'
expect fail client/training/a.cc '#include <torch/torch.h>'
expect fail models/a.h '#  include <torch/script.h>'
expect pass models/a.h '#include "models/torch/torch_trainer.h"'
expect pass client/session/a.cc '#include "millrace/v1/rounds.grpc.pb.h"'
expect pass coordinator/cli/a.cc '#include "millrace/v1/admin.grpc.pb.h"'
expect fail coordinator/engine/a.h '#include "millrace/v1/rounds.grpc.pb.h"'
expect pass coordinator/engine/a.h '#include "millrace/v1/rounds.pb.h"'
expect pass client/live/a.cc '#include <mosquitto.h>'
expect fail client/session/a.cc '#include <mosquitto.h>'
expect fail client/a.h '#include <modbus/modbus.h>'
expect pass base/a.cc '#include <microhttpd.h>'
expect fail client/a.cc '#include <microhttpd.h>'
expect fail base/a.cc '#include <httplib.h>'
expect fail coordinator/a.cc '#include "client/config.h"'
expect fail client/a.cc '#include "coordinator/config.h"'
expect pass scripts/a.cc '#include "coordinator/engine/engine.h"'
expect fail base/a.h '#include "plan/plan.h"'
expect pass base/crypto/a.h '#include "base/status.h"'
expect fail models/a.cc '#include <grpcpp/grpcpp.h>'
expect fail aggregation/a.cc '#include "coordinator/round/types.h"'
expect fail aggregation/a.cc '#include "millrace/v1/common.pb.h"'
expect pass models/a.h '#include "millrace/v1/common.pb.h"'
expect fail client/a.cc '#include "tests/testing/simulated_clock.h"'
expect fail client/a.cc '#include "scripts/train/site.h"'
