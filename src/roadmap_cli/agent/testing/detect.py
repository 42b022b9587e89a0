"""Which command runs a project's tests, from the files that other tools read for the same question; nothing is run.

The first of these that says so: pytest's settings (``pyproject.toml``, ``pytest.ini``, ``tox.ini``, ``setup.cfg``), a
tox environment's commands, ``package.json``, ``go.mod``, ``Makefile``; then what the test files themselves look like.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from roadmap_cli.agent.code.project import is_test


@dataclass(frozen=True, slots=True)
class Found:
    """A test command and what it was chosen by."""

    command: str
    because: str


_LIMIT = 1 << 20
_PLAIN = re.compile(r"[\w./=:,@+-]+(?: [\w./=:,@+'\"*-]+)*\Z")


def test_command(files: Mapping[str, bytes]) -> Found | None:
    """The test command of a project with these files (path → content); None if nothing tells."""
    return next(_candidates(files), None)


def _candidates(files: Mapping[str, bytes]) -> Iterator[Found]:
    yield from _pytest_settings(files)
    yield from _tox(files)
    yield from _package_json(files)
    if "go.mod" in files:
        yield Found("go test ./...", "go.mod")
    yield from _make(files)
    yield from _test_files(files)


def _text(files: Mapping[str, bytes], name: str) -> str:
    return files.get(name, b"")[:_LIMIT].decode(errors="replace")


def _pytest_settings(files: Mapping[str, bytes]) -> Iterator[Found]:
    try:
        tables = tomllib.loads(_text(files, "pyproject.toml"))
    except (tomllib.TOMLDecodeError, RecursionError):
        tables = {}
    tool = tables.get("tool")
    if isinstance(tool, dict) and "pytest" in tool:
        yield Found("pytest -q", "pyproject.toml: tool.pytest")
    for name in ("pytest.ini", ".pytest.ini"):
        if name in files:
            yield Found("pytest -q", name)
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if _ini(files, name).has_section(section):
            yield Found("pytest -q", f"{name}: [{section}]")


def _ini(files: Mapping[str, bytes], name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_text(files, name))
    except configparser.Error:
        return configparser.RawConfigParser()
    return parser


def _tox(files: Mapping[str, bytes]) -> Iterator[Found]:
    commands = _ini(files, "tox.ini").get("testenv", "commands", fallback="")
    for line in commands.splitlines():
        command = re.sub(r"\{posargs:?([^}]*)\}", r"\1", line).strip().lstrip("-").strip()
        if re.match(r"(python3? -m )?(pytest|unittest)\b", command) and _PLAIN.match(command):
            yield Found(command, "tox.ini: commands")


def _package_json(files: Mapping[str, bytes]) -> Iterator[Found]:
    try:
        about = json.loads(_text(files, "package.json") or "null")
    except (ValueError, RecursionError):
        return
    scripts = about.get("scripts") if isinstance(about, dict) else None
    script = scripts.get("test") if isinstance(scripts, dict) else None
    if isinstance(script, str) and script.strip() and "no test specified" not in script:
        # a plain command is run as it stands: then each test is known by name, and npm need not be there
        plain = script.strip().startswith("node ") and _PLAIN.match(script.strip())
        yield Found(script.strip() if plain else "npm test --silent", "package.json: scripts.test")
    elif isinstance(about, dict) and any(re.search(r"\.test\.[cm]?js$", name) for name in files):
        yield Found("node --test", "package.json and *.test.js")


def _make(files: Mapping[str, bytes]) -> Iterator[Found]:
    for name in ("GNUmakefile", "makefile", "Makefile"):
        target = re.search(r"^(test|check)\s*:(?!=)", _text(files, name), re.MULTILINE)
        if target:
            yield Found(f"make -s {target[1]}", f"{name}: {target[1]}")


def _test_files(files: Mapping[str, bytes]) -> Iterator[Found]:
    python = [name for name in files if name.endswith(".py") and is_test(name) and not name.endswith("conftest.py")]
    named = [name for name in python if re.match(r"(test_.*|.*_test)\.py$", name.rpartition("/")[2])]
    if named:
        texts = [_text(files, name) for name in sorted(named)[:50]]
        classes = any("unittest" in text and "TestCase" in text for text in texts)
        functions = any(re.search(r"^(async )?def test|^\s*import pytest|^from pytest", text, re.M) for text in texts)
        if classes and not functions:
            yield Found("python3 -m unittest", f"{named[0]} uses unittest")
        else:
            yield Found("pytest -q", f"{sorted(named)[0]}")
    if any(re.search(r"\.(test|spec)\.[cm]?js$", name) for name in files):
        yield Found("node --test", "*.test.js")
