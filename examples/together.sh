#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The five systems in one another's pipes: a warning becomes a question and a run; one workflow repairs, edits and writes;
# the program of a workflow is repaired until its tests pass; one server of models answers for all; a folder of clips is
# edited by make. Writes into a temporary folder only.
# Usage: examples/together.sh [warning] [studio] [template] [queue] [clips]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH
work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || slm-serve stop >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE
cd "$work"

# A warning of life-watch is an event: the workflow life-warning weighs it and asks; a week after the answer it looks again.
warning() {
    echo '== life-watch | wf-match | wf-run'
    export ROADMAP_NOW=2026-11-23T09:00:00Z
    life-ingest --quiet "$here/life/bank.ofx" >/dev/null
    life-watch | wf-match | wf-run --quiet >asked.jsonl || [ $? -eq 75 ]
    jq -r 'select(.kind == "wf.task") | "  \(.question | split(". ")[0])?", "  answers: \(.choices | join(", "))"' asked.jsonl
    wf-approve --task "$(jq -r 'select(.kind == "wf.task") | .id' asked.jsonl)" --answer 'leave it' >/dev/null
    wf-run --resume | jq -r 'select(.kind == "wf.run_finished") | "  \(.workflow): \(.status)"'
    unset ROADMAP_NOW
}

# One workflow: agent-loop repairs a project, edl-* cut a film, slm-run writes a sentence, and a page is made of it.
studio() {
    echo '== wf-run: agent-loop, edl-scan | edl-plan | edl-check | edl-render, slm-run'
    mkdir studio
    cp -r "$here/fix-the-parser" studio/parser
    ffmpeg -v error -f lavfi -i testsrc2=d=3:s=320x180:r=24 -f lavfi -i sine=d=3 -preset ultrafast -shortest studio/take1.mp4
    echo '{"specversion":"1.0","id":"take1","source":"camera","type":"studio.take",
        "data":{"clip":"take1.mp4","project":"parser","intent":"slow and calm"}}' | tr -d '\n' >event
    wf-listen --from jsonl -i event | wf-match --templates "$here/wf/studio.yaml" --model none |
        wf-plan --templates "$here/wf/studio.yaml" --directory "$work/studio" | wf-approve | wf-run >run.jsonl
    jq -r 'select(.kind == "wf.step_finished") | "  \(.step): \(.status) after \(.duration_ms / 1000 | round) s"' run.jsonl
    sed 's/^/  | /' studio/page.md
}

# A template's own program fails its tests; agent-loop repairs it without a model, and the workflow does what it should.
template() {
    echo '== agent-loop --apply, then the workflow it repaired'
    cp -r "$here/wf/restock" .
    agent-loop --test 'pytest -q' --apply restock | jq -r 'select(.diff).diff' | sed -n 's/^\([+-] .*\)/  \1/p'
    wf-plan --check restock/restock.yaml >/dev/null
    echo '{"specversion":"1.0","id":"monday","source":"shop","type":"shop.closed"}' | wf-listen --from jsonl |
        wf-match --templates restock --model none | wf-plan --templates restock --directory "$work/restock" |
        wf-approve | wf-run >/dev/null
    sed 's/^/  to order: /' restock/order.txt
}

# A model is loaded once, by slm-serve; the queue and the commands of every family ask it without knowing.
queue() {
    echo '== slm-serve, asked by slm-queue and all families'
    slm-serve start >served.jsonl 2>served.err &
    server=$!
    until slm-serve status >/dev/null 2>&1; do sleep 0.2; done
    printf 'Name a river.\nName a sea.\n' | slm-queue add --text --priority now --max-tokens 6 --quiet >/dev/null
    slm-queue drain --quiet >/dev/null
    ROADMAP_NOW=2026-11-23T09:00:00Z life-decide --llm 'rent a garage for 80 EUR a month or park in the street for nothing' >/dev/null
    ffmpeg -v error -f lavfi -i testsrc2=d=2:s=160x90:r=12 -preset ultrafast small.mp4
    edl-scan small.mp4 | edl-plan --intent 'zippy and moody' --llm smollm2-135m-instruct >/dev/null 2>&1
    mkdir calc # nothing but a model can help here, and one this small cannot either
    printf 'def greet(name):\n    return 1\n' >calc/greet.py
    printf 'from greet import greet\ndef test(): assert greet("Ada") == "Dear Ada, welcome"\n' >calc/test_greet.py
    agent-loop --test 'pytest -q' --llm default --max-tokens-total 1000 --seconds 60 calc >/dev/null 2>&1 || true
    cat >sort.yaml <<'EOF'
workflow: sort
version: 1
trigger: {type: letter}
inputs: {text: {from: data.text}}
steps:
  - name: only
    role: data
    effects: [read]
    agent:
      task: classify
      model: default
      text: "${inputs.text}"
      choices: [{name: delivery}, {name: invoice}, {name: praise}]
EOF
    echo '{"specversion":"1.0","id":"1","source":"post","type":"letter","data":{"text":"The parcel came late and wet."}}' |
        wf-listen --from jsonl | wf-match --templates sort.yaml --model none | wf-plan --templates sort.yaml --directory "$work" |
        wf-approve | wf-run >sorted.jsonl
    slm-serve status | jq -r 'select(.kind == "slm.served_model") | "  \(.name): loaded \(.loads_count) time"'
    roadmap-state query 'SELECT command, count(*) AS n FROM model_call GROUP BY 1 ORDER BY 1' | jq -r '.row | "  \(.command): asked \(.n) times"'
    slm-serve stop >/dev/null
    server=""
}

# make knows which film is made of which clip; the commands know content.
clips() {
    echo '== make: two clips, then one that has changed'
    mkdir clips
    for number in 1 2; do
        ffmpeg -v error -f lavfi -i "testsrc2=d=2:s=160x90:r=12" -vf "hue=h=$((number * 90))" -preset ultrafast clips/c$number.mp4
    done
    edit() { make --no-print-directory -s -j2 -f "$here/edl/Makefile" CLIPS=clips PRESET=ultrafast; }
    edit
    cksum clips/films/c1.mp4 clips/films/c2.mp4 >before
    touch -r clips/films/c1.mp4 made
    ffmpeg -v error -y -f lavfi -i testsrc=d=2:s=160x90:r=12 -preset ultrafast clips/c2.mp4
    edit
    cksum clips/films/c1.mp4 clips/films/c2.mp4 | diff before - | grep -c '^>' | sed 's/.*/  films made anew: &/'
    [ -n "$(find clips/films/c1.mp4 -newer made)" ] || echo '  the other was not touched'
}

[ $# -gt 0 ] || set -- warning studio template queue clips
for part in "$@"; do "$part"; done
