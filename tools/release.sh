#!/bin/sh
# Make a release: date the changelog, regenerate, check everything, build, try the wheel in an empty environment, tag.
# usage: tools/release.sh 1.2.0
set -eu
cd "$(dirname "$0")/.."
version=${1:-}
case $version in
[0-9]*.[0-9]*.[0-9]*) ;;
*)
    echo "release: say which: make release VERSION=1.2.0" >&2
    exit 2
    ;;
esac
if [ -n "$(git status --porcelain)" ]; then
    echo "release: the tree is not clean" >&2
    exit 1
fi
grep -q '^### ' CHANGELOG.md || {
    echo "release: CHANGELOG.md has nothing under Unreleased" >&2
    exit 1
}

today=$(date -u +%F)
sed -i "s/^__version__ = .*/__version__ = \"$version\"/" src/roadmap_cli/__init__.py
sed -i "s/^## Unreleased\$/## Unreleased\\n\\n## $version - $today/" CHANGELOG.md
make surface
make test-all

rm -rf dist
.venv/bin/python tools/sbom.py # the version stands in it
make wheel
.venv/bin/python -m hatchling build -t sdist -d dist
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
python3 -m venv "$trial/venv"
"$trial/venv/bin/pip" install --quiet dist/roadmap_cli-"$version"-*.whl
printf '{"kind":"error","id":"e_1","at":"2026-11-23T09:00:00.000Z","code":"x","message":"y"}\n' |
    "$trial/venv/bin/roadmap-schema" validate
[ -f "$trial/venv/share/man/man1/roadmap-schema.1" ]
[ "$("$trial/venv/bin/roadmap-schema" --version)" = "roadmap-schema (roadmap-cli) $version" ]

git commit -qam "Release $version"
git tag -a "v$version" -m "roadmap-cli $version"
echo "release: $version is built in dist/ and tagged; push it when you are ready: git push --follow-tags" >&2
