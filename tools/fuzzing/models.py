"""Weights and conversations: what comes from the world of language models."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from fuzzing.engine import Target
from fuzzing.ground import JSON, records_in
from roadmap_cli.core.errors import ConfigError, DataError, UsageError


def gguf_reader(folder: Path) -> Target:
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

    return Target(read, [head + bytes(-len(head) % 32) + bytes(160), head])


def safetensors_reader(folder: Path) -> Target:
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

    return Target(read, [len(head).to_bytes(8, "little") + head + bytes(16)], JSON)


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


def torch_reader(folder: Path) -> Target:
    """Published PyTorch weights: a pickle that may name nothing but tensors."""
    import io
    import pickle
    import zipfile

    from roadmap_cli.models.installing import torchfile

    path = folder / "fuzzed.pth"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}, protocol=2))
        archive.writestr("archive/version", "3\n")
    evil = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."

    def read(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(DataError):
            torchfile.read(path)

    return Target(
        read,
        [packed.getvalue(), pickle.dumps({"a": [1, 2]}, protocol=2), evil],
        [b"cos\nsystem\n", b"R", b".", b"ctorch._utils\n_rebuild_tensor_v2\n"],
    )


def read_requests(data: bytes) -> None:
    """What a client asks slm-serve, and the prompts of slm-run."""
    import orjson

    from roadmap_cli.models.conversation.chat import Options
    from roadmap_cli.slm import prompts
    from roadmap_cli.slm.serve import openai

    for record in records_in(data):
        with contextlib.suppress(DataError, UsageError):
            prompts.read(record, Options(), "system")
    with contextlib.suppress(ValueError):
        body = orjson.loads(data)
        if isinstance(body, dict):
            for read in (openai.chat, openai.completion, openai.embeddings):
                with contextlib.suppress(DataError, UsageError, ConfigError):
                    read(body)


def read_sync(data: bytes) -> None:
    """What lies in a shared folder: segments, cards, kept sequences; the answers of WebDAV and S3 are among `servers`."""
    import orjson
    import pyrage

    from roadmap_cli.slm.serve import kept
    from roadmap_cli.slm.sync import cards, revision, segment

    global _IDENTITY
    _IDENTITY = _IDENTITY or pyrage.x25519.Identity.generate()
    for change in (data, pyrage.encrypt(data, [_IDENTITY.to_public()])):
        with contextlib.suppress(DataError, segment.NotForUs):
            segment.opened(change, _IDENTITY, bytes(32))
    with contextlib.suppress(UsageError):
        cards.of_text(data.decode("utf-8", "replace"))
    with contextlib.suppress(ValueError):
        kept.parse(data)
    with contextlib.suppress(ValueError):
        value = orjson.loads(data)
        with contextlib.suppress(DataError):
            revision.of_plain(value)
        with contextlib.suppress(DataError):
            segment._head(value)


_IDENTITY: object = None


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """By name; each is made when it is asked for."""
    talk = [
        b'{"role":"user","name":"Ana","at":"2026-11-23T09:00:00Z","content":"Where was I last May 2025?"}\n' * 3,
        b'{"role":"assistant","session":3,"pinned":true,"content":[{"text":"```\\ncode\\n```\\n- a\\n\\nb. c"}]}\n',
        b'{"role":"user","content":"Ben: ' + b"word " * 300 + b'"}\n',
    ]
    asked = [
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":5,"stop":["a"],"temperature":0.5,"stream":true}',
        b'{"prompt":"x","model":"m","top_p":1,"seed":7,"echo":true}', b'{"input":["a","b"],"encoding_format":"base64"}',
        b'{"kind":"slm.prompt","id":"p","at":"2026-11-23T09:00:00Z","body":{"messages":[],"response_format":{"type":"json_schema","json_schema":{"schema":{}}}}}',
    ]  # fmt: skip
    synced = [
        b'["id","slm.message",3,"aa","bb","2026-11-23T09:00:00.000Z","dev",{"x":1}]', b"roadmap-device-1-AAAA",
        b'{"version":1,"device":"' + b"a" * 32 + b'","seq":1,"previous":"","seen":{},"covers":{"a":[1,2,"x"]},"part":0,"parts":1,"members":[]}',
    ]  # fmt: skip
    return {
        "gguf": lambda: gguf_reader(folder),
        "safetensors": lambda: safetensors_reader(folder),
        "torch": lambda: torch_reader(folder),
        "messages": lambda: Target(read_messages, talk, JSON),
        "requests": lambda: Target(read_requests, asked, [*JSON, b'"messages":', b'"role":', b'"content":']),
        "sync": lambda: Target(read_sync, synced, JSON),
    }
