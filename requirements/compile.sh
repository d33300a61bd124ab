#!/bin/sh
# Compile every .in file into a pinned and hashed .txt, in an order in which each can hold to the ones before.
set -eu
cd "$(dirname "$0")"
for purpose in build tox serve train traces test lint container mutation clients audit; do
    uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-emit-index-url \
        "$@" --output-file "$purpose.txt" "$purpose.in"
done
