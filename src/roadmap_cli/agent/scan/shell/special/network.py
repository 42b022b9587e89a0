"""Programs that talk to other machines: hosts, and the files that go or come."""

from __future__ import annotations

import re
from dataclasses import replace

from roadmap_cli.agent.scan.shell import programs
from roadmap_cli.agent.scan.shell.call import Call
from roadmap_cli.agent.scan.shell.operands import shown, text_of, url_of
from roadmap_cli.agent.scan.values import Text, Unknown

#: Options of curl and wget with data to send, which may come from a file behind an @; and with a file itself.
_SENT = ("d", "F", "data", "data-binary", "data-raw", "form")
_SENT_FILES = ("T", "upload-file", "post-file", "body-file", "K")


def transfer(call: Call) -> None:
    """curl, wget: hosts, and the files that go or come."""
    targets = [v for v in call.operands.words if not isinstance(v, Text) or v.text]
    call.judge.hosts("connect", [url_of(v) for v in targets] or [Unknown()], call.spot)
    for option in _SENT:
        for value in call.operands.values.get(option, ()):
            at = value.text.find("@") if isinstance(value, Text) else -1
            if isinstance(value, Text) and at >= 0:
                call.judge.paths("read", [replace(value, text=value.text[at + 1 :])], call.spot)
    for option in _SENT_FILES:
        files = [value for value in call.operands.values.get(option, ()) if isinstance(value, Text)]
        if files:
            call.judge.paths("read", files, call.spot)
    for option in ("o", "O", "output", "output-document", "P", "directory-prefix"):
        if not (call.name == "curl" and option == "O"):
            values = [v for v in call.operands.values.get(option, ()) if text_of(v) not in ("-", "")]
            if values:
                call.judge.paths("write", values, call.spot)


def talk(call: Call) -> None:
    """nc, ssh, socat, ftp: a host, and perhaps a program at one end."""
    texts = [text_of(v) for v in call.words[1:]]
    flags = "".join(t[1:] for t in texts if re.fullmatch(r"-[A-Za-z]+", t))
    if call.name in ("nc", "ncat", "netcat") and ("l" in flags or "--listen" in texts):
        call.judge.hosts("listen", [Text("0.0.0.0")], call.spot)
    elif call.name == "socat":
        where = [t for t in texts if re.match(r"(?i)(tcp|udp|openssl|exec|system|unix)", t)]
        for text in where:
            found = re.match(r"(?i)(?:tcp|udp|openssl)[46]?(?:-connect)?:([^,]+)", text)
            if found:
                call.judge.hosts("connect", [Text(found[1])], call.spot)
        if not where or "listen" in " ".join(where).lower():
            call.judge.hosts("listen", [Text("0.0.0.0")], call.spot)
    else:
        host = call.operands.words[0] if call.operands.words else Unknown()
        bare = replace(host, text=host.text.rpartition("@")[2]) if isinstance(host, Text) else host
        call.judge.hosts("connect", [bare], call.spot)
    if (call.name in ("nc", "ncat", "netcat") and ("e" in flags or "c" in flags)) or re.search(
        r"(?i)\b(exec|system):", " ".join(texts)
    ):
        call.judge.add("process", "high", f"{shown(call.words)} hands a program to the network", call.spot, asks=True,
                       access="shell")  # fmt: skip


def remote_copy(call: Call) -> None:
    """Files that go to another machine or come from one, or between two folders here."""
    remote = [v for v in call.operands.words if re.match(r"(?:[^/@\s]+@)?[^/:\s]+:", text_of(v)) or "://" in text_of(v)]
    for value in remote:
        text = text_of(value)
        call.judge.hosts(
            "connect", [value if "://" in text else Text(text.partition(":")[0].rpartition("@")[2])], call.spot
        )
    local = [v for v in call.operands.words if v not in remote]
    if call.name == "scp" and not remote:
        call.judge.hosts("connect", [Unknown()], call.spot)
    if remote:
        call.judge.paths("read", [v for v in local if text_of(v)] or [Text(".")], call.spot)
    elif len(local) > 1:
        call.judge.paths("read", local[:-1], call.spot)
        call.judge.paths("write", local[-1:], call.spot)
        if "--delete" in call.operands.options:
            call.judge.paths("clear", local[-1:], call.spot)


def packages(call: Call) -> None:
    """Version control and package managers: what only looks, what fetches."""
    texts = [text_of(v) for v in call.words[1:]]
    harmless = programs.HARMLESS_WORDS.get(
        {"pip2": "pip", "pip3": "pip", "apt-get": "apt"}.get(call.name, call.name), set()
    )
    word = next((t for t in texts if t and (not t.startswith("-") or t in harmless)), "")
    hook = call.name == "git" and any(
        re.match(r"(core\.(hooksPath|fsmonitor|sshCommand|pager|editor)|alias\..*)=", t) for t in texts
    )
    if word in harmless and not hook:
        call.builds()
        return
    if not texts or texts == ["--version"]:
        call.builds()
        return
    urls = [url_of(v) for v in call.words[1:] if "://" in text_of(v) or "@" in text_of(v)]
    call.judge.hosts("connect", urls or [Unknown()], call.whole)
    if call.name in programs.INSTALLERS:
        call.judge.program(call.name, call.spot, line=shown(call.words))
