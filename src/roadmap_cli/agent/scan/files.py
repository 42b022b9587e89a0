"""Which files are scanned, in which language, and what each scan gives: folders, files, texts.

Nothing of a project is run, no link is followed, and what cannot be read into is said, not passed over.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from roadmap_cli.agent.scan import python, shell
from roadmap_cli.agent.scan.dataflow import Links
from roadmap_cli.agent.scan.finding import Finding
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.core.errors import InputMissing

LANGUAGES = ("python", "shell")
FILE_LIMIT = 16 << 20
_SUFFIXES = {".py": "python", ".pyw": "python", ".sh": "shell", ".bash": "shell", ".ksh": "shell", ".zsh": "shell",
             ".so": "machine", ".pyd": "machine", ".dll": "machine", ".dylib": "machine", ".pyc": "machine",
             ".exe": "machine", ".pth": "python"}  # fmt: skip
#: Code of other languages, which is counted but not looked into.
_OTHER = frozenset({".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".go", ".rs", ".c", ".cc", ".cpp", ".h", ".java",
    ".rb", ".php",
                    ".pl", ".lua", ".ps1", ".bat", ".cmd", ".kt", ".swift", ".cs", ".scala", ".pyx", ".ipynb",
                    ".mk"})  # fmt: skip
_OTHER_NAMES = frozenset({"Makefile", "GNUmakefile", "Dockerfile", "Rakefile", "package.json", "Jenkinsfile"})
_LEFT_OUT = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache",
    ".pytest_cache",
                       ".ruff_cache", ".hypothesis", ".eggs"})  # fmt: skip
_INTERPRETER = re.compile(rb"#![^\n]*?\b(python|pypy|sh|bash|dash|ash|ksh|zsh|perl|ruby|node|php|lua)[0-9.]*\b")


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file's findings; `digest` is SHA-256 of its content, `language` None if it was not looked into.

    `imports` and `gives` tie a Python file to the others of its project.
    """

    file: str
    path: str
    language: str | None
    digest: str
    findings: tuple[Finding, ...]
    imports: tuple[str, ...] = ()
    gives: Links = field(default_factory=Links)


def language_of(name: str, head: bytes) -> str | None:
    """The language by the name's end, else by the first line; None if there is none that is code.

    ``other`` is code of a language that is not looked into, ``machine`` what only a processor reads.
    """
    stem = name.rpartition("/")[2]
    suffix = os.path.splitext(stem)[1].lower()  # noqa: PTH122
    known = _SUFFIXES.get(suffix)
    if known is not None:
        return known
    if suffix in _OTHER or stem in _OTHER_NAMES:
        return "other"
    if head.startswith(b"\x7fELF"):
        return "machine"
    found = _INTERPRETER.match(head)
    if found:
        word = found[1].decode()
        return "python" if word in ("python", "pypy") else "shell" if word.endswith("sh") else "other"
    return None


def guess(text: bytes) -> str:
    """The language of a text that has no name: by its first line, else Python if it parses as that, else shell."""
    found = language_of("-", text[:200])
    if found in LANGUAGES:
        return found
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # a broken Python file is told from a script by words that only Python has
        pythonic = re.search(
            rb"^\s*(?:import \w|from [\w.]+ import |def \w+\(.*\).*:|class \w+.*:)", text, re.MULTILINE
        )
        return "python" if pythonic else "shell"
    # `ls -l | wc` parses as well, but computes with names and does nothing with the result
    bare = (ast.Name, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Tuple)
    return (
        "shell"
        if tree.body and all(isinstance(e, ast.Expr) and isinstance(e.value, bare) for e in tree.body)
        else "python"
    )


def scan_text(
    text: bytes, name: str, language: str, ground: Ground, path: str = "", links: Links | None = None
) -> Scanned:
    """Scan one text. `name` is how findings call it, `path` where it lies, if it does."""
    found: list[Finding]
    imports: tuple[str, ...] = ()
    gives = Links()
    if language == "python":
        with _uncollected():
            looked = python.look(text, ground, file=path, links=links)
        found, imports, gives = looked.findings, looked.imports, looked.gives
    elif language == "shell":
        found = shell.scan(text.decode(errors="replace"), ground, python.scan)
    else:
        found = [_opaque(language)]
    named = tuple(replace(each, file=name) for each in found)
    return Scanned(name, path, language, hashlib.sha256(text).hexdigest(), named, imports, gives)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: a tree is made and thrown away as a whole."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _opaque(language: str) -> Finding:
    if language == "machine":
        return Finding("native", "medium", "high", "is machine code or compiled, which is not looked into", 1, 1, True)
    return Finding("unknown", "medium", "high", "is in a language that is not looked into", 1, 1, True)


