"""Calls that need a closer look than the table gives: what is opened how, what a text is read as."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable

from roadmap_cli.agent.scan import capabilities
from roadmap_cli.agent.scan.capabilities import VERBS, Use
from roadmap_cli.agent.scan.names import GRAVE_MODULES
from roadmap_cli.agent.scan.python.code import unpickle
from roadmap_cli.agent.scan.python.running import subprocess
from roadmap_cli.agent.scan.python.site import Site, as_text
from roadmap_cli.agent.scan.values import Name, Text, Unknown, Value, flat


def _opened(site: Site, values: Iterable[Value], mode: str) -> None:
    writes = any(letter in mode for letter in "wax+")
    several = flat(values)
    if writes:
        site.judge.paths("write", several, site.spot)
    if not writes or "+" in mode:
        site.judge.paths("read", several, site.spot)


def _open(site: Site) -> None:
    mode = site.mode(1)
    values = site.argument(Use("read", 0, "file"))
    if values is None:
        values = site.argument(Use("read", 0, "filename"))
    _opened(site, values or (Unknown(),), mode)


def _path_open(site: Site) -> None:
    base = site.value.base if site.value.base is not None else Unknown()
    _opened(site, [base], site.mode(0))


def _os_open(site: Site) -> None:
    flags = ast.unparse(site.call.args[1]) if len(site.call.args) > 1 else ""
    writes = any(word in flags for word in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"))
    values = site.about(0, "path")
    site.judge.paths("write" if writes else "read", flat(values), site.spot)


def _archive(site: Site) -> None:
    _opened(site, site.about(0, "name"), site.mode(1))


def _database(site: Site) -> None:
    values = site.about(0, "database")
    site.judge.paths(
        "write", [v for v in flat(values) if not (isinstance(v, Text) and v.text.startswith(":memory:"))], site.spot
    )


def _fetch(site: Site) -> None:
    values = site.about(0, "filepath_or_buffer")
    site.judge.paths("read", flat(values), site.spot)


def _numpy(site: Site) -> None:
    words = site.keywords
    if site.flow.constant(words.get("allow_pickle"), site.scope) is True:
        site.judge.plain("unpickle", site.spot)
    site.judge.paths("read", flat(site.about(0, "file")), site.spot)


def _browser(site: Site) -> None:
    site.judge.hosts("connect", site.about(0, "url"), site.spot)


def _socket(site: Site) -> None:
    family = ast.unparse(site.call.args[0]) if site.call.args else ""
    if "AF_PACKET" in family or (len(site.call.args) > 1 and "SOCK_RAW" in ast.unparse(site.call.args[1])):
        site.judge.plain("sniff", site.spot)
    else:
        site.judge.plain("socket", site.spot)


def _template(site: Site) -> None:
    """A template is code: one that a person types, or that reaches into objects, asks."""
    for each in site.about(0, "source"):
        reaches = isinstance(each, Text) and ("__" in each.text or ("mako" in site.value.name and "<%" in each.text))
        typed = isinstance(each, Text | Unknown) and each.origin in ("input", "decoded")
        if reaches or typed:
            what = "reaches into objects" if reaches else "is made when it runs"
            site.judge.add("unknown", "high", f"{site.spot.name} fills in a template that {what}", site.spot, asks=True,
                           access="code", trail=each.trail)  # fmt: skip


def _xml(site: Site) -> None:
    """XML with an entity of its own reads what that names."""
    values = flat(site.about(0, "source"))
    for each in map(as_text, values):
        entity = re.search(r"<!ENTITY[^>]*?SYSTEM\s*[\"']([^\"']+)", each.text) if isinstance(each, Text) else None
        if entity:
            site.judge.paths("read", [Text(entity[1], trail=each.trail)], site.spot)
        elif site.value.name.endswith(".parse"):
            site.judge.paths("read", [each], site.spot)


def _yaml(site: Site) -> None:
    loader = (
        site.call.args[1]
        if len(site.call.args) > 1
        else next((w.value for w in site.call.keywords if w.arg == "Loader"), None)
    )
    name = ast.unparse(loader) if loader is not None else ""
    if "Safe" not in name and "Base" not in name:
        site.judge.plain("unpickle", site.spot)


def _nothing(site: Site) -> None:
    """Harmless, though its name looks like another: setting an attribute is no use of anything."""


def _getattr(site: Site) -> None:
    if len(site.call.args) < 2:
        return
    for base in site.flow.of(site.call.args[0], site.scope):
        if not isinstance(base, Name) or base.name not in GRAVE_MODULES:
            continue
        for key in site.flow.of(site.call.args[1], site.scope) or (Unknown(),):
            if not isinstance(key, Text) or not key.whole:  # if it is called, that asks
                hidden = getattr(key, "origin", "") == "decoded"
                site.judge.add("unknown", "high" if hidden else "low",
                               f"takes something of {base.name} by a name made when it runs", site.spot, asks=hidden,
                               access="getattr", trail=key.trail)  # fmt: skip
            elif capabilities.grave(f"{base.name}.{key.text}"):
                use = capabilities.uses(f"{base.name}.{key.text}")
                verb = VERBS[use[0].verb] if use else VERBS["run"]
                site.judge.add(verb.capability, verb.severity, f"takes {base.name}.{key.text} by its name", site.spot,
                               asks=True, access="getattr", trail=key.trail)  # fmt: skip


#: What looks at a call, by the word that `capabilities.SPECIAL` has for it.
LOOKS: dict[str, Callable[[Site], None]] = {
    "open": _open,
    "path_open": _path_open,
    "os_open": _os_open,
    "archive": _archive,
    "database": _database,
    "fetch": _fetch,
    "numpy": _numpy,
    "browser": _browser,
    "socket": _socket,
    "template": _template,
    "xml": _xml,
    "yaml": _yaml,
    "nothing": _nothing,
    "setattr": _nothing,
    "getattr": _getattr,
    "subprocess": subprocess,
    "unpickle": unpickle,
}
