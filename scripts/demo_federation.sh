# SPDX-License-Identifier: Apache-2.0
# What the parts of the demo share: a federation of processes on this machine, whose files lie under
# $demo. To be sourced; whatever it starts is stopped when the shell ends.

# MILLRACE_BIN names the folder of other programs than those of the release build.
bin=${MILLRACE_BIN:-$PWD/build/release/bin}
export OMP_NUM_THREADS=1  # several plants share this machine

declare -A process=()  # name -> process id
stop_all() {
  local pid
  for pid in "${process[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${process[@]}"; do wait "$pid" 2>/dev/null || true; done
  process=()
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# --- A federation: a development authority, a coordinator, client daemons ----------------------------

mr() { "$bin/millrace" "$@"; }
issue() { mr authority issue --authority "$demo/authority" --role "$1" --name "$2" --out "$3" > /dev/null; }

make_authority() {
  mr authority init --federation demo --out "$demo/authority" > /dev/null
  issue coordinator coordinator "$demo/coordinator"
  issue operator operator "$demo/operator"
  cat > "$demo/coordinator/coordinator.toml" <<TOML
[server]
listen = "127.0.0.1:0"
certificate = "coordinator.crt"
key = "coordinator.key"
authority = "authority.crt"

[storage]
folder = "state"
TOML
}

start_coordinator() {
  : > "$demo/coordinator/port"  # there before anybody looks
  "$bin/millrace-coordinator" --config "$demo/coordinator/coordinator.toml" \
    >> "$demo/coordinator/port" 2>> "$demo/logs/coordinator.log" &
  process[coordinator]=$!
  local port= _
  for _ in {1..100}; do
    port=$(sed -n 's/^port //p' "$demo/coordinator/port")
    [ -n "$port" ] && break
    kill -0 "${process[coordinator]}" 2>/dev/null ||
      { echo "demo: the coordinator did not start:" >&2; cat "$demo/logs/coordinator.log" >&2; exit 1; }
    sleep 0.1
  done
  export MILLRACE_COORDINATOR=127.0.0.1:$port
  export MILLRACE_CERTIFICATE=$demo/operator/operator.crt
  export MILLRACE_KEY=$demo/operator/operator.key
  export MILLRACE_AUTHORITY=$demo/operator/authority.crt
}

start_site() {  # name, folder with a data.toml
  local name=$1 folder=$2
  issue site "$name" "$folder"
  cat > "$folder/site.toml" - "$folder/data.toml" <<TOML
[coordinator]
address = "$MILLRACE_COORDINATOR"

[identity]
certificate = "$name.crt"
key = "$name.key"
authority = "authority.crt"

[storage]
folder = "state"

[site]
name = "$name"

TOML
  "$bin/millrace-client" run --config "$folder/site.toml" 2> "$demo/logs/$name.log" &
  process[$name]=$!
}

