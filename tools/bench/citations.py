"""Does every citation resolve and support its number? A thousand outputs of generated lives, added up independently.

    tools/bench/citations.py [--outputs N] [--seed N] [--keep FOLDER]

Lives are made from a seed: a calendar, a bank statement, nights of sleep, chats, values. The real commands read them,
warn, decide, hold plans against values, remember, find again and draw the graph; life-export writes everything out,
and what is not stored is kept as it came through the pipe. Then nothing of the package is used: each id
is looked up in the export, each number of each output is computed again from the raw records it cites by the few lines
below, each number in a text is looked for among those, and each raw record is held against the line of the file it
came from. `--break` changes one number in a thousand before checking, to show that the check sees it.
Prints JSON: bench.figure records; the exit code is 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-23T09:00:00Z"
TODAY = date(2026, 11, 23)
ZONE = ZoneInfo("Europe/Berlin")
PAYEES = ["Market", "Cafe Nord", "Books", "Pharmacy", "Bahn", "Cinema", "Delivery", "Taxi", "Gym Studio", "Hardware"]
TITLES = ["Design review", "Budget", "Customer call", "Family dinner", "Yoga", "Choir", "Interview", "Team lunch"]
Record = dict[str, Any]
#: Fields of records in which their words stand.
TOLD = ("title", "location", "people", "payee", "amount", "currency", "memo", "sender", "sender_name", "text")


# -- lives -------------------------------------------------------------------------------------------------------------


def calendar(chance: random.Random) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//EN"]
    day, number = TODAY - timedelta(days=220), 0
    rush = TODAY - timedelta(days=chance.choice([14, 14, 400]))
    while day < TODAY + timedelta(days=40):
        if day.weekday() < 5:
            for hour in sorted(chance.sample(range(8, 20), chance.choice([3, 4, 5] if day >= rush else [0, 1, 1, 2]))):
                number += 1
                begin = datetime(day.year, day.month, day.day, hour, chance.choice([0, 15, 30]))
                end = begin + timedelta(minutes=chance.choice([30, 45, 60, 90]))
                lines += [
                    "BEGIN:VEVENT",
                    f"UID:e{number}@bench",
                    "DTSTAMP:20261101T000000Z",
                    f"SUMMARY:{chance.choice(TITLES)}",
                ]
                lines += [
                    f"DTSTART;TZID=Europe/Berlin:{begin:%Y%m%dT%H%M%S}",
                    f"DTEND;TZID=Europe/Berlin:{end:%Y%m%dT%H%M%S}",
                ]
                lines += [
                    f"ATTENDEE:mailto:p{chance.randrange(9)}@example.org",
                    "ORGANIZER:mailto:me@example.org",
                    "END:VEVENT",
                ]
        day += timedelta(days=1)
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def statement(chance: random.Random) -> str:
    rows = ["Date,Payee,Description,Amount,Currency"]
    pay, rent = chance.randint(180000, 520000), chance.randint(50000, 160000)
    day = date(2025, 12, 1)
    while day < TODAY:
        spent: list[tuple[str, int]] = []
        if day.day == 1:
            spent.append(("Landlord", -rent))
        if day.day == 27:
            spent.append(("Employer Ltd", pay + chance.choice([0, 0, 0, 1500])))
        for payee in PAYEES:
            if chance.random() < 0.08:
                spent.append((payee, -chance.randint(300, 9000)))
        if day > TODAY - timedelta(days=14) and chance.random() < 0.8:
            spent.append(("Delivery", -chance.randint(2000, 6000)))
        rows += [f"{day},{payee},x,{Decimal(cents).scaleb(-2)},EUR" for payee, cents in spent]
        day += timedelta(days=1)
    return "\n".join([*rows, ""])


def nights(chance: random.Random) -> Iterator[Record]:
    for back in range(40):
        day = TODAY - timedelta(days=back)
        begin = datetime.combine(day - timedelta(days=1), time(22), ZONE) + timedelta(minutes=chance.randrange(150))
        minutes = chance.randint(360, 520)
        for device, stage, more in (("Watch", "asleep", 0), ("Phone", "in_bed", 35), ("Ring", "asleep", -20)):
            if device != "Watch" and chance.random() < 0.5:
                continue
            ends = begin + timedelta(minutes=minutes + more)
            yield {
                "kind": "life.measurement", "metric": "sleep", "stage": stage, "device": device, "unit": "min",
                "at": begin.astimezone(UTC).isoformat().replace("+00:00", "Z"), "zone": "Europe/Berlin",
                "ends_at": ends.astimezone(UTC).isoformat().replace("+00:00", "Z"), "date": day.isoformat(),
                "value": minutes + more,
            }  # fmt: skip


def talk(chance: random.Random) -> Iterator[Record]:
    """Chats in which people tell of themselves, of amounts and of times."""
    places = ["Utrecht", "Leiden", "Porto", "Graz", "Lyon"]
    for number in range(60):
        at = datetime.combine(TODAY - timedelta(days=chance.randrange(2, 90)), time(chance.randrange(8, 22)), UTC)
        text = chance.choice(
            [
                f"I live in {chance.choice(places)} now, the rent is {chance.randint(500, 1500)} EUR.",
                f"The train leaves at {chance.randint(5, 22)}:{chance.randint(10, 59)} from platform {chance.randint(1, 14)}.",
                f"I'm allergic to {chance.choice(['walnuts', 'shrimp', 'celery'])}, please remember it for Saturday.",
                f"I {chance.choice(['love', 'hate'])} {chance.choice(['sailing', 'opera', 'camping'])}, you know that.",
                f"The spare key number {chance.randint(10, 99)} lies under the blue pot behind the shed.",
            ]
        )
        yield {
            "kind": "life.message", "at": at.isoformat().replace("+00:00", "Z"), "channel": "chat",
            "thread": f"t{number % 4}", "sender": f"p{number % 4}@example.org", "text": f"{text} ({number})",
        }  # fmt: skip


ASKED = [
    "who is allergic to walnuts?",
    "where does the spare key lie?",
    "when does the train leave?",
    "rent in Utrecht",
]


def questions(chance: random.Random, count: int) -> Iterator[str]:
    days = ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays"]
    for _ in range(count):
        price, month = chance.randint(200, 30000), chance.randint(5, 900)
        begin = chance.randint(7, 22)
        yield chance.choice(
            [
                f"buy a car for {price:,} or keep using the train",
                f"rent a garage for {month} EUR a month or park in the street for nothing",
                f"accept the weekly meeting {chance.choice(days)} {begin}:00-{begin + 1}:30?",
                f"take the job for {chance.randint(1500, 6000):,} EUR net a month or stay",
                f"buy a bike for {price % 4000 + 100} EUR or pay {month} EUR a month for the bus or do nothing",
                f"subscription {month}-{month + 40} EUR a month for 12 months or buy it for {month * 11} EUR",
                f"switch from 40 h a week to {begin + 9} h a week for {month} EUR less a month or stay",
                f"accept the appointment on 2026-12-{begin + 1:02d} at {begin}:00 for 75 minutes?",
                "quit the job or stay",
                f"flat for {month + 300} EUR a month from 2027-03-01 for 12 months or keep the flat",
                f"join the class {chance.choice(days)} {begin}:15-{begin + 1}:00 for {month % 90 + 5} EUR a month?",
            ]
        )


def choices(chance: random.Random, count: int) -> Iterator[Record]:
    for number in range(count):
        options: list[Record] = []
        for letter in "abcd"[: chance.choice([2, 2, 3, 4])]:
            option: Record = {"name": f"option {letter}", "flows": []}
            for _ in range(chance.randint(0, 3)):
                amount = chance.randint(-90000, 90000) / 100
                flow: Record = {
                    "what": chance.choice(["fee", "pay", "saving"]),
                    "amount": f"{amount:.2f}",
                    "currency": "EUR",
                }
                flow["every"] = chance.choice(["once", "week", "month", "year"])
                if chance.random() < 0.4:
                    flow |= {"low": f"{amount - 50:.2f}", "high": f"{amount + 70:.2f}"}
                if chance.random() < 0.3:
                    flow["from_month"] = chance.randint(0, 10)
                if chance.random() < 0.3:
                    flow["months"] = chance.randint(1, 20)
                option["flows"].append(flow)
            if chance.random() < 0.4:
                option |= {"hours_week": chance.randint(-5, 15), "area": chance.choice(["work", "family", "health"])}
            if chance.random() < 0.4:
                hour = chance.randint(6, 22)
                option["slots"] = [
                    {
                        "day": chance.randrange(7),
                        "begins": f"{hour:02d}:00",
                        "ends": f"{hour:02d}:50",
                        "title": "Lesson",
                    }
                ]
            options.append(option)
        yield {
            "kind": "life.choice",
            "id": f"choice_{number}_{chance.randrange(10**9)}",
            "at": NOW,
            "question": f"question {number}",
            "options": options,
        }


def life(folder: Path, seed: int, outputs: int) -> list[Record]:
    """Make a life, run the commands over it, and give everything they hold."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    (folder / "calendar.ics").write_text(calendar(chance), newline="")
    (folder / "bank.csv").write_text(statement(chance))
    (folder / "sleep.jsonl").write_text("".join(json.dumps(each) + "\n" for each in nights(chance)))
    (folder / "chat.jsonl").write_text("".join(json.dumps(each) + "\n" for each in talk(chance)))
    world = {
        "PATH": f"{ROOT / 'bin'}:/usr/bin:/bin", "HOME": str(folder), "ROADMAP_NOW": NOW, "LC_ALL": "C.UTF-8", "TZ": "UTC",
    }  # fmt: skip

    def run(*words: str, data: str = "") -> str:
        done = subprocess.run(
            [str(ROOT / "bin" / words[0]), *words[1:]],
            input=data,
            env=world,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1, 3):
            raise SystemExit(f"{words}: {done.stderr}")
        return done.stdout

    run(
        "life-ingest", "--quiet", "--timezone", "Europe/Berlin", "calendar.ics", "bank.csv", "sleep.jsonl", "chat.jsonl"
    )
    run("life-values", "add", "family > work > hobbies", "health > money", f"no meetings after {chance.randint(16, 20)}:00",
        f"at most {chance.randint(2, 4)} meetings a day", "sleep at least 7 h", f"save at least {chance.randint(100, 2000)} EUR a month",
        "keep Fridays free of meetings", f"at most {chance.randint(4, 12)} h of meetings a week")  # fmt: skip
    warned = run("life-watch")
    run("life-decide", "--on-error", "skip", "--quiet", data=warned)
    half = outputs // 2
    asked = "\n".join(questions(chance, half))
    more = ["--balance", f"{chance.randint(-500, 20000)} EUR"] if chance.random() < 0.5 else []
    run("life-decide", "--text", "--currency", "EUR", "--on-error", "skip", "--quiet", *more, data=asked)
    given = "\n".join(json.dumps(each) for each in choices(chance, outputs - half))
    run("life-decide", "--months", str(chance.randint(3, 60)), "--rate", str(chance.randint(0, 9)), data=given)
    run("life-consolidate", "--quiet", "--share", "0.3")
    run("life-graph", "build")
    piped = run("life-recall", *ASKED) + run("life-recall", "--from", "memory", *ASKED) + run("life-graph", "list")
    piped += "".join(run("life-graph", "show", f"p{number}@example.org") for number in range(9))
    piped += "".join(run("life-graph", "show", name) for name in PAYEES[:3])
    (folder / "piped.jsonl").write_text(piped)
    run("life-export", "--quiet", "--plaintext-ok", "-o", "all.jsonl")
    return [
        json.loads(line) for name in ("all", "piped") for line in (folder / f"{name}.jsonl").read_text().splitlines()
    ]


