"""Fuzz the parsers for a given time. A crash is written down and ends it with 1.

usage: tools/fuzz.py SECONDS [stream|keys|gguf|safetensors|messages|python|shell|workflow|webhooks]
Inputs are grown from seeds by mutation and kept when they reach new lines of ours (a small coverage-guided fuzzer:
sys.settrace on the parser's modules). Only the errors a parser promises may leave it, and none may take over a second of CPU.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from roadmap_cli.core.errors import ConfigError, DataError  # noqa: E402

SLOWEST_S = 1.0
TOKENS = [
    b'{"kind":"a.b","id":"x","at":"2026-11-23T09:00:00.000Z"}', b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]",
    b":", b",", b" :", b"\t:", b"NaN", b"-0", b"1e999", b"9" * 400, b"\xff", b"\xef\xbb\xbf", b"\0", b"\n", b"\r\n", b"null",
    b'"version":', b'"wrapped":', b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"-----END AGE ENCRYPTED FILE-----\n",
    b"age-encryption.org/v1\n", b"-> X25519 ", b"--- ", b"A" * 64,
]  # fmt: skip


def mutate(seed: bytes, corpus: list[bytes], chance: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                data[at:at] = chance.choice(TOKENS)
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
    return bytes(data[:65536])


def covered(action: Callable[[bytes], object], data: bytes, folder: str) -> set[tuple[str, int]]:
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


def read_stream(data: bytes) -> None:
    from roadmap_cli.core import stream

    source, sink = os.pipe()
    os.write(sink, data[:60_000])
    os.close(sink)
    parse = stream.parser()
    try:
        for chunk in stream.Lines(source, limit_bytes=8192).chunks():
            for line in chunk:
                if line is None:
                    continue
                try:
                    record = parse(line)
                except DataError as error:
                    assert "\n" not in error.message, error.message
                else:
                    assert type(record) is dict
    finally:
        os.close(source)


def key_reader(folder: Path) -> tuple[Callable[[bytes], object], list[bytes]]:
    from roadmap_cli.core import clock
    from roadmap_cli.state import keys

    state = str(folder / "state.db")
    source = keys.KeySource({"HOME": str(folder)})
    keys.make(state, source, clock.system)
    seed = (folder / "state.db.key").read_bytes()
    plain = b'{"key":"%s","recipients":[{"recipient":"age1x","label":"l","added_at":"t"}]}' % (b"ab" * 32)

    def read(data: bytes) -> None:
        for action in (
            lambda: keys.opened(keys.wrapped(data, state), state, source),
            lambda: keys.parse_payload(data, state),
        ):
            try:
                action()
            except ConfigError as error:
                assert "\n" not in error.message, error.message

    return read, [seed, plain]


def gguf_reader(folder: Path) -> tuple[Callable[[bytes], object], list[bytes]]:
    import struct

    from roadmap_cli.core.errors import InputMissing
    from roadmap_cli.slm.quantize import estimate, header

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    keys = [
        text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama"),
        *(text(b"llama." + name) + struct.pack("<II", 4, value) for name, value in (
            (b"block_count", 2), (b"embedding_length", 64), (b"attention.head_count", 4), (b"context_length", 128))),
        text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b"),
        text(b"nested") + struct.pack("<IIQIQI", 9, 9, 1, 4, 1, 7), text(b"general.alignment") + struct.pack("<II", 4, 32),
    ]  # fmt: skip
    tensor = text(b"token_embd.weight") + struct.pack("<IQQIQ", 2, 64, 2, 8, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(keys)) + b"".join(keys) + tensor
    path = folder / "fuzzed.gguf"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = header.read(path)
            estimate.file_bytes(found, {})
            estimate.need(found, {}, context_size=2048, instructions=["avx2"])
        except (DataError, InputMissing) as error:
            assert "\n" not in error.message, error.message

    return read, [head + bytes(-len(head) % 32) + bytes(160), head]


def safetensors_reader(folder: Path) -> tuple[Callable[[bytes], object], list[bytes]]:
    from roadmap_cli.core.errors import InputMissing
    from roadmap_cli.slm.quantize import safetensors

    place = folder / "fuzzed"
    place.mkdir()
    head = b'{"a.weight":{"dtype":"BF16","shape":[2,4],"data_offsets":[0,16]},"__metadata__":{"format":"pt"}}'

    def read(data: bytes) -> None:
        (place / "model.safetensors").write_bytes(data)
        try:
            for entry in safetensors.entries(place).values():
                safetensors.array(entry)
        except (DataError, InputMissing) as error:
            assert "\n" not in error.message, error.message

    return read, [len(head).to_bytes(8, "little") + head + bytes(16)]


def read_messages(data: bytes) -> None:
    """A conversation of whatever lines there are: a window is made or a DataError says why not, nothing is lost."""
    from roadmap_cli.core import stream
    from roadmap_cli.slm.window import conversation, prompt
    from roadmap_cli.slm.window.window import Budget, Conversation

    parse, found = stream.parser(), []
    for line in data.split(b"\n"):
        try:
            found.append(conversation.read(parse(line)))
        except DataError as error:
            assert "\n" not in error.message, error.message
    found = conversation.named(found)
    whole = Conversation(Budget(20))
    whole.add(found, conversation.sittings(found))
    try:
        window = whole.window(data[-80:].decode("utf-8", "replace"))
    except DataError:
        return
    assert window.used <= 20
    assert len(window.kept) + len(window.archived) == len(whole.parts)
    said = "".join(whole.text(part) for part in whole.parts)
    assert said == "".join(message.content for message in found)
    prompt.messages(window.shown, found)


def scanner(language: str) -> tuple[Callable[[bytes], object], list[bytes]]:
    """agent-scan: whatever stands in a file, there are findings and no exception."""
    sys.path.insert(0, str(ROOT / "tests/unit/agent"))
    import scan_cases

    from roadmap_cli.agent.scan import files
    from roadmap_cli.agent.scan.places import Ground

    cases, harmless = {
        "python": (scan_cases.PYTHON, scan_cases.HARMLESS), "shell": (scan_cases.SHELL, scan_cases.HARMLESS_SHELL),
    }[language]  # fmt: skip

    def read(data: bytes) -> None:
        scanned = files.scan_text(data, "x", language, Ground("/project"))
        assert all(found.line >= 1 and found.column >= 1 for found in scanned.findings)

    return read, [text.encode() for text in (*(text for _, text in cases), *harmless)]


def template_reader(folder: Path) -> tuple[Callable[[bytes], object], list[bytes]]:
    """A workflow template of whatever bytes: read, checked and planned, or refused with the line."""
    from datetime import UTC, datetime

    from roadmap_cli.wf.language import loading
    from roadmap_cli.wf.planning import boxes, graph, planner

    library = ROOT / "src/roadmap_cli/wf/library"
    event = {"id": "e", "at": "2026-11-23T09:00:00.000Z", "data": {"a": "x", "list": [1, {"b": None}]}}
    at = datetime(2026, 11, 23, tzinfo=UTC)

    def read(data: bytes) -> None:
        path = folder / ("fuzzed.toml" if data[:1] == b"#" else "fuzzed.yaml")
        path.write_bytes(data)
        template, findings = loading.check(path)
        assert all(each.line >= 1 and "\n" not in each.message for each in findings), findings
        if template is None:
            return
        match = {"id": "m", "template_sha256": template.sha256}
        try:
            plan = planner.plan(template, match, event, requested_by="a", directory=folder, at=at)
        except (DataError, ConfigError) as error:
            assert "\n" not in error.message, error.message
            return
        boxes.draw(plan["steps"], 200)
        graph.text(plan, "dot")

    seeds = [path.read_bytes() for path in sorted(library.glob("*.yaml"))]
    small = b"workflow: w\nversion: 1\ninputs: {a: {from: data.a}}\nsteps:\n  - {name: s, role: data, command: [x, '${inputs.a}'], effects: [read], each: '${event.data.list}'}\n"
    toml = b"# t\nworkflow = 'w'\nversion = 1\n[[steps]]\nname = 's'\nrole = 'data'\ncommand = ['x',\n 'y']\neffects = ['read']\n"
    return read, [small, toml, *seeds]


def fuzz(
    name: str, action: Callable[[bytes], object], corpus: list[bytes], seconds: float, chance: random.Random
) -> bool:
    seen: set[tuple[str, int]] = set()
    end = time.monotonic() + seconds
    runs = 0
    while time.monotonic() < end:
        data = mutate(chance.choice(corpus), corpus, chance)
        begin = time.process_time()
        try:
            new = covered(action, data, "roadmap_cli") - seen
        except Exception as error:
            crash = Path(tempfile.gettempdir()) / f"fuzz-{name}-{runs}.bin"
            crash.write_bytes(data)
            print(f"fuzz: {name}: {type(error).__name__}: {error}; input in {crash}", file=sys.stderr)
            return False
        if time.process_time() - begin > SLOWEST_S:
            crash = Path(tempfile.gettempdir()) / f"fuzz-{name}-slow-{runs}.bin"
            crash.write_bytes(data)
            print(f"fuzz: {name}: over {SLOWEST_S} s; input in {crash}", file=sys.stderr)
            return False
        if new:
            seen |= new
            corpus.append(data)
        runs += 1
    print(f"fuzz: {name}: {runs} inputs in {seconds:.0f} s, {len(seen)} lines reached, no crash", file=sys.stderr)
    return True


WEBHOOKS = [
    b'{"version":"4","groupKey":"g","alerts":[{"status":"resolved","labels":{"alertname":"A"},"startsAt":'
    b'"2026-11-23T08:00:00Z","endsAt":"2026-11-23T09:00:00.123456789Z"}]}',
    b'{"version":"1","orgId":1,"alerts":[{"status":"firing","labels":{},"startsAt":"2026-11-23T08:00:00Z"}]}',
    b'{"type":"event_callback","team_id":"T","event_id":"E","event_time":1795424400,"event":{"type":"message"}}',
    b'{"type":"block_actions","team":{"id":"T"},"trigger_id":"1.2","user":{"id":"U"}}',
    b"command=%2Fdeploy&trigger_id=13&team_id=T&text=a%20b", b"payload=%7B%22type%22%3A%22x%22%7D",
    b'{"webhookEvent":"jira:issue_updated","timestamp":1795424400000,"issue":{"key":"OPS-1"}}',
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-11-23T08:00:00Z","data":{}}',
    b'{"status":"success","data":{"alerts":[{"labels":{"a":"b"},"state":"firing","activeAt":"2026-11-23T08:00:00Z"}]}}',
    b'{"id":"7","key":"OPS-7","fields":{"updated":"2026-11-23T08:00:00.000+0000"}}',
    b'{"type":"events_api","envelope_id":"e","payload":{"type":"slash_commands"},"retry_attempt":1}',
]  # fmt: skip


def read_webhooks(data: bytes) -> None:
    """Every reader of what a source sends."""
    import contextlib
    from datetime import UTC, datetime

    import orjson

    from roadmap_cli.wf import events, sources
    from roadmap_cli.wf.sources import jira_poll, mailbox, prometheus, slack_socket

    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    form = {"content-type": "application/x-www-form-urlencoded"}
    ways: list[tuple[Any, dict[str, str]]] = [(sources.webhook(name), {}) for name in sorted(sources.WEBHOOKS)]
    ways += [
        (sources.webhook("slack"), form),
        (sources.webhook("webhook"), {"content-type": "application/cloudevents-batch+json"}),
    ]
    for module, headers in (*ways, (prometheus, {}), (jira_poll, {}), (slack_socket, {})):
        with contextlib.suppress(DataError):
            for event in module.read(data, headers, at):
                events.checked(event)
    orjson.dumps(events.named([mailbox.from_mail(data, "INBOX", None, at)])[0])


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3600
    names = sys.argv[2:] or [
        "stream",
        "keys",
        "gguf",
        "safetensors",
        "messages",
        "python",
        "shell",
        "workflow",
        "webhooks",
    ]
    seed = int(time.time())
    print(f"fuzz: seed {seed}", file=sys.stderr)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        targets: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
            "stream": (read_stream, [token + b"\n" for token in TOKENS]),
            "keys": key_reader(Path(folder)),
            "gguf": gguf_reader(Path(folder)),
            "safetensors": safetensors_reader(Path(folder)),
            "python": scanner("python"),
            "shell": scanner("shell"),
            "workflow": template_reader(Path(folder)),
            "webhooks": (read_webhooks, WEBHOOKS),
            "messages": (
                read_messages,
                [
                    b'{"role":"user","name":"Ana","at":"2026-11-23T09:00:00Z","content":"Where was I last May 2025?"}\n'
                    * 3,
                    b'{"role":"assistant","session":3,"pinned":true,"content":[{"text":"```\\ncode\\n```\\n- a\\n\\nb. c"}]}\n',
                    b'{"role":"user","content":"Ben: ' + b"word " * 300 + b'"}\n',
                ],
            ),
        }
        sound = [fuzz(name, *targets[name], seconds / len(names), chance) for name in names]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
