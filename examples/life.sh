#!/bin/sh
# A private agent: a year of a person who does not exist (calendar, bank, health, mail, chats) goes into the encrypted
# state, and is asked what a person would ask. The year ends on 2026-11-22, so the clock stands still the day after.
# Writes into a temporary folder only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE ROADMAP_NOW=2026-11-23T09:00:00Z
cd "$here/life"

echo '== a year goes in: calendar, statement, export of the phone, contacts, mail and chats'
life-ingest calendar.ics bank.ofx export.xml contacts.vcf people.jsonl mail.mbox whatsapp.txt chat.jsonl >"$work/records.jsonl"
jq -rs 'group_by(.kind)[] | "\(length) \(.[0].kind)"' "$work/records.jsonl"

echo '== the same statement as CSV: nothing is counted twice'
life-ingest bank.csv | jq -rs '"\(map(select(.same_as_id)) | length) transactions were told by the OFX before, \(map(select(.kind == "life.transaction" and (.same_as_id | not))) | length) are new"'

echo '== who is who, and who is close'
life-graph build >/dev/null
life-graph close --best 3 | jq -r '"\(.name): \(.text)"'

echo '== what is unusual, and what would clear it'
life-watch >"$work/warnings.jsonl"
jq -r '"\(.severity): \(.text)\n  rests on \(.evidence_count) records; clears when \(.clears_when)"' "$work/warnings.jsonl"
life-watch | wc -l | sed 's/ *$/ warnings said again/'

echo '== what is to come'
life-forecast --weeks 8 --ics "$work/changes.ics" >"$work/forecast.jsonl"
jq -r 'select(.is_overcommitted or .changes) | .text' "$work/forecast.jsonl"

echo '== what matters, and whether anything is booked against it'
life-values add --quiet 'family > work' 'health > income' 'no meetings after 18:00' 'sleep at least 7 h' >/dev/null
life-values check </dev/null | jq -r '"\(.what): \(.text)"' || true

echo '== what the warnings ask for, and a choice from the mail, computed'
life-watch --open | life-decide >"$work/decided.jsonl"
life-decide 'rent a garage for 80 EUR a month or park in the street for nothing' >>"$work/decided.jsonl"
jq -r 'select(.kind == "life.comparison") | .text' "$work/decided.jsonl"

echo '== what was it again? and what is remembered when the days are over'
life-recall --index-seconds 0 --limit 2 'Where is my green folder?' | jq -r .text
life-consolidate | jq -rs '"\(map(select(.kind == "life.memory")) | length) days and threads in a few lines each, \(map(select(.kind == "life.fact")) | length) facts"'
life-recall --from memory --kind life.fact --limit 1 'who is allergic to what?' | jq -r .text

echo '== where does it come from? each number computed again from what it cites'
id=$(jq -rs 'map(select(.kind == "life.comparison"))[0].id' "$work/decided.jsonl")
life-why "$(jq -rs '.[0].id' "$work/warnings.jsonl")" | jq -rs 'map(select(.where))[:4][] | "\(.at)  \(.title // .payee // .metric), \(.where)"'
life-why --check "$id" | jq -rs '"\(length) claims of the first comparison checked, \(map(select(.ok | not)) | length) do not hold"'
