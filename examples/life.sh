#!/bin/sh
# A private agent: a year of calendar and bank statement goes into the encrypted state; what is unusual in the last two
# weeks comes out, each warning with the records it rests on. The year ends on 2026-11-22, so the clock stands still there.
# Writes into a temporary folder only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE ROADMAP_NOW=2026-11-23T09:00:00Z
cd "$here/life"

echo '== a year goes in, and what is unusual comes out'
life-ingest calendar.ics bank.ofx >"$work/records.jsonl" && life-watch >"$work/warnings.jsonl"
jq -rs 'group_by(.kind)[] | "\(length) \(.[0].kind)"' "$work/records.jsonl"
jq -r '"\(.severity): \(.text)\n  rests on \(.evidence_count) records; clears when \(.clears_when)"' "$work/warnings.jsonl"

echo '== the records that weigh most in the first warning'
why=$(jq -rs '.[0].why_id' "$work/warnings.jsonl")
roadmap-why "$why" --json | jq -rs 'map(select(.depth == 1 and .kind == "life.event"))[:5][]
    | "\(.at)  \(.title), \(.source):\(.source_line)"'

echo '== the same files once more, and the same statement as CSV: nothing is counted twice'
life-ingest calendar.ics bank.ofx bank.csv | jq -rs '"\(map(select(.same_as_id)) | length) transactions told again by the CSV, \(map(select(.kind != "life.source" and (.same_as_id | not))) | length) others"'
life-watch | wc -l | sed 's/ *$/ warnings said again/'

echo '== what the warnings ask for, each way computed, held against what matters'
life-values add --quiet 'family > work' 'no meetings after 18:00' >/dev/null
life-watch --open | life-decide >"$work/decided.jsonl"
jq -r 'select(.kind == "life.comparison") | .text' "$work/decided.jsonl"
life-why --check "$(jq -rs 'map(select(.kind == "life.comparison"))[0].id' "$work/decided.jsonl")" | jq -rs '"\(length) claims of the first one checked, \(map(select(.ok | not)) | length) do not hold"'
