#!/bin/sh
# A small language model at work on this machine, with no network: prompts, JSON of a given shape, nearest texts.
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
PATH=$here/../bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE

slm-models pull --quiet >/dev/null

echo "# Fifty prompts, the first five replies"
began=$(date +%s)
slm-run --max-tokens 64 <"$here/prompts.jsonl" >"$work/replies.jsonl"
head -n 5 "$work/replies.jsonl" | jq -r '"\(.prompt)\n  \(.text | gsub("\n"; " "))"'
jq -s -r --arg s "$(($(date +%s) - began))" '"\(length) replies, \(map(.completion_tokens) | add) tokens in \($s) s, the model loaded"' "$work/replies.jsonl"

echo
echo "# A reply that must fit a JSON Schema"
printf '%s' '{"type":"object","properties":{"language":{"enum":["French","German","Spanish"]}},"required":["language"]}' >"$work/schema.json"
echo 'In which language is this: Wo ist der Bahnhof?' | slm-run --text --schema "$work/schema.json" | jq -c .value

echo
echo "# Which prompts are nearest in meaning to the question"
{ echo '{"prompt":"How can I save money on groceries and cooking?"}'; cat "$here/prompts.jsonl"; } |
    slm-embed --field prompt |
    jq -s -r '.[0].vector as $q | .[1:] | map({text, near: ([.vector, $q] | transpose | map(.[0] * .[1]) | add)})
              | sort_by(-.near) | .[:3][] | "  \(.near * 100 | round / 100)  \(.text)"'

echo
echo "# Four days of messages: what of them bears on the question, and why"
slm-window --budget 90 --recent 0 -i "$here/chat.jsonl" --query 'Where is the car?' | jq -r '"  \(.content // "") (\(.why))"'
