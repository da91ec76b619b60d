#!/usr/bin/env bash
# The systemd units: free of mistakes, and exposed no more than they need to be. Exits with 77, which
# ctest shows as skipped, where systemd-analyze is absent.
#   check_units.sh <folder of units> <folder of programs>
set -euo pipefail
units=$1
programs=$2
# systemd's own scale, 0 (closed) to 10 (open), in tenths.
threshold=20

command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not here: skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# As installed, with programs that exist.
for unit in "$units"/*; do
  sed "s#/usr/bin/millrace#$programs/millrace#" "$unit" >"$work/$(basename "$unit")"
done
# Training may not take a plant's machine for itself, whoever forgot to say so in site.toml.
for unit_and_limit in "millrace.slice MemoryMax" "millrace-client.service Slice" \
                      "millrace-client.service Delegate"; do
  read -r unit limit <<<"$unit_and_limit"
  grep -q "^$limit=" "$work/$unit" || { echo "$unit: has no $limit"; exit 1; }
done
# A user of that name is made when the package is installed.
said=$(systemd-analyze verify "$work"/*.service 2>&1 | grep -v 'man .* failed' || true)
[ -z "$said" ] || { echo "$said"; exit 1; }
systemd-analyze security --offline=true --threshold=$threshold "$work"/*.service >"$work/report" || {
  grep -E '✗|Overall' "$work/report"
  exit 1
}
grep Overall "$work/report"
