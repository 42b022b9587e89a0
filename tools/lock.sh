#!/bin/sh
# Pin every package with its hashes, for running, for developing and for building. Needs uv, which it installs into .venv.
# llama-cpp-python is not among them: tools/setup.sh builds it from its pinned source.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python -m pip install --quiet uv
for profile in run dev; do
    group=""
    [ "$profile" = dev ] && group="--group dev"
    # shellcheck disable=SC2086  # words on purpose
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras $group --generate-hashes --no-header \
        --no-emit-package llama-cpp-python --no-annotate -o "requirements-$profile.lock" pyproject.toml
done
.venv/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' |
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        -o requirements-build.lock -
