"""Code that is made: texts that are run, modules by name, data that run code when they are read."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from dataclasses import replace

from roadmap_cli.agent.scan.capabilities import VERBS
from roadmap_cli.agent.scan.finding import Finding
from roadmap_cli.agent.scan.judge import Judge, through
from roadmap_cli.agent.scan.program import Program, Scope
from roadmap_cli.agent.scan.python.running import NESTED
from roadmap_cli.agent.scan.python.site import Site, as_text
from roadmap_cli.agent.scan.values import Function, Made, Text, Unknown, Value


def code(site: Site, values: Iterable[Value], verb: str, level: int = 0) -> None:
    """exec, eval, compile: a known text is scanned itself; anything else is unknown."""
    words = VERBS[verb].words
    if verb == "compile" and _only_parses(site.call):
        return
    for value in values:
        value = as_text(value)
        if isinstance(value, Function):
            continue  # timeit of a function
        if (
            isinstance(value, Made)
            and value.name in ("builtins.compile", "ast.parse", "textwrap.indent")
            and value.call.args
            and level < 4
        ):
            inner = site.flow.of(value.call.args[0], value.scope) or (Unknown(),)
            code(site, inner, verb, level + 1)
            continue
        own = _own_file(site, value)
        if own is not None:
            site.judge.add("unknown", "low", f"{site.spot.name} {words} of the project's own {own}", site.spot,
                           asks=False, target=own, scope="project", access=verb)  # fmt: skip
            continue
        if isinstance(value, Text) and value.whole and site.depth < NESTED:
            _nested(site, value, verb)
            continue
        origin = value.origin if isinstance(value, Text | Unknown) else "unknown"
        chooser = {"caller": "the caller gives", "input": "a person types", "decoded": "is decoded when it runs"}
        asks = verb == "code" or origin == "decoded"  # what is only compiled does nothing yet
        site.judge.add("unknown", "high" if asks else "low",
                       f"{site.spot.name} {words} that {chooser.get(origin, 'is made when it runs')}", site.spot,
                       asks=asks, access=verb, trail=value.trail)  # fmt: skip


def _only_parses(call: ast.Call) -> bool:
    flags = call.args[3] if len(call.args) > 3 else next((w.value for w in call.keywords if w.arg == "flags"), None)
    return flags is not None and "ONLY_AST" in ast.unparse(flags)


def _own_file(site: Site, value: Value) -> str | None:
    """The project's own file that a text was read from, if it was."""
    if not isinstance(value, Made):
        return None
    name = value.name
    base: ast.expr | None = None
    if name.endswith((".read", ".read_text", ".read_bytes")) and isinstance(value.call.func, ast.Attribute):
        base = value.call.func.value
    if base is None:
        return None
    for inner in site.flow.of(base, value.scope):
        if isinstance(inner, Text) and inner.is_path:
            found: list[Value] = [inner]
        elif isinstance(inner, Made) and inner.call.args:
            found = list(site.flow.of(inner.call.args[0], inner.scope))
        else:
            return None
        for path in found:
            if not isinstance(path, Text) or not path.whole or site.judge.ground.scope(path.text) != "project":
                return None
        return found[0].text if found and isinstance(found[0], Text) else None
    return None


def _nested(site: Site, value: Text, verb: str) -> None:
    found: list[Finding] = []

    def work(inner: Judge) -> None:
        text = value.text.strip()  # eval does the same
        if _fails(text):
            return
        inner.found += inner.python(text, inner.ground, depth=site.depth + 1)
        found.extend(inner.found)

    inside = through(site.judge, "the code", work, replace(site.spot, trail=(*site.spot.trail, *value.trail)))
    site.judge.found += inside
    if not any(each.asks for each in found):
        site.judge.add("unknown", "low", f"{site.spot.name} {VERBS[verb].words} that stands in the file", site.spot,
                       asks=False, access=verb, trail=value.trail)  # fmt: skip


def _fails(text: str) -> bool:
    """Whether a text is no Python at all: running it raises SyntaxError and does nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError:
        return True
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return False  # too much for us, not for another interpreter
    return False


def module(site: Site, values: Iterable[Value]) -> None:
    """A module is loaded by a name: one that is made when it runs is unknown."""
    for value in values:
        if isinstance(value, Text) and value.whole:
            continue
        prefix = value.text if isinstance(value, Text) else ""
        if prefix.startswith(".") or "." in prefix:
            site.judge.add("unknown", "low", f"{site.spot.name} loads a module below {prefix}", site.spot, asks=False,
                           access="import", target=prefix, trail=value.trail)  # fmt: skip
            continue
        origin = value.origin if isinstance(value, Text | Unknown) else "unknown"
        site.judge.add("unknown", "high" if origin == "decoded" else "medium",
                       f"{site.spot.name} loads a module chosen when it runs", site.spot, asks=True,
                       confidence="medium", access="import", trail=value.trail)  # fmt: skip


def unpickle(site: Site) -> None:
    """Data that run code when they are read, unless this file made them itself a moment before."""
    words = site.keywords
    if site.value.name == "torch.load" and site.flow.constant(words.get("weights_only"), site.scope) is True:
        return
    given = site.flow.of(site.call.args[0], site.scope) if site.call.args else ()
    own = bool(given) and all(isinstance(v, Made) and v.name.endswith((".dumps", ".dump")) for v in given)
    tampered = any(
        name.startswith("__reduce") or name == "__setstate__"
        for each in _classes(site.flow.program)
        for name in each.bound
    )
    if own and not tampered:
        site.judge.add("unknown", "low", f"{site.spot.name} reads back what the file itself wrote", site.spot,
                       asks=False, access="unpickle")  # fmt: skip
        return
    site.judge.plain("unpickle", site.spot)


def _classes(program: Program) -> list[Scope]:
    found: list[Scope] = []
    seen: set[int] = set()
    for _, scope in program.calls:
        here: Scope | None = scope
        while here is not None and id(here) not in seen:
            seen.add(id(here))
            if here.kind == "class":
                found.append(here)
            found += [b.scope for several in here.bound.values() for b in several if b.how == "class" and b.scope]
            here = here.outer
    return found
