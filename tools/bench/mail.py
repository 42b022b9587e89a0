"""Mails a second, CPU and memory: our reader against mailbox + mail-parser, on one mailbox in one run.

The mailbox is made here: real-shaped mails (plain, HTML, nested, encoded, with files) from a seed, so that every run
reads the same bytes. Each reader is a process of its own. One JSON record for each figure; the peer only if it is
installed (`pip install mail-parser`). usage: tools/bench/mail.py [GIB]
"""

from __future__ import annotations

import base64
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from helping import tell_help

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "meeting",
    "report",
    "please",
    "find",
    "attached",
    "thanks",
    "regards",
    "Straße",
    "über",
    "проект",
    "会议",
    "tomorrow",
    "invoice",
]
MAILS = 3_000


def text(random_: random.Random, count: int) -> str:
    words = [random_.choice(WORDS) for _ in range(count)]
    return "\n".join(" ".join(words[at : at + 12]) for at in range(0, count, 12))


def mail(random_: random.Random, number: int) -> bytes:
    body = text(random_, random_.choice((20, 80, 200, 600)))
    head = (
        f"Return-Path: <a{number % 97}@x.org>\nReceived: from a by b; Mon, 5 Jan 2026 10:{number % 60:02}:00 +0100\n"
        f'From: =?utf-8?Q?J=C3=B6rg?= <a{number % 97}@x.org>\nTo: me@y.org, "B, C" <c@y.org>\n'
        f"Subject: =?utf-8?B?{base64.b64encode(text(random_, 5).encode()).decode()}?=\n"
        f"Date: Mon, 5 Jan 2026 10:{number % 60:02}:00 +0100\nMessage-ID: <{number}@x.org>\n"
        f"References: <{number // 5 * 5}@x.org>\nMIME-Version: 1.0\n"
    ).encode()
    kind = number % 10
    if kind < 4:
        quoted = "\n".join(f"> {line}" for line in body.split("\n"))
        return head + b"Content-Type: text/plain; charset=utf-8\n\n" + f"{body}\n\nJoe wrote:\n{quoted}\n".encode()
    page = f"<html><style>p {{}}</style><body><p>{body}</p><blockquote>{body}</blockquote></body></html>"
    parts = (
        f"--i\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        f"{base64.encodebytes(body.encode()).decode()}\n--i\nContent-Type: text/html; charset=utf-8\n\n{page}\n--i--\n"
    )
    if kind < 9:
        return head + b"Content-Type: multipart/alternative; boundary=i\n\n" + parts.encode()
    file = base64.encodebytes(random_.randbytes(random_.choice((20_000, 100_000, 400_000))))
    return (
        head + b"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n"
        + parts.encode() + b'--o\nContent-Type: application/pdf; name="a.pdf"\nContent-Disposition: attachment\n'
        b"Content-Transfer-Encoding: base64\n\n" + file + b"--o--\n"
    )  # fmt: skip


def make(path: Path, *, size: int = 0, mails: int = 0) -> int:
    """A mailbox of so many bytes, or mails; the number of its mails."""
    random_ = random.Random(7)
    count = 0
    with path.open("wb") as out:
        while out.tell() < size or count < mails:
            out.write(b"From a@x.org Mon Jan  5 10:00:00 2026\n" + mail(random_, count) + b"\n")
            count += 1
    return count


def ours(path: str) -> int:
    from datetime import UTC, datetime, timedelta

    from roadmap_cli.life.ingest import reading
    from roadmap_cli.life.opening.settings import Settings, Window

    now = datetime(2026, 11, 23, tzinfo=UTC)
    settings = Settings("UTC", Window(now - timedelta(days=60), now + timedelta(days=60)))
    with reading.opened(path, 0) as opened:
        return sum(isinstance(item, dict) for item in reading.items(opened, reading.source_of(opened), settings))


def peer(path: str) -> int:
    import mailbox

    import mailparser

    count = 0
    for each in mailbox.mbox(path, create=False):
        found = mailparser.parse_from_bytes(each.as_bytes())
        _ = found.from_, found.to, found.subject, found.date, found.body, found.attachments
        count += 1
    return count


def measured(who: str, path: Path) -> dict[str, float] | None:
    """What a process of its own says of one reader; None if that is not installed."""
    done = subprocess.run([sys.executable, __file__, who, str(path)], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": name, "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


def main() -> None:
    if len(sys.argv) == 3:
        began, cpu = time.monotonic(), time.process_time()
        count = {"ours": ours, "peer": peer}[sys.argv[1]](sys.argv[2])
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"mails": count, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "peak_mib": round(peak)}))
        return
    size = int(float(sys.argv[1]) * 1024**3) if len(sys.argv) == 2 else 1024**3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inbox"
        make(path, mails=MAILS)
        for who in ("ours", "peer"):
            found = measured(who, path)
            if found is None:
                print("mail-parser is not installed: no peer", file=sys.stderr)
                continue
            figure(f"mail_{who}", found["mails"] / max(found["cpu_s"], 0.01), "mails/cpu-s", **found)
        make(path, size=size)
        found = measured("ours", path)
        if found:
            figure("mail_peak", found["peak_mib"], "MiB", file_mib=size >> 20, **found)


if __name__ == "__main__":
    tell_help(__doc__)
    main()
