#!/bin/sh
# Make everything that `make demo` and `make test` need: system programs, the Python environment, llama.cpp, models.
# usage: tools/setup.sh run|dev|build        Run it as often as you like: what is there already costs nothing.
set -eu

profile=${1:-run}
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/roadmap
venv=$root/.venv
llama=0.3.36
# Code for this machine's processor, which may be twice as fast; ROADMAP_PORTABLE=1 builds what any with AVX2 can run.
# What is built is kept under the processor's abilities, so a checkout or a cache that moves is never run elsewhere.
flags="-DLLAVA_BUILD=OFF -DGGML_NATIVE=ON"
processor=$(uname -m)$(sed -n '/^\(flags\|Features\)[[:space:]]*:/{p;q;}' /proc/cpuinfo 2>/dev/null)
if [ "${ROADMAP_PORTABLE:-}" = 1 ]; then
    flags="-DLLAVA_BUILD=OFF -DGGML_NATIVE=OFF" processor=$(uname -m)
    case $processor in x86_64 | amd64) flags="$flags -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON" ;; esac
fi

say() { printf 'setup: %s\n' "$*" >&2; }

# -- system programs ---------------------------------------------------------------------------------------------------

programs="ffmpeg:ffmpeg bwrap:bubblewrap jq:jq cc:gcc c++:g++ cmake:cmake make:make"
[ "$profile" = dev ] && programs="$programs espeak-ng:espeak-ng mandoc:mandoc shellcheck:shellcheck zsh:zsh fish:fish git:git"
missing=""
for pair in $programs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$(find /lib /usr/lib /lib64 /usr/lib64 -maxdepth 2 -name 'libseccomp.so.2' 2>/dev/null | head -n 1)" ] ||
    missing="$missing libseccomp2"
if [ -n "$missing" ]; then
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=no; fi
    fi
    if [ "$as_root" = no ] || ! command -v apt-get >/dev/null 2>&1; then
        say "missing system programs:$missing"
        say "install them and run this again, for example: sudo apt-get install$missing"
        exit 69
    fi
    say "installing$missing"
    # shellcheck disable=SC2086  # words on purpose
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# A mail server for the tests that need one; without it they are skipped. It must not begin to serve this machine.
if [ "$profile" = dev ] && [ ! -x /usr/lib/dovecot/imap ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing dovecot-imapd"
    policy=/usr/sbin/policy-rc.d placed=""
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && placed=yes; }
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dovecot-imapd; } >/dev/null 2>&1 ||
        say "not installed: tests of mailboxes on servers are skipped"
    [ -z "$placed" ] || rm -f $policy
fi

# -- Python ------------------------------------------------------------------------------------------------------------

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "$python is older than Python 3.11; set PYTHON to a newer one"
    exit 69
}
if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" >/dev/null 2>&1 || { # what is amiss is mended below, and not worth a word
        rm -rf "$venv"
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "installing python$version-venv"
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" "python$version-dev" >/dev/null
            "$python" -m venv "$venv"
        else
            say "cannot make a virtual environment; try: sudo apt-get install python$version-venv python$version-dev"
            exit 69
        fi
    }
fi

lock=$root/requirements-$profile.lock
stamp=$venv/.ready-$profile
if [ ! -f "$stamp" ] || ! cmp -s "$lock" "$stamp"; then
    say "installing Python packages"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$lock"
    cp "$lock" "$stamp"
fi

# -- models: kept in a folder of the checkout's that tests and examples share; most systems need no more ---------------

if [ "$profile" != build ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    (umask 077 && "$venv/bin/python" -c 'from pyrage import x25519; print(x25519.Identity.generate())' >"$scratch/identity")
    ROADMAP_STATE=$scratch/state.db ROADMAP_IDENTITY=$scratch/identity ROADMAP_MODELS=${ROADMAP_MODELS:-$root/.cache/models} \
        "$root/bin/slm-models" pull --quiet >/dev/null
fi

# -- llama.cpp: built once, kept as a wheel under its version, flags and processor -----------------------------------------

if [ "${ROADMAP_LLAMA:-}" = no ]; then
    say "without llama.cpp, as ROADMAP_LLAMA=no says: slm-run and slm-chat can ask servers only"
    exit 0
fi
tag=$("$venv/bin/python" -c 'import sys, hashlib, platform; print("%s-cp%d%d-%s-%s" % (sys.argv[1], *sys.version_info[:2], platform.machine(), hashlib.sha256("\n".join(sys.argv[2:]).encode()).hexdigest()[:12]))' "$llama" "$flags" "$processor")
stamp=$venv/.ready-llama
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$tag" ]; then
    wheels=$cache/wheels/llama-cpp-python-$tag
    if [ -z "$(find "$wheels" -name '*.whl' 2>/dev/null)" ]; then
        log=$cache/wheels/build.log
        say "building llama.cpp once, three to six minutes on two cores; all but slm-run, slm-chat and slm-serve works by now"
        say "what it says goes to $log"
        mkdir -p "$wheels.part.$$"
        CMAKE_BUILD_PARALLEL_LEVEL=$(nproc 2>/dev/null || echo 2) CMAKE_ARGS="$flags" \
            setsid "$venv/bin/python" -m pip wheel --verbose --disable-pip-version-check --no-deps --no-cache-dir \
            -w "$wheels.part.$$" "llama-cpp-python==$llama" >"$log" 2>&1 &
        builder=$!
        trap 'kill -- "-$builder" 2>/dev/null; exit 130' INT TERM
        waited=0
        while kill -0 "$builder" 2>/dev/null; do
            sleep 2
            waited=$((waited + 2))
            # shellcheck disable=SC2015  # a step that is not told yet is no failure
            [ $((waited % 30)) = 0 ] && told=$(sed -n 's/^ *\[ *\([0-9]*%\|[0-9]*\/[0-9]*\)\].*/\1/p' "$log" | tail -n 1) &&
                [ -n "$told" ] && say "llama.cpp: $told" || :
        done
        trap - INT TERM
        wait "$builder" || {
            tail -n 20 "$log" >&2
            say "the build failed; the whole log is $log"
            exit 69
        }
        rm -rf "$wheels"
        mv "$wheels.part.$$" "$wheels"
        say "llama.cpp: built, and kept for the next time in $wheels"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$wheels"/*.whl
    echo "$tag" >"$stamp"
fi
