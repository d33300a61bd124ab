#!/bin/sh
# Compile every .in file of the benchmarks into a pinned and hashed .txt; the peers' conflict, so each stands alone.
set -eu
cd "$(dirname "$0")"
for purpose in requirements peers/fastapi peers/mlserver peers/bentoml; do
    uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-emit-index-url \
        "$@" --output-file "$purpose.txt" "$purpose.in"
done
