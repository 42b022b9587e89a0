"""Decoders and encoders, and methods of bytes: run on what is known in full, bounded in size."""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.folding.work import FAILURES, LIMIT, Work, first
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Const, Name, Text, Unknown, Value

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64.b64decode": base64.b64decode, "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode, "base64.decodebytes": base64.decodebytes,
    "base64.decodestring": base64.decodebytes, "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode, "base64.b85decode": base64.b85decode, "base64.a85decode": base64.a85decode,
    "binascii.unhexlify": binascii.unhexlify, "binascii.a2b_hex": binascii.unhexlify,
    "binascii.a2b_base64": binascii.a2b_base64,
    "zlib.decompress": lambda data: zlib.decompressobj().decompress(data, LIMIT),
    "gzip.decompress": lambda data: zlib.decompressobj(31).decompress(data, LIMIT),
    "bz2.decompress": lambda data: bz2.BZ2Decompressor().decompress(data, LIMIT),
    "lzma.decompress": lambda data: lzma.LZMADecompressor().decompress(data, LIMIT),
}  # fmt: skip
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64.b64encode": base64.b64encode, "base64.standard_b64encode": base64.b64encode,
    "base64.urlsafe_b64encode": base64.urlsafe_b64encode, "base64.b32encode": base64.b32encode,
    "base64.b16encode": base64.b16encode, "base64.b85encode": base64.b85encode, "binascii.hexlify": binascii.hexlify,
}  # fmt: skip


def decoded(value: Value, decode: Callable[[bytes], bytes], failed: str = "decoded") -> Value:
    """Bytes, or a text as bytes, through a decoder; an unknown of the kind `failed` if that cannot be told."""
    data: bytes | None = None
    if isinstance(value, Text) and value.whole:
        data = value.text.encode(errors="replace")
    elif isinstance(value, Const) and isinstance(value.value, bytes | bytearray):
        data = bytes(value.value)
    if data is None or len(data) > LIMIT:
        return Unknown(failed, trail=value.trail)
    try:
        return Const(decode(data), trail=value.trail)
    except FAILURES:
        return Unknown(failed, trail=value.trail)


def decoded_text(data: bytes, codec: object, trail: tuple[int, ...]) -> Iterable[Value]:
    """Bytes as a text by the name of a codec."""
    try:
        return (Text(data.decode(codec if isinstance(codec, str) else "utf-8", errors="replace"), trail=trail),)
    except FAILURES:
        return (Unknown("decoded", trail=trail),)


def bytes_method(flow: Evaluation, base: Any, method: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    """What a method of bytes gives."""
    data = bytes(base.value)
    if method == "decode":
        codec = flow.constant(node.args[0], scope) if node.args else "utf-8"
        return decoded_text(data, codec, base.trail)
    if method == "hex" and not node.args:
        return (Text(data.hex(), trail=base.trail),)
    if method == "fromhex" and node.args:
        return [decoded(each, lambda d: bytes.fromhex(d.decode())) for each in flow.of(node.args[0], scope, depth)]
    if method in ("strip", "lower", "upper") and not node.args:
        return (Const(getattr(data, method)(), trail=base.trail),)
    return (Unknown(trail=base.trail),)


def _fromhex(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    return [decoded(each, lambda d: bytes.fromhex(d.decode())) for each in first(flow, node, scope, depth)]


def _codec(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """codecs.decode, rot13 and hex among others."""
    codec = flow.constant(node.args[1], scope) if len(node.args) > 1 else "utf-8"
    for each in first(flow, node, scope, depth):
        data: Any = (
            each.text if isinstance(each, Text) and each.whole else each.value if isinstance(each, Const) else None
        )
        try:
            if not isinstance(codec, str) or not isinstance(data, str | bytes) or len(data) > LIMIT:
                raise TypeError
            if re.sub(r"[^a-z0-9]", "", codec.lower()) in ("zlib", "zip", "bz2", "zlibcodec", "bz2codec"):
                raise TypeError  # could blow up
            result: Any = codecs.decode(data, codec)  # type: ignore[arg-type]
            yield Text(result, trail=each.trail) if isinstance(result, str) else Const(result, trail=each.trail)
        except FAILURES:
            yield Unknown("decoded", trail=each.trail)


WORK: dict[str, Work] = {
    "builtins.bytes.fromhex": _fromhex, "builtins.bytearray.fromhex": _fromhex, "codecs.decode": _codec,
}  # fmt: skip