def scan_path(
    path: Path, name: str, ground: Ground, language: str | None = None, links: Links | None = None
) -> Scanned | None:
    """Scan one file; None for one that is no code. Raises InputMissing if it cannot be read."""
    try:
        if path.stat().st_size > FILE_LIMIT:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found = Finding("unknown", "medium", "high", "is too long to be read", 1, 1, True, file=name)
            return Scanned(name, str(path), language, digest, (found,))
        data = path.read_bytes()
    except OSError as error:
        raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=name) from None
    return _scan_content(data, name, ground, str(path), language, links)


def _scan_content(
    data: bytes, name: str, ground: Ground, path: str, language: str | None = None, links: Links | None = None
) -> Scanned | None:
    chosen = language or language_of(name, data[:200])
    if chosen is None:
        return None
    if name.endswith(".pth") and language is None:
        lines = [line if line.startswith(b"import") else b"" for line in data.splitlines()]
        if not any(lines):
            return None
        data = b"\n".join(lines)
    if chosen == "other":
        return Scanned(name, path, None, hashlib.sha256(data).hexdigest(), ())
    return scan_text(data, name, chosen, ground, path, links)


def scan_folder(folder: Path, called: Callable[[Path], str], ground: Ground) -> list[Scanned]:
    """Scan a folder's files, those that import from others of it with what these give. Raises InputMissing.

    A function that deletes the file it is handed says so to the file that calls it, through up to three files.
    """
    found = [each for path in below(folder) if (each := _tolerant(path.resolve(), called(path.resolve()), ground))]
    return _followed(
        found, folder.resolve(), lambda each, links: scan_path(Path(each.path), each.file, ground, each.language, links)
    )


def scan_contents(contents: Mapping[str, bytes], root: Path, ground: Ground) -> list[Scanned]:
    """The same for a project that is in memory: contents by relative path, as if they lay in `root`."""
    found = [
        each
        for name in sorted(contents)
        if (each := _scan_content(contents[name], name, ground, f"{root}/{name}")) is not None
    ]
    return _followed(
        found, root, lambda each, links: scan_text(contents[each.file], each.file, "python", ground, each.path, links)
    )


def _followed(found: list[Scanned], root: Path, again: Callable[[Scanned, Links], Scanned | None]) -> list[Scanned]:
    for _ in range(3):
        links = _linked(found, root)
        names = {name.rpartition(".")[0] for name in (*links.uses, *links.values)} | set(links.uses) | set(links.values)
        changed = False
        for number, each in enumerate(found):
            if not any(name.lstrip(".") in names for name in each.imports):
                continue
            new = again(each, links)
            if new is not None:
                changed |= new.gives != each.gives
                found[number] = new
        if not changed:
            break
    return found


def _tolerant(path: Path, name: str, ground: Ground) -> Scanned | None:
    """One file of a folder: one that cannot be read is unknown, and the others are scanned all the same."""
    try:
        return scan_path(path, name, ground)
    except InputMissing as error:
        found = Finding("unknown", "medium", "high", error.message, 1, 1, True, file=name)
        return Scanned(name, str(path), "unreadable", "", (found,))


def _linked(found: list[Scanned], folder: Path) -> Links:
    """What all files give, by each name that one of them may be imported by: ``src/a/b.py`` is a.b, and b."""
    links = Links()
    for each in found:
        if not each.gives.uses and not each.gives.values:
            continue
        path = Path(each.path)
        parts = list(
            (path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)).with_suffix("").parts
        )
        parts = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
        for first in range(len(parts)):
            module = ".".join(parts[first:])
            for name, uses in each.gives.uses.items():
                key = f"{module}.{name}"
                links.uses[key] = tuple(dict.fromkeys((*links.uses.get(key, ()), *uses)))
            for name, values in each.gives.values.items():
                links.values[f"{module}.{name}"] = values
    return links


def below(folder: Path) -> Iterator[Path]:
    """Every file of a folder that may be code, sorted; tools' own folders and virtual environments left out.

    Raises InputMissing for a folder that cannot be read: nothing is passed over in silence.
    """

    def unreadable(error: OSError) -> None:
        raise InputMissing(f"cannot read: {(error.strerror or '').lower()}", where=str(error.filename))

    for place, folders, names in os.walk(folder, onerror=unreadable):
        here = Path(place)
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and not (here / n / "pyvenv.cfg").is_file())
        for name in sorted(names):
            path = here / name
            if not path.is_symlink() and path.is_file():
                yield path
