#!/bin/sh
# Workflows: a recorded Alertmanager webhook becomes a plan, an approval, a durable run and a report; then the same with
# a kill -9 in the middle; then a plan of high risk, which waits for somebody else. Writes into a temporary folder only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${ROADMAP_STATE:=$work/state.db}"
export ROADMAP_STATE
cp "$here/wf/checkout.log" "$work"
webhook=$here/wf/alertmanager.json

echo '== what would be done'
wf-listen --from alertmanager <"$webhook" | wf-match | wf-plan --directory "$work" | wf-approve --plain

echo '== done, and killed with SIGKILL when the first step has ended'
wf-listen --replay >"$work/events"
wf-match <"$work/events" | wf-plan --directory "$work" | wf-approve >"$work/approvals"
mkfifo "$work/told"
wf-run <"$work/approvals" >"$work/told" &
run=$!
while read -r record; do
    case $record in
    *wf.step_finished*)
        kill -9 "$run"
        break
        ;;
    esac
done <"$work/told"
wait "$run" 2>/dev/null || echo "wf-run was killed"

echo '== the same webhook once more: what had ended is not done again'
wf-listen --from alertmanager <"$webhook" | wf-match | wf-plan --directory "$work" | wf-approve | wf-run --plain
echo '== the report'
sed -n '1,25p' "$work"/incident-*.md

echo '== a plan of high risk waits'
mkdir "$work/spool"
touch "$work/spool/a.old" "$work/spool/b.new"
jq -c '.alerts[0].labels.alertname = "DiskFillingUp" | .alerts[0].annotations.folder = "spool"
    | .alerts[0].fingerprint = "0123456789abcdef"' "$webhook" >"$work/disk.json"
wf-listen --from alertmanager <"$work/disk.json" | wf-match --templates "$here/wf/disk.yaml" |
    wf-plan --templates "$here/wf/disk.yaml" --directory "$work" --as alice | wf-approve >"$work/waiting"
wf-run <"$work/waiting" || echo "wf-run ended with $?"
plan=$(jq -r .plan_id "$work/waiting")
wf-approve --approve "$plan" --as alice || echo "wf-approve ended with $?"
wf-approve --approve "$plan" --as bob --because 'disk is at 97%' | wf-run --plain
ls "$work/spool"
