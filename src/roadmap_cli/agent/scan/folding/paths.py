"""Paths as os.path and pathlib make them, folders that are known by their place, and what lists one."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable
from dataclasses import replace

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.folding.work import Work, first, given_back
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Const, Made, Name, Sequence, Text, Unknown, Value

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


def path_join(left: Value, right: Value) -> Value:
    """A path put behind another: an absolute one replaces it."""
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


def path_method(flow: Evaluation, base: Text, method: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    """What a method of pathlib.Path gives."""
    if method == "joinpath":
        found: list[Value] = [base]
        for argument in node.args[:8]:
            found = [path_join(left, right) for left in found for right in flow.of(argument, scope, depth)][:12]
        return found
    if method in ("with_name", "with_stem"):
        parent = replace(base, text=posixpath.dirname(base.text))
        return [path_join(parent, each) for each in first(flow, node, scope, depth)]
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
                for each in first(flow, node, scope, depth)]  # fmt: skip
    return (Made(f"pathlib.Path.{method}", node, scope, trail=base.trail),)


def _new_path(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
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
        found = [path_join(left, right) for left in found for right in flow.of(argument, scope, depth)][:12]
    return found


def _os_join(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    found: Iterable[Value] = first(flow, node, scope, depth)
    for argument in node.args[1:12]:
        found = [path_join(left, right) for left in found for right in flow.of(argument, scope, depth)][:12]
    return found


def _absolute(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        if (
            isinstance(each, Text)
            and flow.folder
            and not each.text.startswith(("/", "~"))
            and (each.whole or each.text)
        ):
            yield replace(each, text=posixpath.normpath(posixpath.join(flow.folder, each.text)))
        else:
            yield each


def _dirname(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        if isinstance(each, Text):
            cut = each.text[:-1] if not each.whole and each.text.endswith("/") else posixpath.dirname(each.text)
            yield replace(each, text=cut, is_path=False)
        else:
            yield Unknown(each.origin if isinstance(each, Unknown) else "unknown")


def _basename(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        if isinstance(each, Text) and each.whole:
            yield replace(each, text=posixpath.basename(each.text), is_path=False)
        else:
            yield Unknown()


def _fixed(text: str, *, whole: bool = True, is_path: bool = False, origin: str = "unknown") -> Work:
    def give(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
        return (Text(text, whole, "" if whole else origin, is_path),)

    return give


def _folder(is_path: bool) -> Work:
    def give(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
        return (Text(flow.folder or ".", True, "", is_path),)

    return give


def _listing(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
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


def _environment_variable(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    found = list(variable(first(flow, node, scope, depth)))
    return [*found, *first(flow, node, scope, depth, 1)]


_TEMPORARY = _fixed("/tmp/", whole=False)
WORK: dict[str, Work] = {
    "pathlib.Path": _new_path, "pathlib.Path.home": _fixed("~", is_path=True), "pathlib.Path.cwd": _folder(True),
    "os.path.join": _os_join, "os.path.expanduser": given_back, "os.path.expandvars": given_back,
    "os.path.normpath": given_back, "os.path.normcase": given_back, "os.fspath": given_back, "os.fsdecode": given_back,
    "os.path.abspath": _absolute, "os.path.realpath": _absolute, "os.path.dirname": _dirname,
    "os.path.basename": _basename, "os.getcwd": _folder(False), "os.getcwdb": _folder(False),
    "tempfile.gettempdir": _fixed("/tmp"), "tempfile.mkdtemp": _TEMPORARY, "tempfile.mktemp": _TEMPORARY,
    "tempfile.TemporaryDirectory": _TEMPORARY, "glob.glob": _listing, "glob.iglob": _listing, "os.scandir": _listing,
    "os.walk": _listing, "os.fwalk": _listing, "os.getenv": _environment_variable,
    "os.environ.get": _environment_variable, "os.environ.pop": _environment_variable,
}  # fmt: skip
