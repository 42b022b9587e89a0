"""What is installed with this: sbom.cdx.json (CycloneDX 1.6) and LICENCES.md, from the lock and the packages' own word.

usage: tools/sbom.py [--check]
Nothing in them depends on the day or the machine. A package whose licence would bind programs that import it (GPL,
AGPL), or which says none that is known, ends it with 1. What packages do not say of themselves stands in KNOWN.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from generated import ROOT, settle
from helping import tell_help

LOCK = ROOT / "requirements-run.lock"
#: Licences of packages that state none in their metadata, or none that can be told, read in their sources.
KNOWN = {
    "backports-strenum": "MIT", "cedarpy": "Apache-2.0", "click-default-group": "BSD-3-Clause", "colorama": "BSD-3-Clause",
    "ffmpeg-python": "Apache-2.0", "httpx2-jsfetch": "BSD-3-Clause", "llama-cpp-python": "MIT", "pip": "MIT", "protobuf": "BSD-3-Clause",
    "pyrage": "MIT", "python-dateutil": "Apache-2.0 OR BSD-3-Clause", "sqlcipher3": "Zlib", "sqlite-vec": "MIT OR Apache-2.0",
}  # fmt: skip
#: How licences are called in older metadata.
NAMES = {
    "apache 2.0": "Apache-2.0", "apache 2.0 license": "Apache-2.0", "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0", "mit license": "MIT", "mit": "MIT", "bsd license": "BSD-3-Clause", "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}  # fmt: skip
#: What may be imported by programs under any licence. MPL and LGPL bind changes of the library itself only.
FREE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0",
    "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
#: Imported as they are, in one place each, and only where they are asked for: why pyproject.toml says so.
LIBRARIES = {"psycopg": {"LGPL-3.0-only"}, "psycopg-binary": {"LGPL-3.0-only"}}


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package: name, version, where it is installed ("" everywhere), its licence."""

    name: str
    version: str
    marker: str
    licence: str


def pinned(text: str) -> Iterator[Package]:
    """The packages of a lock file, in its order."""
    for found in re.finditer(r"^([a-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)([^\n]*)\n", text, re.M):
        name, version, rest = found.groups()
        marker = rest.strip().removesuffix("\\").strip().removeprefix(";").strip()
        yield Package(name, version, marker, licence(name))


def licence(name: str) -> str:
    """The SPDX expression of an installed package's licence; "" if it cannot be told."""
    if name in KNOWN:
        return KNOWN[name]
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    word = (told.get("License") or "").strip()
    if word in FREE or set(re.split(r" (?:AND|OR) ", word)) <= FREE:
        return word
    if word.lower() in NAMES:
        return NAMES[word.lower()]
    names = [
        NAMES.get(each.rpartition(" :: ")[2].lower(), "")
        for each in told.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    return " AND ".join(dict.fromkeys(filter(None, names)))


def refused(package: Package) -> str:
    """Why a package may not be among those installed; "" if it may."""
    if not package.licence:
        return "states no licence that is known: look, and add it to KNOWN in tools/sbom.py"
    allowed = FREE | LIBRARIES.get(package.name, set())
    for part in re.split(r"\s+AND\s+", package.licence.replace("(", "").replace(")", "")):
        if not set(re.split(r"\s+OR\s+", part)) & allowed:
            return f"is under {part}, which would bind what imports it"
    return ""


def document(packages: list[Package], version: str) -> str:
    """The bill of materials as CycloneDX JSON."""

    def component(package: Package) -> dict[str, object]:
        made: dict[str, object] = {
            "type": "library", "bom-ref": f"pkg:pypi/{package.name}@{package.version}", "name": package.name,
            "version": package.version, "purl": f"pkg:pypi/{package.name}@{package.version}",
            "licenses": [{"expression": package.licence}],
        }  # fmt: skip
        if package.marker:
            made["scope"] = "optional"
            made["properties"] = [{"name": "roadmap:marker", "value": package.marker}]
        return made

    root = f"pkg:pypi/roadmap-cli@{version}"
    locked = hashlib.sha256(LOCK.read_bytes())
    digest = hashlib.sha256(locked.digest() + version.encode()).digest()
    made = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": root, "name": "roadmap-cli", "version": version, "purl": root,
                                   "licenses": [{"expression": "Apache-2.0"}],
                                   "properties": [{"name": "roadmap:lock-sha256", "value": locked.hexdigest()}]}},
        "components": [component(package) for package in packages],
        "dependencies": [{"ref": root, "dependsOn": [f"pkg:pypi/{each.name}@{each.version}" for each in packages]}],
    }  # fmt: skip
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def table(packages: list[Package]) -> str:
    """The licences as a page."""
    rows = "".join(
        f"| {each.name} | {each.version} | {each.licence} |{f' {each.marker}' if each.marker else ''} |\n"
        for each in packages
    )
    return f"""\
# Licences

roadmap-cli is under [Apache-2.0](LICENSE). With all its extras it installs the packages below, pinned by hash in
`requirements-run.lock`; none is under a licence that binds what imports it. psycopg (LGPL) is imported as it is, and only
for Postgres. Wheels may hold libraries of others (OpenBLAS in numpy, FFmpeg in opencv): their licences are in the wheels.
Programs that are started and not imported (ffmpeg, bubblewrap, jq) come from your system. `make sbom` makes this page.

| Package | Version | Licence | Only where |
|---|---|---|---|
{rows}"""


def main() -> int:
    """Write both files, or check them."""
    version = re.search(r'^__version__ = "(.+)"', (ROOT / "src/roadmap_cli/__init__.py").read_text(), re.M)
    llama = re.search(r"^llama=(\S+)", (ROOT / "tools/setup.sh").read_text(), re.M)
    assert version
    assert llama
    once = {(each.name, each.version): each for each in pinned(LOCK.read_text())}
    packages = sorted(
        (*once.values(), Package("llama-cpp-python", llama[1], "", licence("llama-cpp-python"))),
        key=lambda each: (each.name, each.version),
    )
    wrong = [f"sbom: {each.name} {each.version} {why}" for each in packages if (why := refused(each))]
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return settle(
        {ROOT / "sbom.cdx.json": document(packages, version[1]), ROOT / "LICENCES.md": table(packages)}
    ) or bool(wrong)


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
