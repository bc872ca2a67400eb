#!/usr/bin/env bash
# A small real flow on an empty machine: builds the worker, starts it in dev mode (embedded broker, nothing to install) and
# carries 1,000 rows   text file → topic → SQLite table → topic → other SQLite table and text file.
# Ends by itself; with KEEP=1 the worker goes on until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
folder=${DEMO_DIR:-$repository/target/demo}
port=${PORT:-8083}
rows=1000

say() { printf '\033[1m%s\033[0m\n' "$*"; }

say "1/4  Building the worker (some minutes the first time; cargo shows what it does)"
cargo build --workspace
worker=${CARGO_TARGET_DIR:-$repository/target}/debug/turnbuckle

say "2/4  Writing $rows readings to $folder/readings.jsonl"
rm -rf "$folder"
mkdir -p "$folder"
schema='{"type":"struct","optional":false,"name":"reading","fields":[{"field":"id","type":"int64","optional":false},{"field":"sensor","type":"string","optional":false},{"field":"celsius","type":"double","optional":true}]}'
for ((id = 1; id <= rows; id++)); do
  printf '{"schema":%s,"payload":{"id":%d,"sensor":"sensor-%d","celsius":%d.%d}}\n' \
    "$schema" "$id" $((id % 7)) $((15 + id % 20)) $((id % 10))
done > "$folder/readings.jsonl"

say "3/4  Starting: turnbuckle dev --port $port with the connectors of configs/demo"
cd "$folder"
"$worker" dev --port "$port" "$repository"/configs/demo/*.json > worker.log 2>&1 &
pid=$!
stop() {
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}
trap stop EXIT
trap 'echo; exit 130' INT TERM

arrived() { if [ -f arrived.txt ]; then wc -l < arrived.txt; else echo 0; fi; }
deadline=$((SECONDS + 60))
while [ "$(arrived)" -lt "$rows" ]; do
  if ! kill -0 "$pid" 2>/dev/null; then
    echo "The worker ended. Its log, $folder/worker.log, says:"
    tail -n 20 worker.log
    exit 1
  fi
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo "Only $(arrived) of $rows readings arrived within a minute. The end of $folder/worker.log:"
    tail -n 20 worker.log
    exit 1
  fi
  # A terminal shows the progress in place; a log gets one line at the end.
  if [ -t 1 ]; then printf '\r     %6d of %d readings have arrived' "$(arrived)" "$rows"; fi
  sleep 0.2
done
if [ -t 1 ]; then printf '\r'; fi
printf '     %6d of %d readings have arrived\n' "$(arrived)" "$rows"

say "4/4  What arrived (last three lines of arrived.txt):"
tail -n 3 arrived.txt
broker=$(sed -n 's/.*embedded broker on \([0-9.:]*\).*/\1/p' worker.log | head -n 1)
cat <<EOF

Databases and log:    $folder/first.db  second.db  worker.log
Memory of the worker: $(awk '/VmRSS/ {printf "%.0f MB", $2 / 1024}' "/proc/$pid/status" 2>/dev/null || echo unknown)
While it runs (KEEP=1 make demo), look further with
  curl localhost:$port/connectors?expand=status
  curl localhost:$port/connectors/readings-to-sqlite/status
  kcat -b ${broker:-BROKER} -t sqlite-readings -C -e
EOF
if [ "${KEEP:-}" = 1 ]; then
  echo "The worker goes on; Ctrl-C ends it."
  wait "$pid"
fi
