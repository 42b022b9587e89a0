"""A scan of several inputs as one: their records, what they would need together, and whether that exceeds the grant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.agent.scan import files, grant
from roadmap_cli.agent.scan.files import Scanned
from roadmap_cli.agent.scan.finding import Finding
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.core.errors import CannotCreate, DataError
from roadmap_cli.core.records import Record, content_id

_NAMED = 50


@dataclass(frozen=True, slots=True)
class Granted:
    """What is granted besides the project itself."""

    readable: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    def ground(self, project: Path) -> Ground:
        """The ground that a project stands on with this."""
        return Ground(str(project), self.readable, (), self.hosts, self.programs, self.capabilities)


class Survey:
    """Scans what it is given, one after the other, and keeps what the sum needs."""

    def __init__(
        self, project: Path | None, granted: Granted, here: Path, language: str | None, stamp: Callable[[], str]
    ) -> None:
        """`here` is the current folder: the project of what is in it, unless another is named."""
        self._named, self._granted, self._here, self._language, self._stamp = (
            project,
            granted,
            here.resolve(),
            language,
            stamp,
        )
        self._project: Path | None = project
        self._findings: list[Finding] = []
        self._digests: dict[str, str] = {}
        self._files = 0
        self._other: list[str] = []
        self._python: list[tuple[str, str]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing was scanned."""
        return self._files == 0 and not self._other

    @property
    def project(self) -> Path:
        """The project of what was scanned: the one named, else the first one's own."""
        return self._project or self._here

    def _ground(self, path: Path, *, is_folder: bool) -> Ground:
        """What a path belongs to: the named project, the folder itself, the current one, or its own."""
        where = path.resolve()
        if self._named is not None:
            project = self._named
        elif is_folder:
            project = where
        else:
            project = self._here if where.is_relative_to(self._here) else where.parent
        if self._project is None:
            self._project = project
        return self._granted.ground(project)

    def folder(self, folder: Path, name: str) -> Iterator[Record]:
        """The findings of a folder's files."""
        ground = self._ground(folder, is_folder=True)

        def called(where: Path) -> str:
            return str(where.relative_to(self.project)) if where.is_relative_to(self.project) else str(where)

        for scanned in files.scan_folder(folder, called, ground):
            yield from self._taken(scanned)

    def file(self, path: Path, name: str) -> Iterator[Record]:
        """The findings of one file, which is taken for code whatever its name: unknown if it is none we read."""
        ground = self._ground(path, is_folder=False)
        where = path.resolve()
        shown = str(where.relative_to(self.project)) if where.is_relative_to(self.project) else str(where)
        head = _head(where)
        language = self._language or files.language_of(name, head)
        if language in (None, "other"):
            language = files.guess(_whole(where)) if language is None else "other language"
        yield from self._taken(files.scan_path(where, shown, ground, language))

    def text(self, data: bytes, name: str, language: str | None = None) -> Iterator[Record]:
        """The findings of a text."""
        self._project = self._project or self._here
        chosen = self._language or language or files.guess(data)
        ground = self._granted.ground(self._named or self._here)
        yield from self._taken(files.scan_text(data, name, chosen, ground, f"{ground.project}/{name}"))

    def record(self, record: Record) -> list[Record]:
        """The findings of an agent.code record, each with the id of what it was found in. Raises DataError."""
        language = record.get("language")
        if language is not None and language not in files.LANGUAGES:
            raise DataError(f"language {language!r} is not looked into", code="bad_language")
        name = record.get("file")
        shown = name if isinstance(name, str) and name else str(record.get("id") or "<record>")
        if language is None and isinstance(name, str):
            language = files.language_of(name, record["code"][:200].encode(errors="replace"))
            language = language if language in files.LANGUAGES else None
        found = list(self.text(record["code"].encode(errors="replace"), shown, language))
        if record.get("id"):
            found = [{**each, "from_id": record["id"]} for each in found]
        return found

    def _taken(self, scanned: Scanned | None) -> Iterator[Record]:
        if scanned is None:
            return
        if scanned.language is None and not scanned.findings:
            self._other.append(scanned.file)
            return
        self._files += 1
        self._digests[scanned.file] = scanned.digest
        if scanned.language == "python" and scanned.path and Path(scanned.path).is_file():
            self._python.append((scanned.path, scanned.file))
        self._findings += scanned.findings
        for found in scanned.findings:
            yield found.record(self._stamp())

    def ruff(self, environ: Mapping[str, str], interpreter: str) -> tuple[list[Record], str | None]:
        """What ruff's security rules find in the scanned Python files; and why they were left out, if they were."""
        from roadmap_cli.agent.scan import ruff

        if not self._python:
            return [], None
        program = ruff.find(environ, interpreter, self.project)
        if program is None:
            return [], "ruff is not installed: its security rules were left out"
        found, problem = ruff.check(program, self._python)
        self._findings += found
        return [each.record(self._stamp()) for each in found], problem

    def grant(self) -> Record:
        """The agent.grant record: what a run of all that was scanned would need, and what of it has to be approved."""
        from roadmap_cli.agent.approvals import plan_hash

        needs = grant.needs(self._findings)
        asks = grant.operations(self._findings, self._digests)
        plan = grant.plan(asks, project=str(self.project))
        hashed = plan_hash(plan)
        record: Record = {
            "kind": "agent.grant",
            "id": content_id(
                "agent.grant", project=str(self.project), plan=hashed, files=sorted(self._digests.values())
            ),
            "at": self._stamp(),
            "project": str(self.project),
            "file_count": self._files,
            "finding_count": len(self._findings),
            "ask_count": len(asks),
            "needs_approval": bool(asks),
            "plan_hash": hashed,
            "capabilities": list(needs.capabilities),
            "hosts": list(needs.hosts),
            "reads": list(needs.reads),
            "writes": list(needs.writes),
            "deletes": list(needs.deletes),
            "programs": list(needs.programs),
            "variables": list(needs.variables),
            "operations": plan["operations"],
        }
        if self._other:
            record["unscanned"] = self._other[:_NAMED]
            record["unscanned_count"] = len(self._other)
        return record

    def exceeds(self, limit: str) -> bool:
        """Whether what was found goes beyond the grant."""
        return grant.exceeds(self._findings, limit)

    def verdict(self, limit: str) -> str:
        """The words for that."""
        asks = grant.operations(self._findings, self._digests)
        if limit == "approval":
            return f"{_count(len(asks), 'operation')} outside the grant: {_first(asks)}"
        count = sum(grant.exceeds([found], limit) for found in self._findings)
        return f"{_count(count, 'finding')} of severity {limit} or more"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _first(asks: Iterable[Any]) -> str:
    names = list(dict.fromkeys(each.capability for each in asks))
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(200)
    except OSError:
        return b""


def _whole(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(files.FILE_LIMIT)
    except OSError:
        return b""


def write_sarif(target: Path, records: Iterable[Record], project: Path) -> None:
    """Write a SARIF log, complete or not at all; into a pipe or a device as it is. Raises CannotCreate."""
    import orjson

    from roadmap_cli.agent.scan import sarif
    from roadmap_cli.core import writing

    found = [record for record in records if record.get("kind") == "agent.finding"]
    try:
        with writing.complete(target) as stream:
            stream.write(orjson.dumps(sarif.log(found, project), option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise CannotCreate.of(error, target) from None


__all__ = ["Granted", "Survey", "write_sarif"]
