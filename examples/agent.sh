#!/bin/sh
# Repair a real failing project without any language model, twice: found by search, then remembered.
# Needs bubblewrap. Works on a copy; nothing here is changed.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT INT TERM
PATH=$here/../bin:$PATH
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE
cp -R "$here/fix-the-parser" "$work/"

report='
  if .kind == "agent.test_result" then "  \(.phase): \(.passed_count) tests pass, \(.failed_count) fail"
  elif .kind == "agent.suspicion" then "  most suspect: " + ([.lines[:3][] | "\(.file):\(.line)"] | join(", "))
  elif .kind == "agent.fix" then "  repaired by \(.driver):\n\n" + (.diff | split("\n") | map("    " + .) | join("\n"))
  elif .kind == "agent.run_finished" then "  \(.status) after \(.candidate_count) candidates in \(.duration_ms / 1000) s"
  else empty end'

echo "First meeting: search by templates, in a sandbox without network"
agent-loop --test 'pytest -q' "$work/fix-the-parser/" > "$work/first.jsonl"
jq -r "$report" "$work/first.jsonl"

echo "Second meeting: the same failure, replayed and written with --apply"
agent-loop --test 'pytest -q' --apply "$work/fix-the-parser/" > "$work/second.jsonl"
jq -r "$report" "$work/second.jsonl"

echo "Third time: nothing is left to do"
agent-loop --test 'pytest -q' "$work/fix-the-parser/" | jq -r "$report"

echo "Why this change:"
roadmap-why "$(jq -r 'select(.kind == "agent.fix").decision_id' "$work/second.jsonl")" |
    jq -r '"  " * (.depth // 0) + "  " + (.what // .kind)'
