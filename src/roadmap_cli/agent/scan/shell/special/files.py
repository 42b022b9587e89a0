"""Programs about files, of which only some operands are files: grep, find, rm, cp, dd, tar."""

from __future__ import annotations

import re
from dataclasses import replace

from roadmap_cli.agent.scan.shell.call import Call
from roadmap_cli.agent.scan.shell.operands import below, globbed, text_of
from roadmap_cli.agent.scan.values import Text, Unknown, Value


def pattern_first(call: Call) -> None:
    """grep, sed, awk, jq: the first operand is a pattern or a program, the others are files."""
    files = call.operands.words
    if call.name not in ("head", "tail") and not any(o in call.operands.values for o in ("e", "f")):
        script = files[0] if files else None
        files = files[1:]
        if call.name in ("awk", "gawk", "mawk") and isinstance(script,
            Text) and re.search(r"system\s*\(|\|\s*getline|\|&?\s*\"",
                                                                                  script.text):  # fmt: skip
            call.judge.program(None, call.spot, origin="unknown", verb="shell")
    in_place = call.name == "sed" and any(o.startswith("-i") or o == "--in-place" for o in call.operands.options)
    if files:
        call.judge.paths("write" if in_place else "read", files, call.spot)


def find(call: Call) -> None:
    """Where it looks, and what it does to what it finds."""
    texts = [v.text if isinstance(v, Text) else "" for v in call.words[1:]]
    stop = next((n for n, t in enumerate(texts) if t.startswith(("-", "(", "!"))), len(texts))
    places: list[Value] = list(call.words[1 : stop + 1]) or [Text(".")]
    if call.name == "locate":
        places = [Text("/", False, "unknown")]
    call.judge.paths("list", places, call.spot)
    if "-delete" in texts:
        call.judge.paths("delete", [below(v) for v in places], call.spot)
    for flag in ("-exec", "-execdir", "-ok", "-okdir"):
        if flag in texts:
            at = texts.index(flag) + 2
            end = next(
                (n for n in range(at, len(call.words)) if text_of(call.words[n]) in (";", "+", "\\;")), len(call.words)
            )
            inner = [v for each in call.words[at:end] for v in (
                [below(place) for place in places] if text_of(each) == "{}" else [each])]  # fmt: skip
            if inner:
                call.again(inner)


def remove(call: Call) -> None:
    """Files, or folders with all in them."""
    recursive = any(re.match(r"-[a-zA-Z]*[rR]|--recursive", o) for o in call.operands.options)
    targets = [globbed(v) for v in call.operands.words]
    if targets or call.command is None or not call.command.piped:
        call.judge.paths("clear" if recursive else "delete", targets or [Unknown()], call.spot)


def copy(call: Call) -> None:
    """cp, mv, ln, install: sources, then where to."""
    files = call.operands.words
    into = call.operands.values.get("t")
    sources, target = (files, into) if into else (files[:-1], files[-1:])
    if sources:
        call.judge.paths(
            {"mv": "move", "rename": "move", "ln": "link"}.get(call.name, "read"),
            [globbed(v) for v in sources],
            call.spot,
        )
    if target:
        call.judge.paths("write", target, call.spot)


def dd(call: Call) -> None:
    """From a file or a device to another."""
    for value in call.words[1:]:
        text = text_of(value)
        if text.startswith("if=") and isinstance(value, Text):
            call.judge.paths("read", [replace(value, text=text[3:])], call.spot)
        elif text.startswith("of=") and isinstance(value, Text):
            if re.match(r"of=/dev/(sd|nvme|hd|vd|xvd|mmcblk|mapper|disk|mem|kmem|dm-)", text):
                call.judge.add("system_control", "high", f"dd overwrites the device {text[3:]}", call.spot, asks=True,
                               target=text[3:], access="write")  # fmt: skip
            else:
                call.judge.paths("write", [replace(value, text=text[3:])], call.spot)


def archive(call: Call) -> None:
    """Files outside the project that go into an archive, or come out of one."""
    outside = [v for v in call.operands.words if text_of(v).startswith(("/", "~", ".."))]
    flags = "".join(o.lstrip("-") for o in call.operands.options if not o.startswith("--"))
    first = text_of(call.words[1]) if len(call.words) > 1 else ""
    if call.name == "tar" and first and not first.startswith("-"):
        flags += first
    if call.name == "tar" and any(o.startswith(("--to-command", "--checkpoint-action", "--use-compress-program", "-I"))
                             for o in call.operands.options):  # fmt: skip
        call.judge.program(None, call.spot, origin="unknown", verb="shell")
    writes = call.name in ("unzip", "zip", "gzip", "bzip2", "xz") or "x" in flags
    for value in outside:
        call.judge.paths("write" if writes else "read", [value], call.spot)
