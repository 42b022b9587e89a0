"""A small coverage-guided fuzzer: inputs are grown from seeds by mutation and kept when they reach new lines of ours."""

from __future__ import annotations

import ast
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

#: No input may take a parser longer, in seconds of this process's CPU without tracing.
SLOWEST_S = 1.0
#: What is put into any input, whatever its language: separators, numbers at the edge, text that is none.
TOKENS = [
    b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b"<", b">", b"(", b")", b":", b",", b";", b"=", b" ", b"\t",
    b"-", b"%", b"&", b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[2J", b"\xe2\x80\xae", "٣".encode(), "ß".encode(),
    b"null", b"NaN", b"-0", b"-1", b"0", b"1e999", b"9" * 20, b"9" * 400, b"99999999999999999999E9", b"1/0", b"A" * 64, b"../../", b"[" * 2000,
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A parser: `read` takes bytes and raises for a defect only; `seeds` are sound inputs, `words` of its language."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = field(default=())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a target: how many inputs, lines of ours reached, and what is wrong ("" if nothing)."""

    runs: int
    lines: int
    problem: str = ""


def mutate(seed: bytes, corpus: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    """The seed with one to sixteen changes."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(8):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                data[at:at] = chance.choice(tokens)
            case 2:
                del data[at : at + chance.randrange(1, 16)]
            case 3:
                end = at + chance.randrange(1, 64)
                data[at:at] = data[at:end] * chance.randrange(1, 4)
            case 4:
                other = chance.choice(corpus)
                cut = chance.randrange(len(other) + 1)
                data[at:] = other[cut:]
            case 5:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 6:
                data = data[:at]
            case 7:  # a long run of one thing: what is not linear in it shows
                data[at:at] = (chance.choice(tokens) or b"a") * chance.randrange(1, 400)
    return bytes(data[:65536])


def covered(action: Callable[[bytes], object], data: bytes, folder: str) -> set[tuple[str, int]]:
    """Run it; the lines in files whose name has `folder` in it that were reached."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if folder not in frame.f_code.co_filename:
            return None
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        action(data)
    finally:
        sys.settrace(None)
    return lines


def apart(name: str, made: Callable[[], Target], seconds: float, chance: random.Random) -> Outcome:
    """`fuzz` in a process of its own: what a library in C does to it is an outcome, too."""
    source, sink = os.pipe()
    with tempfile.NamedTemporaryFile(prefix=f"fuzz-{name}-", suffix=".bin", delete=False) as last:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                outcome = fuzz(
                    name, made(), seconds, chance, lambda data: last.truncate(os.pwrite(last.fileno(), data, 0))
                )
                os.write(sink, repr((outcome.runs, outcome.lines, outcome.problem)).encode())
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(sink)
        with open(source, "rb") as told:  # noqa: PTH123
            words = told.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not status:
        Path(last.name).unlink()
        return Outcome(*ast.literal_eval(words.decode()))
    return Outcome(0, 0, f"ended by {signal.Signals(-status).name if status < 0 else status}; input in {last.name}")


def fuzz(
    name: str, target: Target, seconds: float, chance: random.Random, before: Callable[[bytes], object] = len
) -> Outcome:
    """Try `target` for some seconds; the first input that is a defect ends it and is kept in a file.

    `before` is told each input before it is tried.
    """
    for seed in target.seeds:
        target.read(seed)  # what a parser loads once does not count as its time
    corpus = list(target.seeds)
    tokens = [*TOKENS, *target.words, *target.words, *target.words]
    seen: set[tuple[str, int]] = set()
    end = time.monotonic() + seconds
    runs = 0
    while time.monotonic() < end:
        data = mutate(chance.choice(corpus), corpus, tokens, chance)
        runs += 1
        before(data)
        begin = time.process_time()
        try:
            new = covered(target.read, data, "roadmap_cli") - seen
        except Exception as error:
            words = " ".join(str(error).split())[:200]
            return Outcome(runs, len(seen), f"{type(error).__name__}: {words}; input in {_kept(name, data)}")
        if time.process_time() - begin > SLOWEST_S and (took := _cpu_s(target, data)) > SLOWEST_S:
            return Outcome(runs, len(seen), f"{took:.1f} s for {len(data)} bytes; input in {_kept(name, data)}")
        if new:
            seen |= new
            corpus.append(data)
    return Outcome(runs, len(seen))


def _cpu_s(target: Target, data: bytes) -> float:
    """The time without tracing, which makes Python some ten times slower."""
    begin = time.process_time()
    target.read(data)
    return time.process_time() - begin


def _kept(name: str, data: bytes) -> Path:
    with tempfile.NamedTemporaryFile(prefix=f"fuzz-{name}-", suffix=".bin", delete=False) as file:
        file.write(data)
    return Path(file.name)
