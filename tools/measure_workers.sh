#!/bin/sh
# The table of docs/decisions/0004-worker.md: requests a second and p99 of each worker class, and whether 50 half-open
# connections keep a healthy client from its answer. Needs wrk, and `andon` with a promoted demo model in ./andon-store.
set -eu
port=${PORT:-8790}
script=$(mktemp --suffix .lua)
log=$(mktemp)
trap 'rm -f "$script" "$log"' EXIT
cat >"$script" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances":[{"carrier":"UA","flight":1545,"tailnum":"N14228","origin":"EWR","dest":"IAH","hour":17,'
  .. '"month":11,"day_of_week":2,"temp":39.0,"humid":62.0,"precip":0.0,"visib":10.0}]}'
LUA
echo '| class | requests a second | p50 | p99 | errors | `/health` beside 50 half-open connections |'
echo '|---|---|---|---|---|---|'
for class in gevent gthread sync; do
    ANDON_WORKER_CLASS=$class ANDON_LOG_LEVEL=error python -m service serve --port "$port" >"$log" 2>&1 &
    server=$!
    sleep 3
    wrk -t1 -c16 -d2s -s "$script" "http://127.0.0.1:$port/predict" >/dev/null
    wrk -t1 -c16 -d10s --latency -s "$script" "http://127.0.0.1:$port/predict" >"$log"
    half_open=$(python - "$port" <<'PY'
import socket, sys, time, urllib.request
port = int(sys.argv[1])
half_open = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
for connection in half_open:
    connection.send(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
time.sleep(1)  # let the workers take them on
started = time.monotonic()
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
    print(f"{1000 * (time.monotonic() - started):.0f} ms")
except OSError:
    print("no answer in 5 s")
PY
)
    awk -v class="$class" -v half="$half_open" '
        /Requests\/sec/ { rate = $2 } /^ *50%/ { p50 = $2 } /^ *99%/ { p99 = $2 } /Non-2xx/ { bad = $NF } /Socket errors/ { bad = bad $0 }
        END { printf "| %s | %d | %s | %s | %s | %s |\n", class, rate, p50, p99, bad ? bad : 0, half }' "$log"
    kill "$server"
    wait "$server" || true
done
