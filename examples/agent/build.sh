#!/bin/sh
# Builds into a folder of the project: an example for agent-scan with nothing to approve.
set -eu
out=build
mkdir -p "$out"
for name in src/*.txt; do
    sed 's/[[:space:]]*$//' "$name" > "$out/$(basename "$name")"
done
rm -rf "$out/tmp"
