#!/bin/sh
# Workflows: a recorded Alertmanager webhook becomes a plan that is drawn, an approval, a durable run and a report, with
# a kill -9 in the middle; a plan of high risk waits for somebody else; at the end the trace, the cost, and a proof that
# the approval is in the audit log. Writes into a temporary folder only.
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
wf-listen --from alertmanager <"$webhook" | wf-match | wf-plan --directory "$work" >"$work/plans"
wf-plan --show "$(jq -r .id "$work/plans")" --pretty

echo '== done, and killed with SIGKILL when the first step has ended'
wf-approve <"$work/plans" >"$work/approvals"
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
wf-listen --from alertmanager <"$webhook" | wf-match | wf-plan --directory "$work" | wf-approve | wf-run --pretty
echo '== the report'
sed -n '1,25p' "$work"/incident-*.md

echo '== a plan of high risk waits for somebody else'
mkdir "$work/spool"
touch "$work/spool/a.old" "$work/spool/b.new"
jq -c '.alerts[0].labels.alertname = "DiskFillingUp" | .alerts[0].annotations.folder = "spool"
    | .alerts[0].fingerprint = "0123456789abcdef"' "$webhook" >"$work/disk.json"
wf-listen --from alertmanager <"$work/disk.json" | wf-match --templates "$here/wf/disk.yaml" |
    wf-plan --templates "$here/wf/disk.yaml" --directory "$work" --as alice | wf-approve >"$work/waiting"
wf-run <"$work/waiting" || echo "wf-run ended with $?"
plan=$(jq -r .plan_id "$work/waiting")
wf-approve --show "$plan" --pretty
wf-approve --approve "$plan" --as alice || echo "wf-approve ended with $?"
wf-approve --approve "$plan" --as bob --because 'disk is at 97%' | wf-run --pretty
ls "$work/spool"

echo '== where the time went, what it cost, what is alarming'
wf-trace --last --pretty
wf-cost show --group-by workflow --pretty
wf-metrics alerts --pretty || echo "wf-metrics ended with $?"

echo '== the approval is in the log: proven without the state'
git init --quiet "$work/kept"
git -C "$work/kept" config user.name auditor
git -C "$work/kept" config user.email auditor@example.com
key=$work/config
identity=${ROADMAP_IDENTITY:-${XDG_CONFIG_HOME:-$HOME/.config}/roadmap/identity.txt}
audit() { XDG_CONFIG_HOME=$key ROADMAP_IDENTITY=$identity wf-audit "$@"; }
audit checkpoint --log example.org/workflows --to "git:$work/kept" | jq -r .text
git -C "$work/kept" log --format='%an kept: %s'
audit verify --pretty
public=$(audit key | jq -r .public)
entry=$(audit query --action plan.approved --user '*bob*' --limit 1 | jq -r .seq)
audit prove "$entry" >"$work/proof"
# The auditor has the proof and the public key, and no state.
ROADMAP_STATE=$work/nothing.db wf-audit check --public "$public" -i "$work/proof" --pretty
sed 's/user:bob/user:eve/g' "$work/proof" | wf-audit check --public "$public" --pretty || echo "a changed proof: wf-audit ended with $?"
