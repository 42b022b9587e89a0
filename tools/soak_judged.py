"""Whether anything was lost, done twice, left half or left behind when soak.py was over."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from soak_damage import heal
from soak_works import Place, acknowledged, ids, unrepaired

#: Names of files that are someone's while he works and nobody's afterwards.
PASSING = re.compile(
    r"\.(part|tmp|new|partial|rekey|restore|lock\.new)\b|\.(part|tmp|new)[-.]|~$|^tmp|^\.tmp|^agent-loop-|^ballast$"
)


def judge(place: Place, durable: set[str]) -> tuple[list[str], dict[str, Any]]:
    """What is not as it must be, and figures."""
    faults = list(place.faults)
    told, held = acknowledged(place), ids(place)
    known = {kind: each for kind, each in told.items() if kind in durable}
    for kind, each in known.items():
        if lost := each - held:
            faults.append(f"lost: {len(lost)} of {len(each)} {kind} that were told: {sorted(lost)[:3]}")
    for check in (_sound, _events, _runs, _requests, _projects, _films, _notes, _damaged, _left_running, _left_lying):
        faults += check(place)
    outcomes = Counter(name for name, _, _ in place.runs)
    return faults, {
        "command_lines": sum(outcomes.values()), "by_sort": dict(sorted(outcomes.items())),
        "ended_otherwise": sum(code != 0 for _, code, _ in place.runs),
        "exit_codes": {str(code): n for code, n in sorted(Counter(code for _, code, _ in place.runs).items())},
        "told_count": sum(map(len, known.values())), "kinds_count": len(known),
        "kinds_not_kept": sorted(set(told) - durable),
        "state_bytes": (place.home / ".local/state/roadmap/state.db").stat().st_size,
        "events": place.last("calendar") * 3, "ticks": place.last("tick"), "requests": place.last("request") * 2,
        "projects": place.last("project"), "notes": place.last("note"), "copies": place.last("copy"),
        "damaged_copies": place.last("damage"),
        "messages": dict(sorted(place.messages.items(), key=lambda each: -each[1])[:60]),
    }  # fmt: skip


def _rows(place: Place, sql: str) -> list[dict[str, Any]]:
    done = place.run(f'roadmap-state query "{sql}"')
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["row"] for line in done.stdout.splitlines()]


def _sound(place: Place) -> list[str]:
    faults = []
    for line, other in (
        ("roadmap-state check", False), ("roadmap-state check", True), ("roadmap-doctor", False), ("wf-audit verify", False),
        ("roadmap-keys show", False),
    ):  # fmt: skip
        done = place.run(line, other=other)
        if done.returncode:
            bad = [each for each in done.stdout.decode().splitlines() if '"ok":false' in each or "problem" in each]
            faults.append(f"{line}: [{done.returncode}] {bad[:3]} {done.stderr.decode()[:300]}")
    return faults


def _events(place: Place) -> list[str]:
    """What was read is there once: no cursor ran ahead of what was stored."""
    rows = _rows(place, "SELECT uid, sum(is_current) AS n FROM life_event GROUP BY uid")
    count = {row["uid"]: row["n"] for row in rows}
    wanted = [f"e{number}-{n}@soak" for number in range(1, place.last("calendar") + 1) for n in range(3)]
    wrong = [(uid, count.get(uid, 0)) for uid in wanted if count.get(uid, 0) != 1]
    return [f"events: {len(wrong)} of {len(wanted)} are not there once: {wrong[:4]}"] if wrong else []


def _runs(place: Place) -> list[str]:
    """Each tick led to one event, one run that succeeded, and each step to one effect."""
    faults = []
    count = place.last("tick")
    rows = _rows(place, "SELECT json_extract(r.body, '$.data.data.number') AS inner, json_extract(r.body, '$.data.number') AS number,"
                        " e.event_id FROM wf_event e JOIN record r ON r.id = e.event_id WHERE e.type = 'soak.tick'")  # fmt: skip
    seen = Counter(str(row.get("number") or row.get("inner")) for row in rows)
    if wrong := [(n, seen[str(n)]) for n in range(1, count + 1) if seen[str(n)] != 1]:
        faults.append(f"ticks: {len(wrong)} of {count} are not one event: {wrong[:4]}")
    effects = Counter(each.name.rpartition("-")[0] for each in (place.work / "effects").iterdir())
    if wrong := [
        (f"{n}-{s}", effects[f"{n}-{s}"]) for n in range(1, count + 1) for s in "ab" if effects[f"{n}-{s}"] != 1
    ]:
        faults.append(f"effects: {len(wrong)} of {2 * count} did not happen once: {wrong[:6]}")
    rows = _rows(
        place,
        "SELECT r.status AS status, count(*) AS n FROM wf_run r JOIN wf_plan p USING (plan_id) WHERE p.workflow = 'tick' GROUP BY 1",
    )
    status = {str(row["status"]): row["n"] for row in rows}
    if status != {"succeeded": count}:
        faults.append(f"runs: {status} instead of {count} that succeeded")
    return faults


def _requests(place: Place) -> list[str]:
    rows = _rows(place, "SELECT id, state, reply_id, error FROM slm_request")
    open_ = [row for row in rows if row["state"] != "answered"]
    faults = [f"requests: {len(open_)} of {len(rows)} are not answered: {open_[:2]}"] if open_ else []
    replies = Counter(row["reply_id"] for row in rows)
    if twice := [each for each, n in replies.items() if n > 1 and each]:
        faults.append(f"requests: one reply for several: {twice[:3]}")
    rows = _rows(place, "SELECT json_extract(body, '$.from_id') AS f, count(*) AS n FROM record WHERE kind = 'slm.reply'"
                        " AND f IN (SELECT id FROM slm_request) GROUP BY 1 HAVING n > 1")  # fmt: skip
    return faults + ([f"requests: {len(rows)} have several replies: {rows[:3]}"] if rows else [])


def _projects(place: Place) -> list[str]:
    count = place.last("project")
    wrong = [number for number in range(1, count + 1) if unrepaired(place, number)]
    faults = [f"projects: {len(wrong)} of {count} are not repaired: {wrong[:5]}"] if wrong else []
    for number in range(1, count + 1):
        names = {each.name for each in (place.work / f"projects/p{number}").iterdir()} - {
            "__pycache__",
            ".pytest_cache",
        }
        if names != {"span.py", "test_span.py"}:
            faults.append(f"projects: files in p{number}: {sorted(names)}")
    return faults


def _films(place: Place) -> list[str]:
    faults = []
    for film in sorted((place.home / "films").iterdir()):
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-xerror", "-i", film, "-f", "null", "-"], capture_output=True, check=False
        )
        if done.returncode or film.suffix != ".mp4":
            faults.append(f"films: {film.name} is not whole: {done.stderr.decode()[:200]}")
    return faults


def _notes(place: Place) -> list[str]:
    wanted = {record for path in place.told.glob("notes.*") for record in _ids(path)}
    faults = []
    for other in (False, True):
        if lost := wanted - ids(place, other=other):
            faults.append(f"notes: {len(lost)} of {len(wanted)} are not on device {'ab'[other]}: {sorted(lost)[:3]}")
    return faults


def _ids(path: Path) -> list[str]:
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            found.append(str(json.loads(line)["id"]))
        except (ValueError, KeyError):
            continue
    return found


def _damaged(place: Place) -> list[str]:
    """A damaged state has lost no more than the damaged bit, and has not taken the place of its copy."""
    faults = []
    for folder in sorted(place.folder.glob("hurt*")):
        if not heal(folder):
            continue
        for name in ("state.db", "copy.db"):
            done = place.run(f"roadmap-state check --state {folder / name}")
            if done.returncode:
                faults.append(f"damage: {folder.name}/{name}: [{done.returncode}] {done.stderr.decode()[:200]}")
    return faults


def _left_running(place: Place) -> list[str]:
    """Processes that outlived all command lines by ten seconds."""
    mark = f"SOAK={place.folder}".encode()
    deadline = time.monotonic() + 10
    while True:
        found = []
        for each in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in each.read_bytes().split(b"\0") and int(each.parent.name) != os.getpid():
                    found.append((each.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100])
            except OSError:
                continue
        if not found or time.monotonic() > deadline:
            return [f"processes: {len(found)} are left: {found[:3]}"] if found else []
        time.sleep(0.5)


def _left_lying(place: Place) -> list[str]:
    """Files of work that nobody does any more."""
    lying = [
        str(each.relative_to(place.folder))
        for root in (place.home, place.work / "stick", place.work / "projects", place.work / "docs")
        for each in root.rglob("*")
        if not each.is_dir() and (PASSING.search(each.name) or (place.home / "tmp") in each.parents)
    ]
    return [f"files: {len(lying)} are left behind: {lying[:8]}"] if lying else []
