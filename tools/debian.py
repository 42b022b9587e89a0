"""A Debian package of this checkout: what `make install` makes, below /usr, with its Python packages in it.

usage: tools/debian.py [--output DIR] [--python /usr/bin/python3] [--llama WHEEL] [--lock FILE]

Debian has most of the Python packages in other versions than those that are tested here, so they come along, in an
environment of their own in /usr/lib/roadmap-cli, as dh-virtualenv does it: pinned by hash, seen by nothing else.
The same commit, lock and interpreter give the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from email.utils import formatdate
from pathlib import Path

import install

ROOT = Path(__file__).parents[1]
NAME = "roadmap-cli"
MAINTAINER = "The roadmap-cli maintainers <maintainers@roadmap-cli.example>"
CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: python3 (>= {python}), python3 (<< {below}), libc6 (>= {libc}), libstdc++6, libgomp1, libseccomp2
Recommends: bubblewrap, ffmpeg, jq, python3-pip
Suggests: melt, rclone
Section: utils
Priority: optional
Homepage: https://roadmap-cli.example/
Description: five autonomous systems as small Unix commands
 Each command is a filter: JSON Lines in, JSON Lines out. slm-* runs small
 language models offline, agent-* mends code in a sandbox, edl-* edits video,
 life-* watches over calendar, money and health, wf-* runs workflows that
 survive crashes. They share one encrypted SQLite file and tell why for
 everything they decide.
"""
#: What is installed as it came; byte code is made there, where it fits the interpreter, and goes with the package.
POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    /usr/lib/roadmap-cli/bin/python -m compileall -q -f /usr/lib/roadmap-cli/lib >/dev/null 2>&1 || true
fi
"""
PRERM = """\
#!/bin/sh
set -e
find /usr/lib/roadmap-cli -name __pycache__ -type d -prune -exec rm -rf {} +
"""
#: Why lintian need not look at some things: they are the wheels of others, unchanged, in a folder nobody else sees.
OVERRIDES = """\
# The Python packages pinned in requirements-run.lock come along as published, with the libraries in them.
roadmap-cli: embedded-library
roadmap-cli: custom-library-search-path
roadmap-cli: unstripped-binary-or-object
roadmap-cli: unstripped-static-library
roadmap-cli: shared-library-lacks-prerequisites
roadmap-cli: undeclared-elf-prerequisites
roadmap-cli: library-not-linked-against-libc
roadmap-cli: specific-address-in-shared-library
roadmap-cli: shared-library-lacks-stack-section
roadmap-cli: executable-stack-in-shared-library
roadmap-cli: arch-dependent-file-not-in-arch-specific-directory
roadmap-cli: elf-error
roadmap-cli: missing-dependency-on-numpy-abi
# Its environment starts its own commands by its own interpreter.
roadmap-cli: wrong-path-for-interpreter
roadmap-cli: unusual-interpreter
roadmap-cli: script-not-executable
roadmap-cli: python3-script-but-no-python3-dep
roadmap-cli: extra-license-file
roadmap-cli: package-contains-documentation-outside-usr-share-doc
"""


def main() -> int:
    """Build it and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--llama", type=Path, default=install.llama())
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements-run.lock")
    asked = parser.parse_args()
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        install.install(root / "usr", Path("/usr"), os.path.realpath(asked.python), asked.llama, asked.lock)
        (root / "usr/lib" / NAME / "MANIFEST").unlink()  # dpkg has a better one
        for plugins in (root / "usr/lib" / NAME).glob("lib/python*/site-packages/ai_edge_litert/vendors"):
            shutil.rmtree(plugins)  # for the accelerators of phones; they would look for libraries where one stands
        about(root, asked.python)
        print(package(root, asked.output))
    return 0


def about(root: Path, python: str) -> None:
    """Debian's own files: control, scripts, changelog, licences; pages compressed, modes as they should be."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/roadmap_cli/__init__.py").read_text())
    assert version
    documents = root / "usr/share/doc" / NAME
    documents.mkdir(parents=True, exist_ok=True)
    changes = f"{NAME} ({version[1]}) unstable; urgency=medium\n\n  * See the upstream changelog.\n\n -- {MAINTAINER}  {formatdate(install.epoch(), usegmt=False)}\n"
    _packed(documents / "changelog.gz", changes.encode())
    _packed(documents / "NEWS.upstream.gz", (ROOT / "CHANGELOG.md").read_bytes())
    for name in ("sbom.cdx.json", "LICENCES.md"):
        (documents / name).write_bytes((ROOT / name).read_bytes())
    (documents / "copyright").write_text(_copyright())
    for page in sorted((root / "usr/share/man").rglob("*.[0-9]")):
        _packed(page.with_name(f"{page.name}.gz"), page.read_bytes())
        page.unlink()
    units = root / "usr/share/systemd/user"
    if units.is_dir():  # where systemd looks in a package's place
        (root / "usr/lib/systemd").mkdir(parents=True)
        units.rename(root / "usr/lib/systemd/user")
        with contextlib.suppress(OSError):
            units.parent.rmdir()
    completions = root / "usr/share/zsh/site-functions"
    completions.rename(completions.with_name("vendor-completions"))
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    (overrides / NAME).write_text(OVERRIDES)
    for path in sorted((root / "usr").rglob("*")):
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() or (os.access(path, os.X_OK) and _is_program(path)) else 0o644)
    control = root / "DEBIAN"
    control.mkdir()
    files = sorted(path for path in (root / "usr").rglob("*") if path.is_file() and not path.is_symlink())
    minor = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
    )
    major, number = map(int, minor.stdout.split())
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "glibc 2.36"
    told = {
        "name": NAME, "version": version[1], "maintainer": MAINTAINER, "architecture": _architecture(),
        "size": sum(-(-path.stat().st_size // 1024) for path in files), "python": f"{major}.{number}",
        "below": f"{major}.{number + 1}", "libc": libc.split()[-1],
    }  # fmt: skip
    (control / "control").write_text(CONTROL.format(**told))
    sums = (f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files)
    (control / "md5sums").write_text("".join(sums))
    for name, text in (("postinst", POSTINST), ("prerm", PRERM)):
        (control / name).write_text(text)
        (control / name).chmod(0o755)


def package(root: Path, output: Path) -> Path:
    """The .deb; every time in it is that of the commit."""
    output.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(install.epoch())}
    for path in [root, *root.rglob("*")]:
        os.utime(path, (install.epoch(),) * 2, follow_symlinks=False)
    done = subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "-z2", "--threads-max=1", "--build", root, output], env=environ, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"'([^']+\.deb)'", done.stdout)
    assert found, done.stdout
    return Path(found[1])


def _architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def _packed(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def _is_program(path: Path) -> bool:
    """Whether a file is started: a script with an interpreter, or ELF; wheels set the bit for others, too."""
    with path.open("rb") as file:
        head = file.read(4)
    return head[:2] == b"#!" or (head == b"\x7fELF" and ".so" not in path.name)


def _copyright() -> str:
    """This project's licence, and that those of what comes along lie beside it."""
    year = time.gmtime(install.epoch()).tm_year
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: {NAME}
Source: https://roadmap-cli.example/

Files: *
Copyright: {year} The roadmap-cli maintainers
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.

Files: usr/lib/roadmap-cli/lib/*
Copyright: their authors, as each package says
License: various
 Python packages as published, each with its licence in its .dist-info folder.
 The list with versions and licences is in /usr/share/doc/roadmap-cli/sbom.cdx.json.
"""


if __name__ == "__main__":
    sys.exit(main())
