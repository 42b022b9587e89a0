"""What functions without effects make of values: texts, paths, encodings. Nothing of the scanned code runs.

Each result is bounded in size; what is not fully known keeps its known beginning, and what came out of a decoder that
could not be followed is marked ``decoded``.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import gzip
import lzma
import posixpath
import re
import zlib
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Ordered
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.scan.values import Const, Made, Mapping, Name, Sequence, Text, Unknown, Value, at_key

if TYPE_CHECKING:
    from roadmap_cli.agent.scan.dataflow import Flow
    from roadmap_cli.agent.scan.program import Scope

LIMIT = 1 << 18

CONSTANTS = {
    "os.sep": "/", "os.path.sep": "/", "os.curdir": ".", "os.pardir": "..", "os.linesep": "\n",
    "os.devnull": "/dev/null",
    "os.path.devnull": "/dev/null", "os.pathsep": ":", "os.extsep": ".", "sys.executable": "/usr/bin/python3",
    "sys.prefix": "/usr", "sys.base_prefix": "/usr", "sys.exec_prefix": "/usr", "string.ascii_lowercase":
    "abcdefghijklmnopqrstuvwxyz", "string.ascii_uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "string.digits": "0123456789",
    "string.ascii_letters": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "tempfile.tempdir": "/tmp",
    "subprocess.DEVNULL": "", "sys.platform": "linux", "os.name": "posix",
}  # fmt: skip
#: Known as far as the folder they are somewhere in.
ROUGHLY = frozenset({"sys.prefix", "sys.base_prefix", "sys.exec_prefix"})
PATH_PARTS = frozenset({"parent", "name", "stem", "suffix", "parents", "parts", "anchor", "root"})
_STRING = frozenset({
    "lower", "upper", "strip", "lstrip", "rstrip", "replace", "title", "capitalize", "swapcase", "removeprefix",
    "removesuffix", "zfill", "casefold", "expandtabs", "translate", "format", "join", "encode", "split", "rsplit",
    "splitlines", "partition", "rpartition",
})  # fmt: skip
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
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
_FAILURES = (ValueError, TypeError, KeyError, IndexError, AttributeError, LookupError, OverflowError, EOFError, OSError,
             zlib.error, lzma.LZMAError, MemoryError, gzip.BadGzipFile, RecursionError)  # fmt: skip
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64.b64encode": base64.b64encode, "base64.standard_b64encode": base64.b64encode,
    "base64.urlsafe_b64encode": base64.urlsafe_b64encode, "base64.b32encode": base64.b32encode,
    "base64.b16encode": base64.b16encode, "base64.b85encode": base64.b85encode, "binascii.hexlify": binascii.hexlify,
}  # fmt: skip


def call(flow: Flow, value: Name, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    """What calling something of the outside gives: folded if it can be, else a thing made by it."""
    name, base = value.name, value.base
    work = _WORK.get(name)
    if work is not None:
        return work(flow, node, scope, depth, value)
    owner, _, method = name.rpartition(".")
    if owner == "pathlib.Path" and isinstance(base, Text):
        return _path_method(flow, base, method, node, scope, depth)
    if owner == "str" and isinstance(base, Text) and method in _STRING:
        return _string_method(flow, base, method, node, scope, depth)
    if owner in ("bytes", "bytearray") and isinstance(base, Const):
        return _bytes_method(flow, base, method, node, scope, depth)
    if owner == "list" and method in ("pop", "copy") and isinstance(base, Sequence):
        return [each for item in base.items for each in item] if method == "pop" else (base,)
    if owner == "dict" and method in ("get", "pop", "values", "items", "copy"):
        return _dict_method(flow, base, method, node, scope, depth)
    decode = _DECODERS.get(name)
    if decode is not None:
        return [_decoded(each, decode) for each in _first(flow, node, scope, depth)] or (Unknown("decoded"),)
    encode = _ENCODERS.get(name)
    if encode is not None:
        return [_decoded(each, encode, "unknown") for each in _first(flow, node, scope, depth)]
    if name in ("builtins.input", "builtins.raw_input", "sys.stdin.read", "sys.stdin.readline"):
        return (Unknown("input"),)
    return (Made(name, node, scope, trail=value.trail),)


def _first(flow: Flow, node: ast.Call, scope: Scope, depth: int, position: int = 0) -> Ordered[Value]:
    return flow.of(node.args[position], scope, depth) if len(node.args) > position else ()


def _decoded(value: Value, decode: Callable[[bytes], bytes], failed: str = "decoded") -> Value:
    data: bytes | None = None
    if isinstance(value, Text) and value.whole:
        data = value.text.encode(errors="replace")
    elif isinstance(value, Const) and isinstance(value.value, bytes | bytearray):
        data = bytes(value.value)
    if data is None or len(data) > LIMIT:
        return Unknown(failed, trail=value.trail)
    try:
        return Const(decode(data), trail=value.trail)
    except _FAILURES:
        return Unknown(failed, trail=value.trail)


# -- texts -------------------------------------------------------------------------------------------------------------


def joined(left: Value, right: Value) -> Value:
    """Two texts one after the other; the known beginning if the end is not known."""
    if isinstance(right, Const) and isinstance(right.value, int | float | bool) and not isinstance(left, Const):
        right = Text(str(right.value))
    one = left.value if isinstance(left, Const) else None
    two = right.value if isinstance(right, Const) else None
    if isinstance(one, bytes) and isinstance(two, bytes) and len(one) + len(two) < LIMIT:
        return Const(one + two, trail=left.trail or right.trail)
    if isinstance(left, Text):
        trail = left.trail + tuple(line for line in right.trail if line not in left.trail)
        if not left.whole:
            return replace(left, trail=trail)
        if isinstance(right, Text) and len(left.text) + len(right.text) < LIMIT:
            return Text(left.text + right.text, right.whole, right.origin, trail=trail)
        origin = right.origin if isinstance(right, Unknown) else "unknown"
        return Text(left.text, False, origin, trail=trail)
    if isinstance(left, Unknown):
        if not isinstance(right, Text):
            return left
        return Text("", False, left.origin, trail=left.trail + right.trail, given=left.given)
    return Unknown(trail=left.trail)


def binary(left: Value, right: Value, operator: ast.operator) -> Value:
    """The result of an operator on two values."""
    if isinstance(operator, ast.Add):
        if isinstance(left, Sequence) and isinstance(right, Sequence):
            return Sequence((*left.items, *right.items)[:512])
        if isinstance(left, Sequence) or isinstance(right, Sequence):
            known = left if isinstance(left, Sequence) else right
            assert isinstance(known, Sequence)
            rest = ((Unknown(),),)
            return Sequence((*known.items, *rest) if known is left else (*rest, *known.items))
        if isinstance(left, Const) and isinstance(right, Const) and not isinstance(left.value, bytes):
            return _number(left.value, right.value, operator)
        return joined(left, right)
    if isinstance(operator, ast.Div) and isinstance(left, Text) and left.is_path:
        return _path_join(left, right)
    if isinstance(operator, ast.Div) and isinstance(right, Text) and right.is_path:
        return replace(right, whole=False) if right.text.startswith("/") else Unknown()
    if isinstance(operator, ast.Mod) and isinstance(left, Text):
        return _percent(left, right)
    if isinstance(operator, ast.Mult):
        for one, two in ((left, right), (right, left)):
            if isinstance(one, Text) and isinstance(two, Const) and isinstance(two.value, int):
                if one.whole and 0 <= len(one.text) * two.value <= LIMIT:
                    return replace(one, text=one.text * two.value)
                return Text(one.text[:64], False, "unknown", trail=one.trail)
    if isinstance(left, Const) and isinstance(right, Const):
        return _number(left.value, right.value, operator)
    if isinstance(left, Unknown) and left.origin != "unknown":
        return left
    return Unknown()


def _number(left: object, right: object, operator: ast.operator) -> Value:
    if not (isinstance(left, int) and isinstance(right, int)) or max(abs(left), abs(right)) > 1 << 32:
        return Unknown()
    try:
        match operator:
            case ast.Add():
                return Const(left + right)
            case ast.Sub():
                return Const(left - right)
            case ast.Mult():
                return Const(left * right)
            case ast.BitXor():
                return Const(left ^ right)
            case ast.BitOr():
                return Const(left | right)
            case ast.BitAnd():
                return Const(left & right)
            case ast.FloorDiv():
                return Const(left // right)
            case ast.Mod():
                return Const(left % right)
            case ast.RShift() if right < 64:
                return Const(left >> right)
            case ast.LShift() if right < 32:
                return Const(left << right)
    except ZeroDivisionError:
        pass
    return Unknown()


def _percent(left: Text, right: Value) -> Value:
    if not left.whole:
        return left
    given: list[Value] = (
        [item[0] if len(item) == 1 else Unknown() for item in right.items] if isinstance(right, Sequence) else [right]
    )
    texts = [each.text for each in given if isinstance(each, Text) and each.whole]
    if len(texts) == len(given) and sum(map(len, texts)) < LIMIT and not re.search(r"%[^%]{0,8}\d{3}", left.text):
        try:
            return Text(left.text % tuple(texts), trail=left.trail)
        except _FAILURES:
            return Unknown()
    head = left.text.partition("%")[0]
    first = given[0] if given else Unknown()
    if isinstance(first, Text) and left.text[len(head) :].startswith("%s"):
        return Text(head + first.text, False, first.origin or "unknown", trail=left.trail)
    return Text(head, False, first.origin if isinstance(first, Unknown) else "unknown", trail=left.trail)


def sliced(base: Value, bounds: list[object]) -> Iterable[Value]:
    """A slice of a text or of bytes whose bounds are known."""
    if any(bound is not None and not isinstance(bound, int) for bound in bounds) or bounds[2] == 0:
        return (Unknown(trail=base.trail),)
    whole = [bound if isinstance(bound, int) else None for bound in bounds]
    cut = slice(whole[0], whole[1], whole[2])
    if isinstance(base, Text) and base.whole:
        return (Text(base.text[cut], trail=base.trail),)
    if isinstance(base, Const) and isinstance(base.value, bytes):
        return (Const(base.value[cut], trail=base.trail),)
    if isinstance(base, Sequence):
        return (Sequence(base.items[cut]),)
    return (base,) if isinstance(base, Unknown) else (Unknown(trail=base.trail),)


def _string_method(flow: Flow, base: Text, method: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    arguments = [flow.of(each, scope, depth) for each in node.args]
    if method == "join" and arguments:
        return [_join(base, each) for each in arguments[0]] or (Unknown(),)
    if method == "format":
        words = {word.arg: flow.of(word.value, scope, depth) for word in node.keywords if word.arg}
        return (_format(base, arguments, words),)
    if not base.whole:
        kept = method in ("strip", "rstrip", "encode", "expandtabs")
        return (base,) if kept else (Text("", False, base.origin or "unknown", trail=base.trail),)
    if method == "encode":
        return (Const(base.text.encode(errors="replace"), trail=base.trail),)
    given: list[Any] = []
    for values in arguments:
        if len(values) != 1 or not isinstance(values[0], Text | Const):
            return (Unknown(trail=base.trail),)
        only = values[0]
        if isinstance(only, Text) and not only.whole:
            return (Unknown(trail=base.trail),)
        given.append(only.text if isinstance(only, Text) else only.value)
    grown = len(given[1]) if method == "replace" and len(given) >= 2 and isinstance(given[1], str) else 1
    if len(base.text) * max(1, grown) > LIMIT:
        return (Unknown(trail=base.trail),)
    if method in ("zfill", "expandtabs") and given and isinstance(given[0], int) and given[0] > 4096:
        return (Unknown(trail=base.trail),)
    try:
        result = getattr(base.text, method)(*given)
    except _FAILURES:
        return (Unknown(trail=base.trail),)
    if isinstance(result, str):
        return (Text(result, trail=base.trail),)
    return (Sequence(tuple((Text(part, trail=base.trail),) for part in result[:512])),)


def _join(separator: Text, value: Value) -> Value:
    if not isinstance(value, Sequence) or not value.items:
        return Unknown(value.origin) if isinstance(value, Unknown) else Unknown()
    total: Value = Text("")
    for number, item in enumerate(value.items):
        part = item[0] if len(item) == 1 else Unknown()
        if number:
            total = joined(total, separator)
        total = joined(total, part)
        if isinstance(total, Text) and not total.whole:
            break
    return total


def _format(base: Text, arguments: list[tuple[Value, ...]], words: dict[str, tuple[Value, ...]]) -> Value:
    """str.format, for fields without a format of their own."""
    total: Value = Text("", trail=base.trail)
    automatic = 0
    for part in re.split(r"(\{[^{}]*\}|\{\{|\}\})", base.text[:LIMIT])[:256]:
        if part in ("{{", "}}"):
            total = joined(total, Text(part[0]))
        elif part.startswith("{"):
            name = part[1:-1].partition(":")[0].partition("!")[0]
            if not name:
                name, automatic = str(automatic), automatic + 1
            found = arguments[int(name)] if name.isdigit() and int(name) < len(arguments) else words.get(name, ())
            total = joined(total, found[0] if len(found) == 1 else Unknown())
        else:
            total = joined(total, Text(part))
    return replace(total, whole=False) if isinstance(total, Text) and not base.whole else total


def _bytes_method(flow: Flow, base: Any, method: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    data = bytes(base.value)
    if method == "decode":
        codec = flow.constant(node.args[0], scope) if node.args else "utf-8"
        return _decode_text(data, codec, base.trail)
    if method == "hex" and not node.args:
        return (Text(data.hex(), trail=base.trail),)
    if method == "fromhex" and node.args:
        return [_decoded(each, lambda d: bytes.fromhex(d.decode())) for each in flow.of(node.args[0], scope, depth)]
    if method in ("strip", "lower", "upper") and not node.args:
        return (Const(getattr(data, method)(), trail=base.trail),)
    return (Unknown(trail=base.trail),)


def _decode_text(data: bytes, codec: object, trail: tuple[int, ...]) -> Iterable[Value]:
    try:
        return (Text(data.decode(codec if isinstance(codec, str) else "utf-8", errors="replace"), trail=trail),)
    except _FAILURES:
        return (Unknown("decoded", trail=trail),)


def _dict_method(
    flow: Flow, base: Value | None, method: str, node: ast.Call, scope: Scope, depth: int
) -> Iterable[Value]:
    if not isinstance(base, Mapping):
        return (Unknown(),)
    if method == "copy":
        return (base,)
    if method == "values":
        return (Sequence(tuple(values for _, values in base.items)),)
    if method == "items":
        pairs = [((key,) if key is not None else (Unknown(),), values) for key, values in base.items[:64]]
        return (Sequence(tuple((Sequence(pair),) for pair in pairs)),)
    keys = flow.of(node.args[0], scope, depth) if node.args else ()
    return [value for key in keys or (Unknown(),) for value in at_key(base, key)] or (Unknown(),)


def items(value: Text) -> Iterable[Value]:
    """What going through a text gives: the names in a folder for what lists one, else its letters."""
    if value.origin in ("entry", "listing"):
        return (value,)
    if value.whole and not value.is_path:
        return tuple(Text(letter) for letter in value.text[:12])
    return (Unknown(),)


# -- paths -------------------------------------------------------------------------------------------------------------


def path_part(base: Text, name: str) -> Iterable[Value]:
    """pathlib's parent, name and the like."""
    if name == "parent":
        return (replace(base, text=posixpath.dirname(base.text.rstrip("/")) or ("." if base.whole else ""),
                        origin=base.origin),)  # fmt: skip
    if name == "parents":
        levels: list[tuple[Value, ...]] = []
        text = base.text
        while text not in ("", "/", ".") and len(levels) < 16:
            text = posixpath.dirname(text)
            levels.append((replace(base, text=text or "."),))
        return (Sequence(tuple(levels)),)
    if not base.whole:
        return (Unknown(base.origin or "unknown"),)
    if name == "parts":
        return (Sequence(tuple((Text(part),) for part in base.text.split("/") if part)),)
    tail = posixpath.basename(base.text)
    stem, suffix = posixpath.splitext(tail)
    return (Text({"name": tail, "stem": stem, "suffix": suffix}.get(name, "/"), trail=base.trail),)


