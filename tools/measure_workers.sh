#!/bin/sh
# The table of docs/decisions/0004-worker.md: for each way to serve, requests a second, p50 and p99 of 16 connections that
# ask for one row, the time of a request on a fresh connection beside 100 busy ones, and the same beside 50 that sent half
# a request. All ways take turns, ROUNDS times; what is printed is the median. Needs wrk, curl, and `andon` with a promoted
# demo model in ./andon-store.
set -eu
port=${PORT:-8790} rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-5}
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cat >"$work/one.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances":[{"carrier":"UA","flight":1545,"tailnum":"N14228","origin":"EWR","dest":"IAH","hour":17,'
  .. '"month":11,"day_of_week":2,"temp":39.0,"humid":62.0,"precip":0.0,"visib":10.0}]}'
LUA
cat >"$work/nothing.py" <<'PY'
from flask import Flask


def create_app():
    """A view that does nothing, in an application that does nothing else."""
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/predict", view_func=lambda: b"{}", methods=["POST"])
    app.add_url_rule("/health", view_func=lambda: b"{}")
    return app
PY
cat >"$work/fresh.py" <<'PY'
"""The slowest of five requests on fresh connections, beside so many that sent half a request."""
import socket, sys, time, urllib.request

port, n_half_open = int(sys.argv[1]), int(sys.argv[2])
half_open = [socket.create_connection(("127.0.0.1", port)) for _ in range(n_half_open)]
for connection in half_open:
    connection.send(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
time.sleep(1)  # let the workers take them on
slowest = 0.0
for _ in range(5):
    started = time.monotonic()
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
    except OSError:
        pass
    slowest = max(slowest, time.monotonic() - started)
print(f"{1000 * slowest:.1f}")
PY

# measure NAME APP OPTION...: one line of figures into $work/NAME
measure() {
    name=$1 app=$2
    shift 2
    PYTHONPATH=$work:${PYTHONPATH:-.} ANDON_PORT=$port ANDON_LOG_LEVEL=critical \
        python -m gunicorn --config python:service.web.gunicorn_conf "$@" "$app" >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 100); do # for as long as 20 s, until it answers
        curl --silent --fail --output /dev/null "http://127.0.0.1:$port/health" && break
        sleep 0.2
    done
    wrk -t1 -c16 -d1s -s "$work/one.lua" "http://127.0.0.1:$port/predict" >/dev/null
    wrk -t1 -c16 -d"${seconds}s" --latency -s "$work/one.lua" "http://127.0.0.1:$port/predict" >"$work/out"
    wrk -t1 -c100 -d4s -s "$work/one.lua" "http://127.0.0.1:$port/predict" >/dev/null &
    busy=$!
    beside_busy=$(python "$work/fresh.py" "$port" 0)
    wait "$busy"
    beside_half_open=$(python "$work/fresh.py" "$port" 50)
    awk -v busy="$beside_busy" -v half="$beside_half_open" '
        function ms(text) { return text ~ /us$/ ? text / 1000 : text ~ /ms$/ ? text + 0 : text * 1000 }
        /Requests\/sec/ { rate = $2 } /^ *50%/ { p50 = ms($2) } /^ *99%/ { p99 = ms($2) }
        /Non-2xx/ { bad += $NF } /Socket errors/ { gsub(/[^0-9 ]/, ""); bad += $1 + $2 + $3 + $4 }
        END { print rate, p50, p99, bad + 0, busy, half }' "$work/out" >>"$work/$name"
    kill "$server"
    wait "$server" || true
}

service='service.web:create_app()' nothing='nothing:create_app()'
for _ in $(seq "$rounds"); do
    measure fair "$service"
    measure fair-python "$service" --http-parser python
    measure fair-reuse "$service" --reuse-port
    measure gevent "$service" --worker-class gevent
    measure gthread "$service" --worker-class gthread --threads 4
    measure sync "$service" --worker-class sync
    measure nothing "$nothing"
    measure nothing-gevent "$nothing" --worker-class gevent
done

median() { awk -v column="$2" '{ print $column }' "$work/$1" | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }
row() { # row NAME WORDS
    printf '| %s | %.0f | %s | %s | %s | %s | %s |\n' "$2" "$(median "$1" 1)" "$(median "$1" 2)" "$(median "$1" 3)" \
        "$(median "$1" 4)" "$(median "$1" 5)" "$(median "$1" 6)"
}
echo '| | requests a second | p50, ms | p99, ms | errors | fresh beside 100 busy, ms | fresh beside 50 half-open, ms |'
echo '|---|---|---|---|---|---|---|'
row fair "ours (\`service.web.worker\`)"
row fair-python "ours, parser in Python"
row fair-reuse "ours, \`reuse_port\`"
row gevent "gunicorn's gevent"
row gthread "gthread, 4 threads"
row sync "sync"
row nothing "ours, a view that does nothing"
row nothing-gevent "gunicorn's gevent, a view that does nothing"
