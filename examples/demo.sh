#!/bin/sh
# Run the pipelines of all five systems on real input, each in its own script, with a readable report.
# Nothing of yours is touched: it all happens in a temporary home.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/examples}
PATH=$root/bin:$PATH
ROADMAP_MODELS=${ROADMAP_MODELS:-$root/.cache/models}
HOME=$(mktemp -d)
ROADMAP_STATE=$HOME/state.db # one file for all five
export PATH HOME ROADMAP_MODELS ROADMAP_STATE
unset ROADMAP_IDENTITY XDG_STATE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME
trap 'rm -rf "$HOME"' EXIT
trap 'exit 130' INT TERM
failed=""

[ $# -gt 0 ] || set -- slm agent edl life wf
for system in "$@"; do
    printf '\n== %s %s\n\n' "$system" "$(printf '%*s' $((70 - ${#system})) '' | tr ' ' '=')"
    begin=$(date +%s)
    if "$here/$system.sh"; then word=finished; else word=FAILED; failed="$failed $system"; fi
    printf '\n-- %s: %s in %d s\n' "$system" "$word" "$(($(date +%s) - begin))"
done

printf '\n== the ground they share %s\n\n' "$(printf '%*s' 50 '' | tr ' ' '=')"
roadmap-state path | jq -r '"  one encrypted file, \(.bytes) bytes: \(.rows.record // 0) records, \(.rows.decision // 0) decisions, \(.rows.model_call // 0) model calls"'
roadmap-state check | jq -r '"  \(.check): \(.detail)"' || failed="$failed state"
if [ -n "$failed" ]; then
    printf '\nfailed:%s\n' "$failed"
    exit 1
fi
