"""What a mailbox and a statement told is gone with all that was made of it, by the real commands; the rest is as it was."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
#: Beginnings of words as the index of words has them, too: what is cut off by its stems does not matter.
GONE = ("zqlighth", "zqmarlow", "zqferry", "zqbaker", "zqtrattor")
STAYS = ("kwchoir", "kwrehear")


def mailbox() -> str:
    mails = []
    for number in range(40):
        day = NOW - timedelta(days=60 - number)
        text = f"I live in Zqmarlow now. The zqlighthouse keys, number {number}, lie in the zqferry office."
        mails.append(
            f"From a@zqmarlow.example {day:%a %b %d %H:%M:%S %Y}\nFrom: Ada Zqmarlow <a@zqmarlow.example>\nTo: me@example.org\n"
            f"Subject: zqlighthouse {number}\nDate: {day:%a, %d %b %Y %H:%M:%S} +0000\nMessage-ID: <{number}@zqmarlow.example>\n\n{text}\n"
        )
    return "\n".join(mails)


def statement() -> str:
    rows, day = ["Date,Payee,Description,Amount,Currency"], date(2025, 12, 1)
    while day < NOW.date():
        rows += [f"{day},Zqbakery,zqtrattoria order,-{day.day}.50,EUR"] if day.weekday() in (1, 4) else []
        rows += [f"{day},Employer,pay,2000.00,EUR"] if day.day == 27 else []
        day += timedelta(days=1)
    return "\n".join([*rows, ""])


def calendar() -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//EN"]
    for number in range(120):
        day = NOW.date() - timedelta(days=2 * number - 20)
        lines += ["BEGIN:VEVENT", f"UID:k{number}@x", "DTSTAMP:20261101T000000Z", f"DTSTART:{day:%Y%m%d}T100000Z",
                  f"DTEND:{day:%Y%m%d}T113000Z", f"SUMMARY:Kwchoir kwrehearsal {number}", "ATTENDEE:mailto:b@x.org",
                  "ORGANIZER:mailto:me@example.org", "END:VEVENT"]  # fmt: skip
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


@pytest.mark.slow
def test_no_word_of_the_erased_is_left_by_any_command(shell, world, home, decrypted):
    for name, text in (("m.mbox", mailbox()), ("b.csv", statement()), ("c.ics", calendar())):
        (home / name).write_text(text, newline="")

    def run(*words: str, codes: tuple[int, ...] = (0, 1)) -> list[dict[str, object]]:
        done = shell([str(home / each) if (home / each).is_file() else each for each in words])
        assert done.returncode in codes, (words, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]

    run("life-ingest", "--quiet", "--timezone", "UTC", "m.mbox", "b.csv", "c.ics")
    run("life-values", "add", "family > work", "no meetings after 18:00")
    run("life-graph", "build")
    run("life-consolidate", "--quiet")
    run("life-graph", "correct", "a@zqmarlow.example", "--name", "Ada Zqferryman")
    run("life-watch")
    foretold = run("life-forecast", "--measure", "net_EUR") + run("life-forecast", "--measure", "meeting_hours")
    assert any(each["kind"] == "life.forecast" for each in foretold)
    decided = run("life-decide", "pay 90 EUR a month for the zqtrattoria or stay")
    assert any(each["kind"] == "life.comparison" for each in decided)
    assert run("life-recall", "where are the zqlighthouse keys?")
    assert run("life-recall", "--from", "memory", "zqferry office")

    path = home / ".local/state/roadmap/state.db"

    def pages() -> tuple[bytes, dict[str, str]]:
        with State.open(path, mode="write", keys=KeySource({"HOME": str(home)}, None), now=lambda: NOW) as state:
            state._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            kept = "kind IN ('life.event', 'life.value') OR (kind = 'life.source' AND body LIKE '%c.ics%')"
            bodies = dict(state._connection.execute(f"SELECT id, body FROM record WHERE {kept}").fetchall())
            return decrypted(path, state._key).lower(), bodies

    before, events = pages()
    assert all(word.encode() in before for word in (*GONE, *STAYS)), "not all words were there: this would show nothing"
    ids = [str(each["id"]) for each in (*decided, *foretold)]
    run("life-erase", "--source", str(home / "m.mbox"), "--source", str(home / "b.csv"), "--yes", codes=(0,))
    choices = [name for name in ids if name in {str(each["id"]) for each in decided}]
    run("life-erase", *choices, "--yes")  # the question itself was the user's own words
    after, left = pages()
    assert {word: after.count(word.encode()) for word in GONE} == dict.fromkeys(GONE, 0)
    assert all(word.encode() in after for word in STAYS)
    assert left == events
    assert run("life-recall", "kwchoir kwrehearsal", "--limit", "1")
    told = json.dumps(run("life-recall", "office keys")).lower()
    assert not any(word in told for word in GONE)
    assert shell(["roadmap-state", "check"]).returncode == 0
    for name in ids:
        for claim in run("life-why", "--check", name, codes=(0, 1)):
            assert not any(word in json.dumps(claim).lower() for word in GONE)
