#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a clip to an edit: see it, plan it, prove it, render it; say what is wrong with it and pay only for what changes; take
# it back for nothing; go on in Shotcut; ask why.
# Usage: examples/edl.sh [CLIP [INTENT [OUTPUT]]]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PATH=$here/bin:$PATH
clip=${1:-$here/examples/bikes.mp4}
intent=${2:-make it cinematic}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE
output=${3:-$work/out.mp4}

edl-scan "$clip" > "$work/scan.jsonl"
printf 'The clip\n'
jq -r 'select(.kind == "edl.source") |
  "  \(.path | split("/") | last): \(.frames) frames at \(.fps) a second, \(.width)x\(.height)"' "$work/scan.jsonl"
jq -r 'select(.kind == "edl.shot") |
  "  shot \(.position): frames \(.in_frame) to \(.out_frame), brightness \(.luma_mean | round), motion \(.motion)"' \
  "$work/scan.jsonl"

printf "\nThe plan for '%s'\n" "$intent"
edl-plan --intent "$intent" < "$work/scan.jsonl" > "$work/plan.jsonl"
edl-check < "$work/plan.jsonl" > "$work/checked.jsonl"
jq -r 'select(.kind == "edl.cut") | "  cut \(.position): frames \(.in_frame) to \(.out_frame), \(.reason)"' \
  "$work/checked.jsonl"
jq -r 'select(.kind == "edl.plan") |
  "  \(.cut_count) cuts, \(.dropped_count) shots left out, \(.error_count) errors, \(.warning_count) warnings"' \
  "$work/checked.jsonl"

printf '\nThe render\n'
edl-render -o "$output" < "$work/checked.jsonl" > "$work/render.jsonl"
report='select(.kind == "edl.render") |
  "  \(.frames) frames, \(.frames_encoded) encoded, \(.segments_cached_count) of \(.segments_cached_count
  + .segments_encoded_count) pieces from the cache, \(.elapsed_ms) ms"'
jq -r "$report" "$work/render.jsonl"

printf '\nThe same again\n'
edl-render -o "$output" < "$work/checked.jsonl" | jq -r "$report"

printf "\n'Too dark at the start': measured, corrected, and only what changed is encoded\n"
edl-feedback --anyway 'too dark at the start' < "$work/checked.jsonl" > "$work/brighter.jsonl"
jq -r 'select(.kind == "edl.feedback") | "  \(.outcome): \(.reason)"' "$work/brighter.jsonl"
edl-check < "$work/brighter.jsonl" | edl-render -o "$output" | jq -r "$report"

printf '\nTaken back: nothing is encoded\n'
edl-undo | edl-check | edl-render -o "$output" | jq -r "$report"

printf '\nThe same in Shotcut\n'
edl-export -o "$work/edit.mlt" < "$work/checked.jsonl" 2> /dev/null | jq -r '"  \(.frames) frames, \(.files | length) files beside it"'

printf '\nWhy is the second cut there?\n'
edl-why --json "$(jq -r 'select(.kind == "edl.cut" and .position == 1) | .id' "$work/checked.jsonl")" |
  jq -r 'select(.kind == "edl.answer") | .text'
why=$(jq -r 'select(.kind == "edl.cut" and .position == 1) | .why_id' "$work/checked.jsonl")
if [ -n "$why" ]; then
    roadmap-why "$why" | jq -r '
      ([range(.depth + 1)] | map("  ") | join("")) +
      if .kind == "why.decision" then "\(.what): \(.why)"
      else "\(.kind) \(.path // "frames \(.in_frame) to \(.out_frame)")" end'
fi
if [ -n "${3:-}" ]; then printf '\nPlay it: %s\n' "$output"; fi