# -- independent arithmetic --------------------------------------------------------------------------------------------


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def span_h(record: Record) -> float:
    return (moment(record["ends_at"]) - moment(record["at"])).total_seconds() / 3600


class Book:
    """An export, and how its numbers come about."""

    def __init__(self, records: list[Record], folder: Path) -> None:
        self.folder = folder
        self.by_id = {each["id"]: each for each in records if "id" in each}
        self.piped = [each for each in records if each["kind"] in ("life.memory_hit", "life.entity", "life.relation")]
        self.remembered = [each for each in records if each["kind"] in ("life.memory", "life.fact")]
        self.decisions = {name: each for name, each in self.by_id.items() if each["kind"] == "why.decision"}
        self.outputs = [
            each for each in records if each["kind"] in ("life.comparison", "life.warning", "life.value", "life.choice")
        ]
        self.figures: dict[str, Any] = {}
        self.wrong: list[str] = []
        self.checked: Counter[str] = Counter()
        self.files: dict[str, list[str]] = {}

    def cited(self, decision: Record) -> list[Record]:
        return [
            self.by_id[each] for each in decision["evidence_ids"] if each in self.by_id and each not in self.decisions
        ]

    def claim(self, sort: str, holds: bool, words: str) -> None:
        self.checked[sort] += 1
        if not holds:
            self.wrong.append(f"{sort}: {words}")

    def check(self) -> None:
        for each in [*self.outputs, *self.decisions.values(), *self.piped, *self.remembered]:
            self.resolve(each)
        for each in self.remembered:
            self.memory(each) if each["kind"] == "life.memory" else self.fact(each)
        for each in self.piped:
            self.hit(each) if each["kind"] == "life.memory_hit" else self.graph(each)
        for each in self.by_id.values():
            if "source_line" in each:
                self.source(each)
        for decision in sorted(self.decisions.values(), key=lambda each: each["id"]):
            self.decision(decision)
        for each in self.outputs:
            if each["kind"] == "life.comparison":
                self.comparison(each)
            elif each["kind"] == "life.warning":
                decision = self.decisions.get(each.get("why_id"), {})
                paid = [
                    float(sum(-Decimal(self.by_id[name]["amount"]) for name in told["ids"]))
                    for told in decision.get("facts", {}).get("categories", [])
                ]
                self.said("warning", each["text"], [each["measures"], each["since"], each["until"], paid])

    def resolve(self, record: Record) -> None:
        for name, value in walk(record):
            if (name.endswith("_id") or name.endswith("_ids")) and isinstance(value, str):
                self.claim("resolves", value in self.by_id, f"{record['id']} {name} {value}")

    def source(self, record: Record) -> None:
        name = record["source"]
        if name not in self.files:
            self.files[name] = (self.folder / name).read_bytes().decode().split("\n")
        line = self.files[name][record["source_line"] - 1]
        if line.startswith("{"):
            told = json.loads(line)
            same = all(record[name] == value for name, value in told.items() if name not in ("at", "ends_at"))
            self.claim("source", same and moment(record["at"]) == moment(told["at"]), f"{record['id']} {line}")
        elif record["kind"] == "life.transaction":
            self.claim("source", f",{record['amount']}," in line and record["date"] in line, f"{record['id']} {line}")
        else:
            near = "".join(self.files[name][record["source_line"] - 1 : record["source_line"] + 3])
            self.claim("source", f"UID:{record['uid']}" in near and record["title"] in near, record["id"])

    def decision(self, decision: Record) -> None:
        facts = decision.get("facts", {})
        cited = self.cited(decision)
        for figure in facts.get("figures", []):
            name = figure.get("figure", figure["name"])
            try:
                again = self.again(figure, decision, cited)
            except (KeyError, ZeroDivisionError, StopIteration) as error:
                self.claim("figure", False, f"{decision['id']} {name}: {error!r}")
                continue
            told = float(figure["value"])
            self.claim(
                "figure", abs(told - again) <= 0.0101, f"{decision['id']} {figure['op']} {name}: {told} not {again}"
            )
        if decision["decision"] == "life.usual_measured":
            for name, told in facts.items():
                for each in told if name.startswith("stretches_") else []:
                    again = self.stretch(name.removeprefix("stretches_"), cited, each["since"], each["until"])
                    if again is None:
                        self.checked["left_to_life_why"] += 1
                        continue
                    self.claim("warning", abs(again - each["value"]) < 0.0002, f"{name} {each} not {again}")
        if decision["decision"] == "life.consolidated":
            self.consolidated(decision)
        if decision["decision"] == "life.warned":
            warning = next(each for each in self.outputs if each.get("why_id") == decision["id"])
            for each in warning["measures"]:
                again = self.stretch(each["measure"], cited, warning["since"], warning["until"])
                if again is None:
                    self.checked["left_to_life_why"] += 1
                    continue
                close = abs(again - each["recent"]) <= (0.051 if again < 100 else 0.51)
                self.claim("warning", close, f"{each} not {again}")
        if decision["decision"] in ("life.option_computed", "life.compared", "life.figure_measured"):
            below = [self.decisions[each] for each in decision["evidence_ids"] if each in self.decisions]
            pool = [
                facts,
                len(decision["evidence_ids"]),
                cited,
                [each.get("facts") for each in below],
                [b["what"] for b in below],
            ]
            pool.append(
                [len(figure["months"]) for figure in facts.get("figures", []) if isinstance(figure.get("months"), list)]
            )
            self.said("words", decision["what"], pool)
            self.said("words", decision["why"], pool)

    # -- memory, hits and the graph --------------------------------------------------------------------------------

    def memory(self, record: Record) -> None:
        sources = [self.by_id[each] for each in record["sources"]]
        said = record["text"].partition(": ")[2] if "sender" in sources[0] else record["text"]
        parts = said.split("; ")
        self.claim("memory", len(parts) == len(sources) and record["at"] == sources[0]["at"], record["text"])
        for part, source in zip(parts, sources, strict=False):
            text, reached = " ".join(str(source.get(name, "")) for name in TOLD), 0
            for word in part.replace(", ", " ").split():
                at = text.find(word, reached)
                self.claim("memory", at >= 0, f"{word!r} of {record['text']!r} is not in {text!r}")
                reached = max(reached, at)
        if "sender" in sources[0]:
            self.claim("memory", record["text"].startswith(f"{sources[0]['sender']}: "), record["text"])

    def fact(self, record: Record) -> None:
        (source,) = (self.by_id[each] for each in record["sources"])
        held = record["object"] in source["text"] and record["subject"] == source["sender"]
        self.claim("fact", held and record["at"] == source["at"], f"{record['text']} of {source['text']}")
        self.claim("fact", record["text"].endswith(record["object"]), record["text"])
        self.claim("fact", record["true_from"] <= source["at"][:10], f"{record['text']} from {record['true_from']}")

    def hit(self, record: Record) -> None:
        found = self.by_id[record["record_id"]]
        self.claim("hit", record["record_kind"] == found["kind"], record["id"])
        day, _, text = record["text"].partition(" ")
        self.claim("hit", day == (found.get("date") or found["at"])[:10], record["text"])
        if "text" in found:
            self.claim("hit", found["text"] in record["text"], f"{text} of {found['text']}")
        words = " ".join(str(found.get(name, "")) for name in TOLD).lower()
        for stem in record["terms"]:
            self.claim("hit", stem.rstrip("iy") in words and stem.rstrip("iy") in record["question"].lower(), stem)
        if "sources" in found:
            self.claim("hit", sorted(found["sources"]) == sorted(record["source_ids"]), record["id"])
            scores = record.get("source_scores", [record["score"]])
            self.claim("hit", abs(max(scores) - record["score"]) < 0.002, record["id"])

    def graph(self, record: Record) -> None:
        """Who was met and paid how often, counted over all records there are."""
        every = [each for each in self.by_id.values() if each.get("at", "") <= NOW.replace("Z", ".000Z")]
        if record["kind"] == "life.entity":
            mine = {*record.get("emails", []), *([record["name"]] if "@" in record["name"] else [])}
            if len(mine) == 1 and not record.get("is_user"):
                rows = [
                    each
                    for each in every
                    if mine & {*each.get("people", []), each.get("sender"), each.get("organizer")}
                ]
                rows = [each for each in rows if each["kind"] in ("life.event", "life.message")]
                self.counted(record, record["mention_count"], rows)
        elif record["relation"] == "pays":
            rows = [each for each in every if each["kind"] == "life.transaction" and each["payee"] == record["b_name"]]
            rows = [each for each in rows if Decimal(each["amount"]) < 0]
            self.counted(record, record["evidence_count"], rows)
            self.claim("graph", record["detail"]["payments"] == len(rows), record["text"])
        why = self.decisions.get(record.get("why_id", ""))
        if why is not None and record["kind"] == "life.relation":
            self.claim("graph", why["facts"]["records"] == record["evidence_count"], why["what"])
            self.claim("graph", why["why"].split(" ")[0] == str(record["evidence_count"]), why["why"])
            cited = self.cited(why)
            self.claim("graph", record["first_at"] == min(each["at"] for each in cited), why["what"])
            self.claim("graph", record["last_at"] == max(each["at"] for each in cited), why["what"])

    def counted(self, record: Record, told: int, rows: list[Record]) -> None:
        self.claim("graph", told == len(rows), f"{record.get('text') or record['name']}: {told} not {len(rows)}")
        self.claim("graph", record["first_at"] == min((each["at"] for each in rows), default=""), record["id"])
        self.claim("graph", record["last_at"] == max((each["at"] for each in rows), default=""), record["id"])

    def consolidated(self, decision: Record) -> None:
        facts, lines = decision["facts"], [self.by_id[each] for each in decision["facts"]["memory_ids"]]
        words = sum(len(each["text"].split()) for each in lines)
        what = f"remember {len(lines)} lines of {facts['span_day']}"
        why = f"the day is over; {len(decision['evidence_ids'])} records became {words} words, each line from the records it cites"
        self.claim("consolidated", decision["what"] == what, f"{decision['what']} not {what}")
        self.claim("consolidated", decision["why"] == why, f"{decision['why']} not {why}")
        self.claim("consolidated", [facts["words"], facts["lines"]] == [words, len(lines)], str(facts))

    def again(self, figure: Record, decision: Record, cited: list[Record]) -> float:
        op = figure["op"]
        if "of" in figure and op in ("count", "free_block", "sleep_lost", "booked_hours"):
            cited = []
            for each in figure["of"]:
                cited += (
                    [self.by_id[each["record_id"]]]
                    if "record_id" in each
                    else self.cited(self.decisions[each["why_id"]])
                )
        if op == "count":
            return len(cited)
        if op in ("mean_month", "sd_month"):
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for each in cited:
                amount = Decimal(each["amount"])
                if figure["sign"] == "any" or (amount > 0) == (figure["sign"] == "in"):
                    sums[each["date"][:7]] += amount
            values = [float(sums[month]) for month in figure["months"]]
            return (
                sum(values) / len(values)
                if op == "mean_month"
                else (statistics.stdev(values) if len(values) > 1 else 0.0)
            )
        if op == "median_low":
            return float(sorted(Decimal(each["amount"]) for each in cited)[(len(cited) - 1) // 2])
        if op in ("per_month", "per_week"):
            meant = [each for each in cited if figure.get("since", "") <= each["date"] <= figure.get("until", "9")]
            each_day = float(sum(Decimal(each["amount"]) for each in meant)) / figure["days"]
            return each_day * (7 if op == "per_week" else 365 / 12)
        if op == "median_night":
            slept: dict[str, float] = defaultdict(float)
            for each in cited:
                slept[each["date"]] += each["value"] if each["stage"] == "asleep" else 0
            return statistics.median(slept.values()) / 60
        if op == "free_block":
            return self.free(figure, cited)
        if op == "sleep_lost":
            return self.lost(figure, cited)
        if op == "booked_hours":
            minutes: set[datetime] = set()
            for each in cited:
                at = moment(each["at"])
                while at < moment(each["ends_at"]) and each["id"] not in figure["drops"]:
                    minutes.add(at)
                    at += timedelta(minutes=1)
            return len(minutes) / 60 / figure["weeks"]
        return self.option(figure, self.by_id[decision["facts"]["choice_id"]], cited)

    def free(self, figure: Record, cited: list[Record]) -> float:
        zone = ZoneInfo(figure["zone"])
        opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in figure["working_hours"].split("-"))
        taken: dict[date, set[int]] = defaultdict(set)
        times = [(each["at"], each["ends_at"]) for each in cited if each["id"] not in figure["drops"]] + figure[
            "planned"
        ]
        for begins, ends in times:
            at = moment(begins)
            while at < moment(ends):  # minute by minute: slow, and hard to get wrong
                local = at.astimezone(zone)
                taken[local.date()].add(local.hour * 60 + local.minute)
                at += timedelta(minutes=1)
        day, longest = date.fromisoformat(figure["since"]), []
        while day <= date.fromisoformat(figure["until"]):
            if day.weekday() < 5:
                best = run = 0
                for minute in range(opens, closes):
                    run = 0 if minute in taken[day] else run + 1
                    best = max(best, run)
                longest.append(best)
            day += timedelta(days=1)
        return sum(longest) / len(longest) / 60

    def lost(self, figure: Record, cited: list[Record]) -> float:
        zone = ZoneInfo(figure["zone"])
        bounds: dict[str, list[float]] = {}
        for each in cited:
            if each["stage"] != "asleep":
                continue
            noon = datetime.fromisoformat(each["date"]).replace(hour=12, tzinfo=zone) - timedelta(days=1)
            begin, end = (math.floor((moment(each[name]) - noon).total_seconds() / 60) for name in ("at", "ends_at"))
            known = bounds.setdefault(each["date"], [begin, end])
            known[:] = [min(known[0], begin), max(known[1], end)]
        falls, wakes = (int(statistics.median(each[side] for each in bounds.values())) for side in (0, 1))
        minutes = 0
        for begins, ends in figure["planned"]:
            at = moment(begins)
            while at < moment(ends):
                local = at.astimezone(zone)
                after_noon = ((local.hour - 12) * 60 + local.minute) % 1440
                minutes += falls <= after_noon < wakes
                at += timedelta(minutes=1)
        return minutes / 60 / 7 / figure["weeks"]

    def option(self, figure: Record, choice: Record, cited: list[Record]) -> float:
        op, rate, months = figure["op"], figure.get("rate", 0), figure.get("months", 0)
        flows = [place_of(choice, each["fact"]) for each in figure["of"] if "/flows/" in each.get("fact", "")]
        if op.startswith("present_value"):
            side = {"present_value": "amount", "present_value_low": "low", "present_value_high": "high"}[op]
            return sum(worth(flow, flow.get(side, flow["amount"]), rate, months) for flow in flows)
        if op == "recurring":
            each_month = {"week": 52 / 12, "month": 1, "year": 1 / 12}
            alive = [flow for flow in flows if flow["every"] != "once" and flow.get("months", 1) > 0]
            return sum(float(flow["amount"]) * each_month[flow["every"]] for flow in alive)
        if op == "bound":
            return -sum(worth(flow, flow["amount"], 0.0, flow.get("from_month", 0) + flow["months"]) for flow in flows)
        if op == "hours_week":
            option = place_of(choice, figure["of"][0]["fact"])
            stated = option.get("hours_week", 0)
            hours = stated["amount"] if isinstance(stated, dict) else float(stated)
            hours += sum(clock_h(slot["ends"]) - clock_h(slot["begins"]) for slot in option.get("slots", []))
            hours += sum(map(span_h, option.get("events", []))) / figure["weeks"]
            dropped = [self.by_id[each["record_id"]] for each in figure["of"] if "record_id" in each]
            return hours - sum(map(span_h, dropped)) / figure["weeks"]
        if op.startswith("path_"):
            return self.path(figure, flows, choice)
        if op == "left_of_measure":
            warning, *spared = figure["of"]
            known = [
                each for each in self.by_id[warning["record_id"]]["measures"] if each["measure"] == figure["measure"]
            ]
            return known[0]["recent"] + sum(float(self.figure(each)["value"]) for each in spared)
        if op in ("difference", "monthly_room", "at_end"):
            one, other = (self.known(each["figure"], choice) for each in figure["of"])
            if op == "difference":
                return one - other
            if op == "at_end":
                return abs(one - other) * (1 + rate) ** (months / 12)
            return (one - other) / sum((1 + rate) ** (-month / 12) for month in range(1, months + 1))
        if op == "switching":
            mine, theirs = ([place_of(choice, each) for each in figure[side]] for side in ("flows", "others"))
            place = figure["of"][0]["fact"]
            flow = place_of(choice, place)
            sign = 1 if place in figure["flows"] else -1
            # the value told must make both options worth the same
            trial = {**flow, "amount": figure["value"]}
            mine = [trial if each is flow else each for each in mine]
            theirs = [trial if each is flow else each for each in theirs]
            gap = sum(worth(f, f["amount"], rate, months) for f in mine) - sum(
                worth(f, f["amount"], rate, months) for f in theirs
            )
            return float(figure["value"]) - sign * gap / worth(flow, "1", rate, months)
        raise KeyError(op)

    def known(self, name: str, choice: Record) -> float:
        """Another figure of the same choice: what was told there is checked by itself."""
        for decision in self.decisions.values():
            facts = decision.get("facts", {})
            if facts.get("choice_id") == choice["id"]:
                for figure in facts["figures"]:
                    if figure.get("figure") == name:
                        return float(figure["value"])
        raise KeyError(name)

    def figure(self, reference: Record) -> Record:
        """A figure that another decision told, by its name."""
        told = self.decisions[reference["why_id"]]["facts"]["figures"]
        return next(each for each in told if each["name"] == reference["name"])

    def path(self, figure: Record, flows: list[Record], choice: Record) -> float:
        total, net, spread, count = 0.0, 0.0, 0.0, 1
        for each in figure["of"]:
            if each.get("fact") == "balance":
                total = float(choice["balance"]["amount"])
            elif "why_id" in each:
                found = self.figure(each)
                if each["name"] == "net_month":
                    net, count = float(found["value"]), len(found["months"])
                else:
                    spread = float(found["value"])
        values = []
        for month in range(figure["months"] + 1):
            total += (net if month else 0) + sum(moved(flow, month) for flow in flows)
            values.append(total)
        if figure["op"] == "path_lowest":
            return min(values)
        last = figure["months"]
        wide = 1.2816 * spread * math.sqrt(last + last * last / count)
        return values[-1] + {"path_end": 0, "path_end_low": -wide, "path_end_high": wide}[figure["op"]]

    def stretch(self, measure: str, cited: list[Record], since: str, until: str) -> float | None:
        """A measure again over some days; None for one that is not computed here, which only life-why --check does."""
        first, last = date.fromisoformat(since), date.fromisoformat(until)
        days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        if measure.startswith("spending_"):
            total = sum(-Decimal(each["amount"]) for each in cited if since <= each["date"] <= until)
            return float(total) / (len(days) / 7)
        if measure not in ("meeting_count", "meeting_hours", "focus_hours", "after_hours"):
            return None
        events = [(moment(each["at"]).astimezone(ZONE), moment(each["ends_at"]).astimezone(ZONE)) for each in cited]
        if measure == "meeting_count":
            return sum(first <= begin.date() <= last for begin, _ in events) / (len(days) / 7)
        total_minutes, outside, free = 0, 0, []
        for day in days:
            taken = set()
            for begin, end in events:
                if begin.date() == day:
                    start = begin.hour * 60 + begin.minute
                    taken |= set(range(start, start + int((end - begin).total_seconds()) // 60))
            total_minutes += len(taken)
            work = set(range(480, 1080)) if day.weekday() < 5 else set()
            outside += len(taken - work)
            best = run = 0
            for minute in range(480, 1080):
                run = 0 if minute in taken else run + 1
                best = max(best, run)
            free += [best] if day.weekday() < 5 else []
        if measure == "focus_hours":
            return sum(free) / len(free) / 60
        return (total_minutes if measure == "meeting_hours" else outside) / 60 / (len(days) / 7)

    def comparison(self, record: Record) -> None:
        figures = {each["figure"]: float(each["value"]) for each in record["figures"]}
        for number, row in enumerate(record["options"]):
            for money in row["money"]:
                unit, place = money["currency"], f"options/{number}"
                shown = {"present_value": money["present_value"], "month": money["month"], "lowest": money["lowest"]["amount"],
                         "end": money["end"]["expected"], "end_low": money["end"]["low"], "end_high": money["end"]["high"]}  # fmt: skip
                for name, value in shown.items():
                    self.claim(
                        "shown", abs(figures[f"{place}/{name}_{unit}"] - float(value)) < 0.001, f"{record['id']} {name}"
                    )
            for name in ("hours_week", "collisions", "free_block_h", "sleep_lost_h"):
                if name in row:
                    self.claim(
                        "shown", abs(figures[f"options/{number}/{name}"] - row[name]) < 0.001, f"{record['id']} {name}"
                    )
            for conflict in [*row.get("conflicts", []), *row.get("supports", [])]:
                self.conflict(record, row, conflict)
        pool = [
            record["differences"],
            record["sensitivity"],
            record["options"],
            record["months"],
            record["question"],
            record.get("order"),
        ]
        self.said("words", record["text"], pool)

    def conflict(self, record: Record, row: Record, conflict: Record) -> None:
        value = self.by_id[conflict["value_id"]]
        self.claim(
            "values",
            value["rule"] == conflict["rule"] and value["version"] == conflict["value_version"],
            str(conflict)[:200],
        )
        planned = next(
            (
                f["planned"]
                for f in record["figures"]
                if f["op"] == "free_block"
                and f["planned"]
                and f["figure"].split("/")[1] == str(record["options"].index(row))
            ),
            [],
        )
        events = [self.by_id[each] for each in conflict["evidence_ids"] if each in self.by_id]
        clocks = {f"{moment(a).astimezone(ZONE):%Y-%m-%d %H:%M}-{moment(b).astimezone(ZONE):%H:%M}" for a, b in planned}
        clocks |= {
            f"{moment(e['at']).astimezone(ZONE):%Y-%m-%d %H:%M}-{moment(e['ends_at']).astimezone(ZONE):%H:%M}"
            for e in events
            if e["kind"] == "life.event"
        }
        for stamp in re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d-\d\d:\d\d", conflict["text"]):
            self.claim("values", stamp in clocks, f"{conflict['rule']}: {stamp}")
        counted = re.search(r"(\d+) meetings on (\d{4}-\d\d-\d\d)", conflict["text"])
        if counted and conflict["count"] == 1:
            mine = sum(moment(a).astimezone(ZONE).date().isoformat() == counted[2] for a, _ in planned)
            stored = sum(moment(e["at"]).astimezone(ZONE).date().isoformat() == counted[2] for e in events)
            self.claim("values", stored <= int(counted[1]) <= stored + mine, f"{conflict['text']}: {stored} + {mine}")
        saved = re.search(r"(-?[\d.]+) EUR a month would be left \(now (-?[\d.]+)\)", conflict["text"])
        if saved:
            paid = [e for e in events if e["kind"] == "life.transaction"]
            months = {e["date"][:7] for e in paid}
            now = float(sum(Decimal(e["amount"]) for e in paid)) / len(months)
            month = float(next(m["month"] for m in row["money"] if m["currency"] == "EUR"))
            close = abs(now - float(saved[2])) < 0.011 and abs(now + month - float(saved[1])) < 0.011
            self.claim("values", close, f"{conflict['text']}: {now}")

    def said(self, sort: str, text: str, pool: Any) -> None:
        texts, numbers = [], []
        for _, value in walk({"x": pool}):
            if isinstance(value, str):
                texts.append(value)
                if re.fullmatch(r"-?\d+(\.\d+)?", value):
                    numbers.append(abs(float(value)))
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                numbers.append(abs(float(value)))
        dates = r"\d{4}-\d\d(?:-\d\d)?|\d{1,2}:\d\d"
        for found in re.findall(dates, text):
            self.claim(sort, any(found in each for each in texts), f"{found} in {text!r}")
        for found in re.findall(r"(?<![\w.,-])-?\d[\d,]*(?:\.\d+)?", re.sub(dates, " ", text)):
            plain = found.strip(",").replace(",", "")
            places = len(plain.partition(".")[2])
            holds = any(abs(round(each, places) - abs(float(plain))) < 1e-9 for each in numbers)
            holds = holds or any(found.strip(",") in each for each in texts)
            self.claim(sort, holds, f"{found} in {text!r}")


def walk(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from walk(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each, name)
    else:
        yield name, value


def place_of(choice: Record, place: str) -> Any:
    value: Any = choice
    for part in place.split("/"):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def moved(flow: Record, month: int) -> float:
    begins = flow.get("from_month", 0)
    if flow["every"] == "once":
        return float(flow["amount"]) if month == begins else 0.0
    if month <= begins or ("months" in flow and month > begins + flow["months"]):
        return 0.0
    return float(flow["amount"]) * {"week": 52, "month": 12, "year": 1}[flow["every"]] / 12


def worth(flow: Record, amount: str, rate: float, months: int) -> float:
    one = {**flow, "amount": amount}
    return sum(moved(one, month) * (1 + rate) ** (-month / 12) for month in range(months + 1))


def clock_h(text: str) -> float:
    return int(text[:2]) + int(text[3:]) / 60


def tamper(records: list[Record], chance: random.Random) -> int:
    """Change figures here and there, as a bug would."""
    changed = 0
    for each in records:
        figures = each.get("facts", {}).get("figures", []) if each["kind"] == "why.decision" else []
        for figure in figures:
            if chance.random() < 0.01 and figure["op"] not in ("count",):
                figure["value"] = f"{float(figure['value']) + 1.5:.2f}"
                changed += 1
        changed += _other(each, chance)
    return changed


def _other(record: Record, chance: random.Random) -> int:
    """Change a number of a memory, a fact, a hit, an entity, a relation or a consolidation, one in twenty."""
    if chance.random() >= 0.05:
        return 0
    if record["kind"] == "life.memory":
        record["text"] += " 7731"
    elif record["kind"] == "life.fact":
        record["true_from"] = "2031-01-01"
    elif record["kind"] == "life.memory_hit":
        record["text"] = record["text"].replace("2026-", "2024-", 1)
    elif record["kind"] == "life.relation" and "why_id" in record:
        record["evidence_count"] += 1
    elif record["kind"] == "life.entity" and record["name"].startswith("p") and "@" in record["name"]:
        record["mention_count"] += 1
    elif record.get("decision") == "life.consolidated":
        record["why"] = record["why"].replace(" became ", " became 1")
    else:
        return 0
    return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--break", dest="broken", action="store_true")
    options = parser.parse_args()
    place = options.keep or Path(tempfile.mkdtemp(prefix="citations-"))
    total, number = 0, 0
    checked: Counter[str] = Counter()
    wrong: list[str] = []
    broken = 0
    while total < options.outputs:
        folder = place / f"life-{number}"
        records = life(folder, options.seed + number, min(60, max(options.outputs - total, 4)))
        if options.broken:
            broken += tamper(records, random.Random(number))
        book = Book(records, folder)
        book.check()
        total += sum(each["kind"] in ("life.comparison", "life.warning") for each in book.outputs)
        checked += book.checked
        wrong += book.wrong
        number += 1
        if os.environ.get("VERBOSE"):
            print(f"{number} lives, {total} outputs, {len(wrong)} wrong", file=sys.stderr)
    for line in wrong[:20]:
        print(line[:300], file=sys.stderr)
    count = sum(checked.values())
    figures: list[tuple[str, float, str]] = [("outputs", total, "outputs"), ("claims", count, "claims")]
    figures += [(f"claims_{name}", size, "claims") for name, size in sorted(checked.items())]
    figures.append(("holding", 100 * (count - len(wrong)) / count, "percent"))
    if options.broken:
        figures.append(("broken", broken, "figures"))
        seen = Counter(line.partition(":")[0] for line in wrong)
        figures += [(f"seen_{name}", size, "claims") for name, size in sorted(seen.items())]
    for name, value, unit in figures:
        record = {"kind": "bench.figure", "id": f"bench_citations_{name}", "at": NOW, "name": f"citations.{name}"}
        print(json.dumps(record | {"value": round(value, 4), "unit": unit}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