def _path_join(left: Value, right: Value) -> Value:
    if isinstance(right, Const) and isinstance(right.value, bytes):
        right = Text(right.value.decode(errors="replace"))
    if isinstance(right, Text) and right.whole and right.text.startswith(("/", "~")):
        return replace(right, is_path=isinstance(left, Text) and left.is_path)
    if isinstance(right, Text) and not right.whole and right.text.startswith(("/", "~")):
        return right
    if not isinstance(left, Text):
        return Text("", False, left.origin if isinstance(left, Unknown) else "unknown", given=left.given)
    trail = left.trail + tuple(line for line in right.trail if line not in left.trail)
    if not left.whole:
        return replace(left, trail=trail)
    folder = left.text if left.text.endswith("/") or not left.text else left.text + "/"
    if isinstance(right, Text):
        return replace(left, text=folder + right.text, whole=right.whole, origin=right.origin, trail=trail)
    origin = right.origin if isinstance(right, Unknown) else "unknown"
    return replace(left, text=folder, whole=False, origin=origin, trail=trail)


def _path_method(flow: Flow, base: Text, method: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    if method == "joinpath":
        found: list[Value] = [base]
        for argument in node.args[:8]:
            found = [_path_join(left, right) for left in found for right in flow.of(argument, scope, depth)][:12]
        return found
    if method in ("with_name", "with_stem"):
        parent = replace(base, text=posixpath.dirname(base.text))
        return [_path_join(parent, each) for each in _first(flow, node, scope, depth)]
    if method in (
        "with_suffix",
        "absolute",
        "resolve",
        "expanduser",
        "as_posix",
        "__str__",
        "__fspath__",
        "relative_to",
    ):
        if method in ("resolve", "absolute") and base.whole and not base.text.startswith(("/", "~")) and flow.folder:
            base = replace(base, text=posixpath.normpath(posixpath.join(flow.folder, base.text)))
        return (replace(base, is_path=not method.startswith(("as_", "__"))),)
    if method in ("iterdir", "glob", "rglob", "walk"):
        folder = base.text if base.text.endswith("/") else base.text + "/"
        return (Text(folder, False, "entry", True, trail=base.trail),)
    if method in ("exists", "is_file", "is_dir", "stat", "unlink", "mkdir"):
        return (Unknown(),)
    if method in ("rename", "replace", "copy", "move"):
        return [replace(each, is_path=True) if isinstance(each, Text) else each
                for each in _first(flow, node, scope, depth)]  # fmt: skip
    return (Made(f"pathlib.Path.{method}", node, scope, trail=base.trail),)


def _new_path(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    if not node.args:
        return (Text(".", is_path=True),)
    found: list[Value] = []
    for each in flow.of(node.args[0], scope, depth):
        if isinstance(each, Text):
            found.append(replace(each, is_path=True))
        else:
            origin = each.origin if isinstance(each, Unknown) else "unknown"
            found.append(Text("", False, origin, True, trail=each.trail, given=each.given))
    for argument in node.args[1:8]:
        found = [_path_join(left, right) for left in found for right in flow.of(argument, scope, depth)][:12]
    return found


def _os_join(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    found: Iterable[Value] = _first(flow, node, scope, depth)
    for argument in node.args[1:12]:
        found = [_path_join(left, right) for left in found for right in flow.of(argument, scope, depth)][:12]
    return found


def _same(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    return _first(flow, node, scope, depth)


def _absolute(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        if (
            isinstance(each, Text)
            and flow.folder
            and not each.text.startswith(("/", "~"))
            and (each.whole or each.text)
        ):
            yield replace(each, text=posixpath.normpath(posixpath.join(flow.folder, each.text)))
        else:
            yield each


def _dirname(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        if isinstance(each, Text):
            cut = each.text[:-1] if not each.whole and each.text.endswith("/") else posixpath.dirname(each.text)
            yield replace(each, text=cut, is_path=False)
        else:
            yield Unknown(each.origin if isinstance(each, Unknown) else "unknown")


def _basename(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        if isinstance(each, Text) and each.whole:
            yield replace(each, text=posixpath.basename(each.text), is_path=False)
        else:
            yield Unknown()


def _fixed(text: str, *, whole: bool = True, is_path: bool = False, origin: str = "unknown") -> _Work:
    def give(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
        return (Text(text, whole, "" if whole else origin, is_path),)

    return give


def _folder(is_path: bool) -> _Work:
    def give(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
        return (Text(flow.folder or ".", True, "", is_path),)

    return give


def _listing(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """glob and scandir: paths that begin with the folder; walk: a folder, and names."""
    arguments = node.args or [word.value for word in node.keywords if word.arg in ("top", "path", "pathname")]
    found: list[Value] = []
    for each in flow.of(arguments[0], scope, depth) if arguments else (Text("./"),):
        if not isinstance(each, Text):
            found.append(Unknown(each.origin if isinstance(each, Unknown) else "unknown", trail=each.trail))
            continue
        text = re.split(r"[*?\[]", each.text, maxsplit=1)[0] if "glob" in value.name else each.text
        if "glob" not in value.name and not text.endswith("/"):
            text += "/"
        entry = Text(text, False, "entry", trail=each.trail)
        if value.name.endswith("walk"):
            names = Sequence(((Unknown("listed"),),))
            found.append(Sequence(((Sequence(((entry,), (names,), (names,))),),)))
        else:
            found.append(entry)
    return found


def made_items(flow: Flow, value: Any) -> Iterable[Value]:
    """What going through a made thing gives."""
    if value.name in ("builtins.enumerate", "builtins.zip", "builtins.map", "builtins.filter"):
        return (Unknown(),)
    if value.name.startswith(("psutil.", "socket.")):
        return (Made(f"{value.name}.item", value.call, value.scope, trail=value.trail),)
    return (Unknown(),)


def variable(keys: Iterable[Value]) -> Iterable[Value]:
    """The value of a variable of the environment: the home folder is known by its place."""
    for key in keys:
        name = key.text if isinstance(key, Text) else ""
        if name in ("HOME", "USERPROFILE"):
            yield Text("~", trail=key.trail)
        elif name in ("TMPDIR", "TEMP", "TMP"):
            yield Text("/tmp", trail=key.trail)
        else:
            yield Unknown("caller", trail=key.trail)


def _variable(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    found = list(variable(_first(flow, node, scope, depth)))
    return [*found, *_first(flow, node, scope, depth, 1)]


# -- builtins ----------------------------------------------------------------------------------------------------------


def _text(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth) or (Text(""),):
        if isinstance(each, Text):
            yield replace(each, is_path=False)
        elif isinstance(each, Const):
            if isinstance(each.value, bytes) and len(node.args) > 1:
                yield from _decode_text(each.value, flow.constant(node.args[1], scope), each.trail)
            else:
                yield Text(str(each.value), trail=each.trail)
        else:
            yield each if isinstance(each, Unknown) else Unknown()


def _character(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        if isinstance(each, Const) and isinstance(each.value, int) and 0 <= each.value < 0x110000:
            yield Text(chr(each.value), trail=each.trail)
        else:
            yield Unknown("decoded")


def _ordinal(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        known = isinstance(each, Text) and each.whole and len(each.text) == 1
        yield Const(ord(each.text)) if known and isinstance(each, Text) else Unknown()


def _integer(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    radix = flow.constant(node.args[1], scope) if len(node.args) > 1 else 10
    for each in _first(flow, node, scope, depth):
        try:
            if isinstance(each, Text) and each.whole and len(each.text) < 64 and isinstance(radix, int):
                yield Const(int(each.text, radix))
            elif isinstance(each, Const) and isinstance(each.value, int | float):
                yield Const(int(each.value))
            else:
                yield Unknown()
        except _FAILURES:
            yield Unknown()


def _bytes(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        if isinstance(each, Sequence):
            numbers = [item[0].value for item in each.items if len(item) == 1 and isinstance(item[0], Const)]
            whole = [n for n in numbers if isinstance(n, int) and 0 <= n < 256]
            yield Const(bytes(whole)) if len(whole) == len(each.items) else Unknown("decoded")
        elif isinstance(each, Const) and isinstance(each.value, bytes | bytearray):
            yield Const(bytes(each.value), trail=each.trail)
        elif isinstance(each, Text) and each.whole:
            yield Const(each.text.encode(errors="replace"), trail=each.trail)
        else:
            yield Unknown()


def _fromhex(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    return [_decoded(each, lambda d: bytes.fromhex(d.decode())) for each in _first(flow, node, scope, depth)]


def _list(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    backwards = value.name.endswith("reversed")
    for each in _first(flow, node, scope, depth):
        if isinstance(each, Text) and each.whole and not each.is_path and each.origin == "":
            each = Sequence(tuple((Text(letter),) for letter in each.text[:4096]))
        elif isinstance(each, Const) and isinstance(each.value, bytes):
            each = Sequence(tuple((Const(number),) for number in each.value[:4096]))
        if isinstance(each, Sequence):
            yield Sequence(each.items[::-1]) if backwards else each
        else:
            yield each if isinstance(each, Text | Unknown) else Unknown()


def _mapped(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """map(chr, …), map(str, …), map(ord, …) and map(lambda …), one by one."""
    if len(node.args) != 2:
        return (Unknown(),)
    names = {each.name for each in flow.names(node.args[0], scope)}
    found: list[Value] = []
    for each in flow.of(node.args[1], scope, depth):
        if isinstance(each, Const) and isinstance(each.value, bytes):
            each = Sequence(tuple((Const(number),) for number in each.value[:4096]))
        if not isinstance(each, Sequence) or len(names) != 1:
            found.append(Unknown())
            continue
        name = next(iter(names))
        out: list[tuple[Value, ...]] = []
        for item in each.items[:4096]:
            only = item[0] if len(item) == 1 else Unknown()
            if name == "builtins.chr" and isinstance(only, Const) and isinstance(only.value, int):
                out.append((Text(chr(only.value)) if 0 <= only.value < 0x110000 else Unknown("decoded"),))
            elif name == "builtins.str" and isinstance(only, Text | Const):
                out.append((only if isinstance(only, Text) else Text(str(only.value)),))
            else:
                out.append((Unknown(),))
        found.append(Sequence(tuple(out)))
    return found


def _range(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    found = [flow.constant(each, scope) for each in node.args[:3]]
    numbers = [n for n in found if isinstance(n, int) and abs(n) < 1 << 20]
    if numbers and len(numbers) == len(found):
        try:
            every = range(*numbers)
        except ValueError:
            return (Unknown(),)
        if len(every) <= 512:
            return (Sequence(tuple((Const(n),) for n in every)),)
    return (Unknown(),)


def _enumerated(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in _first(flow, node, scope, depth):
        inner = tuple(flow.items_of(each))
        yield Sequence(((Sequence(((Unknown(),), inner)),),))


def _zipped(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    places = []
    for argument in node.args[:6]:
        places.append(tuple(v for each in flow.of(argument, scope, depth) for v in flow.items_of(each))[:12])
    return (Sequence(((Sequence(tuple(places)),),)),)


def _codec(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """codecs.decode, rot13 and hex among others."""
    codec = flow.constant(node.args[1], scope) if len(node.args) > 1 else "utf-8"
    for each in _first(flow, node, scope, depth):
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
        except _FAILURES:
            yield Unknown("decoded", trail=each.trail)


_Work = Callable[["Flow", ast.Call, "Scope", int, "Name"], "Iterable[Value]"]
_WORK: dict[str, _Work] = {
    "pathlib.Path": _new_path, "pathlib.Path.home": _fixed("~", is_path=True), "pathlib.Path.cwd": _folder(True),
    "os.path.join": _os_join, "os.path.expanduser": _same, "os.path.expandvars": _same, "os.path.normpath": _same,
    "os.path.abspath": _absolute, "os.path.realpath": _absolute, "os.path.normcase": _same, "os.fspath": _same,
    "os.fsdecode": _same, "os.path.dirname": _dirname, "os.path.basename": _basename, "os.getcwd": _folder(False),
    "os.getcwdb": _folder(False), "tempfile.gettempdir": _fixed("/tmp"),
    "tempfile.mkdtemp": _fixed("/tmp/", whole=False), "tempfile.mktemp": _fixed("/tmp/", whole=False),
    "tempfile.TemporaryDirectory": _fixed("/tmp/", whole=False), "glob.glob": _listing, "glob.iglob": _listing,
    "os.scandir": _listing, "os.walk": _listing, "os.fwalk": _listing,
    "os.getenv": _variable, "os.environ.get": _variable, "os.environ.pop": _variable,
    "builtins.str": _text, "builtins.chr": _character, "builtins.ord": _ordinal, "builtins.int": _integer,
    "builtins.bytes": _bytes, "builtins.bytearray": _bytes, "builtins.bytes.fromhex": _fromhex,
    "builtins.bytearray.fromhex": _fromhex, "builtins.list": _list, "builtins.tuple": _list, "builtins.set": _list,
    "builtins.reversed": _list, "builtins.sorted": _list, "builtins.iter": _list, "builtins.map": _mapped,
    "builtins.range": _range, "builtins.enumerate": _enumerated, "builtins.zip": _zipped, "codecs.decode": _codec,
    "builtins.open": lambda f, n, s, d, v: _opened(f, n, s, d, v), "shlex.split": lambda f, n, s, d, v: _split(f, n,
    s, d, v),
    "shlex.quote": _same, "urllib.parse.unquote": lambda f, n, s, d, v: _unquoted(f, n, s, d, v),
    "textwrap.dedent": lambda f, n, s, d, v: _dedented(f, n, s, d, v), "tqdm.tqdm": _same, "tqdm": _same,
    "copy.copy": _same, "copy.deepcopy": _same, "contextlib.closing": _same,
}  # fmt: skip


def _dedented(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    import textwrap

    for each in _first(flow, node, scope, depth):
        yield replace(each, text=textwrap.dedent(each.text)) if isinstance(each, Text) else Unknown()


def _opened(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    return (Made("builtins.open", node, scope),)


def _split(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """shlex.split of a text that is known as far as its words are."""
    import shlex

    for each in _first(flow, node, scope, depth):
        if not isinstance(each, Text):
            yield each if isinstance(each, Unknown) else Unknown()
            continue
        try:
            words = shlex.split(each.text[:LIMIT])
        except ValueError:
            words = each.text.split()
        items: list[tuple[Value, ...]] = [(Text(word, trail=each.trail),) for word in words[:256]]
        if not each.whole:
            items.append((Unknown(each.origin),))
        yield Sequence(tuple(items))


def _unquoted(flow: Flow, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    from urllib.parse import unquote

    for each in _first(flow, node, scope, depth):
        yield (
            Text(unquote(each.text), each.whole, each.origin, trail=each.trail) if isinstance(each, Text) else Unknown()
        )
