"""From a plan to a proven file, in stages that survive a kill: importance, quantizing, verifying.

Stages lie in a hidden folder beside the models. What was finished with the same source and settings is taken up again;
a file that was being written when the process died is begun anew, since llama.cpp writes it in one go.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing
from roadmap_cli.slm.quantize import formats, header, place, work
from roadmap_cli.slm.quantize.header import Header
from roadmap_cli.slm.quantize.plan import Candidate

#: Room that has to be left on the disk beside the file itself.
SPARE_BYTES = 16 << 20

Tell = Callable[[str, int, int], None]  # what is being done, how far, of how much


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is done; `text` is what models are compared on, `importance_text` a file to learn importance from."""

    threads: int
    chunks: int
    text: str
    tensors: tuple[tuple[str, str], ...]
    importance_text: Path | None
    environ: Mapping[str, str]
    buffer_bytes: int = 0


class Workshop:
    """The folder of one model's stages."""

    def __init__(self, folder: Path, source: Header, settings: Settings, tell: Tell) -> None:
        self.folder, self.source, self.settings, self.tell = folder, source, settings, tell
        self.resumed: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotCreate((error.strerror or str(error)).lower(), where=str(folder)) from error
        for left in folder.glob("*.part"):
            left.unlink(missing_ok=True)

    def importance(self) -> Path | None:
        """How much the matrices' columns matter, by the person's text read with the source; None without one."""
        given = self.settings.importance_text
        if given is None:
            return None
        try:
            text = given.read_text("utf-8", "replace")
        except OSError as error:
            raise InputMissing(f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(given)) from None
        done = self.folder / f"importance-{self._stamp(text)}.npz"
        if done.exists():
            self.resumed.append("importance")
            return done
        part = done.with_suffix(".part")
        columns = {tensor.name: tensor.shape[0] for tensor in self.source.tensors if len(tensor.shape) == 2}
        self._work(
            {"action": "imatrix", "target": str(part), "text": text, "chunks": 64, "shapes": columns},
            "reading for importance", str(given),
        )  # fmt: skip
        part.replace(done)
        return done

    def quantized(self, candidate: Candidate, importance: Path | None) -> Path:
        """The file in this format. Raises CannotCreate (disk full), DataError (llama.cpp does not take the source)."""
        done = self.folder / f"{candidate.format}-{self._stamp(candidate.format, str(importance))}.gguf"
        if done.exists():
            self.resumed.append(candidate.format)
            return done
        free = shutil.disk_usage(self.folder).free
        if free < candidate.file_bytes + SPARE_BYTES:
            raise CannotCreate(
                f"{candidate.file_bytes + SPARE_BYTES:,} bytes are needed and {free:,} are free",
                where=str(self.folder.parent), hint="make room, then run it again", code="disk_full",
            )  # fmt: skip
        part = done.with_suffix(".part")
        try:
            self._work(
                {
                    "action": "quantize", "target": str(part),
                    "formats": {candidate.format: formats.FORMATS[candidate.format]},
                    "tensors": [(pattern, header.NUMBERS[kind]) for pattern, kind in self.settings.tensors],
                    "imatrix": str(importance) if importance else None, "buffer_bytes": self.settings.buffer_bytes,
                },
                f"quantizing to {candidate.format}", str(self.source.path),
            )  # fmt: skip
            header.read(part)  # a file cut short by a full disk is none
            place.sync(part)
            part.replace(done)
        except DataError as error:
            part.unlink(missing_ok=True)
            if shutil.disk_usage(self.folder).free < SPARE_BYTES // 2:
                raise CannotCreate("no space left on device", where=str(self.folder.parent)) from error
            raise
        except OSError as error:
            raise CannotCreate((error.strerror or str(error)).lower(), where=str(self.folder)) from error
        finally:
            part.unlink(missing_ok=True)
        return done

    def verified(self, made: Path, name: str) -> dict[str, Any]:
        """How far a file is from its source on the text: the fields of `verifying.summary`. No chunk is done twice."""
        rows_file = made.with_suffix(f".{self._stamp(self.settings.text, str(self.settings.chunks))}.rows")
        known = _rows(rows_file)[: self.settings.chunks]
        gate = formats.gate(name)
        if known:
            self.resumed.append(f"{len(known)} chunks of verification")

        with rows_file.open("a", encoding="utf-8") as kept:

            def keep(event: Mapping[str, Any]) -> None:
                if "row" in event:
                    kept.write(json.dumps(event["row"]) + "\n")
                    kept.flush()

            done = self._work(
                {"action": "verify", "target": str(made), "text": self.settings.text, "chunks": self.settings.chunks,
                 "known": known, "gate": {"kl": gate.kl, "top1": gate.top1}},
                f"verifying {name}", str(self.source.path), keep,
            )  # fmt: skip
        return dict(done["summary"])

    def clear(self) -> None:
        """Keep nothing."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _work(
        self, task: dict[str, Any], what: str, where: str, heed: Callable[[Mapping[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        def event(told: dict[str, Any]) -> None:
            if heed:
                heed(told)
            if "done" in told:
                self.tell(what, told["done"], told["of"])

        whole = {"source": str(self.source.path), "threads": self.settings.threads, **task}
        return work.run(whole, where=where, environ=self.settings.environ, event=event)

    def _stamp(self, *parts: str) -> str:
        """A name that is another one as soon as source, settings or llama.cpp are."""
        import importlib.metadata

        status = self.source.path.stat()
        try:
            version = importlib.metadata.version("llama-cpp-python")
        except importlib.metadata.PackageNotFoundError:
            version = ""
        told = [
            str(self.source.path.resolve()), status.st_size, status.st_mtime_ns, version, self.settings.tensors, *parts
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _rows(path: Path) -> list[list[float]]:
    """The rows written so far; a torn last one is left out, and so is what follows it."""
    found: list[list[float]] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            break
        if not (isinstance(row, list) and len(row) == 7 and all(isinstance(each, int | float) for each in row)):
            break
        found.append([float(each) for each in row])
    if len(found) != len(lines):
        path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return found


def refusal(format_name: str, found: Mapping[str, Any]) -> str | None:
    """Why a result is outside its gate, in words; None if it is inside."""
    gate = formats.gate(format_name)
    said = []
    if not found["kl_divergence"] <= gate.kl:
        said.append(f"KL divergence {found['kl_divergence']:.4f}, at most {gate.kl:g} is allowed")
    if not found["top1_ratio"] >= gate.top1:
        said.append(f"the likeliest token is the same at {found['top1_ratio']:.1%} of places, not {gate.top1:.0%}")
    if not found["perplexity_ratio"] - 2 * found["perplexity_ratio_error"] <= gate.ratio:
        error = found["perplexity_ratio_error"]
        said.append(
            f"perplexity {found['perplexity_ratio']:.3f} ± {error:.3f} times the source's, at most {gate.ratio:g} is "
            "allowed"
        )
    return "; ".join(said) or None
