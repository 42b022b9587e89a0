"""Programs that are run: a line for a shell, or words, each as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from roadmap_cli.agent.scan import shell
from roadmap_cli.agent.scan.judge import Judge, through
from roadmap_cli.agent.scan.python.site import Site, as_text
from roadmap_cli.agent.scan.values import Const, Sequence, Text, Unknown, Value, flat

NESTED = 4


def shell_line(site: Site, values: Iterable[Value]) -> None:
    """A text that a shell runs."""
    for value in flat(values):
        if isinstance(value, Const):
            value = as_text(value)
        if isinstance(value, Text) and value.text.strip():
            first = value.text.split()[0]
            site.judge.program(first, site.spot, trail=value.trail, verb="shell",
                               line=value.text.strip() if value.whole else f"{value.text.strip()}…")  # fmt: skip
            shell.run_text(site.judge, value, site.spot, site.depth)
        else:
            origin = value.origin if isinstance(value, Text | Unknown) else "unknown"
            site.judge.program(None, site.spot, trail=value.trail, origin=origin, verb="shell")


def argv(site: Site, values: Iterable[Value], verb: str) -> None:
    """A program and its arguments: a list of words, or the program alone."""
    told = False
    for value in values:
        if isinstance(value, Sequence) and value.items:
            words = [[as_text(v) for v in item] for item in value.items]
        elif isinstance(value, Text) and value.text:
            words = [[value]]
            position = next((n for n, a in enumerate(site.call.args) if value in site.flow.of(a, site.scope)), 0)
            words += [[as_text(v) for v in site.flow.of(a, site.scope)] for a in site.call.args[position + 1 :]]
            if len(value.text.split()) > 1 and value.whole:
                words = [[Text(word)] for word in value.text.split()]
        elif isinstance(value, Const):
            continue
        else:
            told = True
            origin = value.origin if isinstance(value, Unknown) else "unknown"
            site.judge.program(None, site.spot, trail=value.trail, origin=origin)
            continue
        told = True
        first = words[0][0] if words[0] else Unknown()
        line = " ".join(w[0].text if w and isinstance(w[0], Text) and w[0].whole else "…" for w in words)
        if isinstance(first, Text) and first.whole:
            site.judge.program(first.text, site.spot, trail=(*value.trail, *first.trail), verb=verb, line=line)
        else:
            site.judge.program(
                None, site.spot, trail=value.trail, origin=getattr(first, "origin", "unknown"), verb=verb
            )
        if isinstance(first, Text) and first.whole and site.depth < NESTED:
            at = replace(site.spot, trail=(*site.spot.trail, *value.trail, *first.trail))

            def work(inner: Judge, words: list[list[Value]] = words) -> None:
                shell.run_words(inner, words, replace(site.spot, name=site.spot.name), site.depth + 1)

            site.judge.found += [
                f for f in through(site.judge, "the command", work, at) if f.capability not in ("process",)
            ]
    if not told:
        site.judge.program(None, site.spot)


def subprocess(site: Site) -> None:
    """subprocess.run and its like: a program with arguments, or a line for a shell."""
    words = site.keywords
    wants_shell = words.get("shell")
    known = site.flow.constant(wants_shell, site.scope) if wants_shell is not None else False
    values = site.about(0, "args")
    if known is False or (known is None and wants_shell is None):
        argv(site, values, "run")
        return
    known_words = [v for each in values if isinstance(each, Sequence) and each.items for v in each.items[0]]
    shell_line(site, [each for each in values if not isinstance(each, Sequence)] + known_words)
