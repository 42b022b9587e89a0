"""The queue under any order of events, its processes killed at any point: one result each, nothing lost.

A drain runs in a process of its own, which ends without a farewell (as with kill -9) at the n-th time that it asks the
clock, submits, or waits: inside its transactions, between them, and between storing a reply and telling it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from queueing import Hands, Place, Repeating, drain, power
from roadmap_cli.slm.queue import requests

DEVICES = {
    "mains": power(),
    "battery": power(on_battery=True, percent=70.0, charging=False),
    "low": power(on_battery=True, percent=20.0, charging=False),
    "empty": power(on_battery=True, percent=5.0, charging=False),
    "hot": power(is_hot=True, temperature_c=95.0),
    "unknown": power(on_battery=None, is_hot=None, is_idle=None, power_saver=None, temperature_c=None),
}


class Queue(RuleBasedStateMachine):
    """What a person, a clock, a device and crashes may do to a queue."""

    added = Bundle("added")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        self.hands = Hands()
        self.place = Place(self.home, self.hands)
        self.told = self.home / "told"
        self.known: dict[str, str] = {}
        self.late_fine: set[str] = set()
        self.gone: set[str] = set()
        self.place.open().close()

    def teardown(self) -> None:
        try:
            self._finish()
        finally:
            self._folder.cleanup()

    @rule(
        target=added,
        kind=st.sampled_from(["plain", "plain", "flaky", "poison"]),
        priority=st.sampled_from(requests.PRIORITIES),
        within=st.none() | st.integers(1, 90),
        late=st.booleans(),
        count=st.integers(1, 4),
    )
    def add(self, kind, priority, within, late, count):
        made = []
        for _ in range(count):
            length = None if within is None else timedelta(minutes=within)
            prompt = f"{kind} {len(self.known)}"
            name = self.place.add(prompt, priority=priority, within=length, late=late)
            self.known[name] = prompt
            if late:
                self.late_fine.add(name)
            made.append(name)
        return multiple(*made)

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes):
        self.hands.pass_by(timedelta(minutes=minutes))

    @rule(hours=st.sampled_from([-48, -1, 30]))
    def the_clock_jumps(self, hours):
        self.hands.pass_by(timedelta(hours=hours))

    @rule(
        device=st.sampled_from(sorted(DEVICES)),
        dies_after=st.none() | st.integers(1, 60),
        is_mended=st.booleans(),
        width=st.integers(1, 8),
    )
    def drained(self, device, dies_after, is_mended, width):
        self._drain(device, dies_after, is_mended, width)

    @rule(one=added)
    def cancel(self, one):
        with self.place.open() as state, state.write() as tx:
            (after,) = requests.cancel(tx, [one], self.hands())
        assert after.state not in requests.OPEN
        if after.state == "cancelled":
            self.gone.add(one)

    @rule(one=consumes(added))
    def retry(self, one):
        with self.place.open() as state, state.write() as tx:
            (before,) = requests.find(tx, [one])
            (after,) = requests.retry(tx, [one], None)
        assert (after.state == "answered") == (before.state == "answered")
        self.gone.discard(one)

    @invariant()
    def one_result_each_and_nothing_lost(self):
        with self.place.open() as state, state.read() as tx:
            found = {each.id: each for each in requests.every(tx)}
            replies = [json.loads(body) for (body,) in tx.execute("SELECT body FROM record WHERE kind = 'slm.reply'")]
        assert found.keys() == self.known.keys()
        counts = Counter(reply["from_id"] for reply in replies)
        assert all(count == 1 for count in counts.values()), counts
        assert counts.keys() == {name for name, each in found.items() if each.state == "answered"}
        assert all(reply["text"] == self.known[reply["from_id"]] for reply in replies)
        stored = {reply["id"] for reply in replies}
        assert set(self._told()) <= stored, "a reply was told that is not stored"
        assert not {name for name in self.gone if found[name].state != "cancelled"}
        assert not {name for name, each in found.items() if each.state == "expired" and name in self.late_fine}

    def _told(self) -> list[str]:
        lines = self.told.read_text().splitlines() if self.told.exists() else []
        return [record["id"] for record in map(json.loads, lines) if record["kind"] == "slm.reply"]

    def _drain(self, device: str, dies_after: int | None, is_mended: bool, width: int = 8) -> None:
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) in (0, 9)
            return
        code = 70
        try:
            left = dies_after or 10**9

            def event(what: str = "") -> None:
                nonlocal left
                left -= 1
                if not left:
                    os._exit(9)

            def clock():
                event()
                return self.hands()

            model = Repeating(width=width, is_mended=is_mended, on_event=event)
            with self.place.open() as state, self.told.open("a") as told:
                for record in drain(state, now=clock, model=model, device=DEVICES[device]).run():
                    event()
                    told.write(json.dumps(record) + "\n")
                    told.flush()
            code = 0
        finally:
            os._exit(code)

    def _finish(self) -> None:
        """With the mains and a sound model everything comes to its end."""
        for _ in range(8):
            self._drain("mains", None, True)
            self.hands.pass_by(timedelta(hours=2))
        with self.place.open() as state, state.read() as tx:
            found = requests.every(tx)
        for each in found:
            wanted = {"failed"} if self.known[each.id].startswith("poison") else {"answered", "failed"}
            assert each.state in wanted | {"cancelled", "expired"}, each
            if each.state == "failed" and not self.known[each.id].startswith("poison"):
                assert each.error_code in ("too_many_attempts", "busy"), each
        self.one_result_each_and_nothing_lost()
        locks = [path.name for path in self.home.iterdir() if path.name.startswith("state.db.slm")]
        assert not locks, locks


Queue.TestCase.settings = settings(
    max_examples=int(os.environ.get("QUEUE_HISTORIES", "6")),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestQueue = Queue.TestCase


def test_a_prompt_that_kills_its_process_is_given_up_and_takes_no_other_with_it(tmp_path):
    """As a model that crashes on one input: eight come with it the first time, none is blamed for it."""
    hands = Hands()
    place = Place(tmp_path, hands)
    place.open().close()
    names = {place.add(word, priority="now"): word for word in ["killer", *(f"good {number}" for number in range(8))]}
    ends = []
    for _ in range(9):
        child = os.fork()
        if not child:
            code = 70
            try:
                with place.open() as state:
                    list(drain(state, now=hands, model=Repeating(width=4, is_mended=False)).run())
                code = 0
            finally:
                os._exit(code)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        hands.pass_by(timedelta(minutes=5))
        if ends[-1] == 0:
            break
    with place.open() as state, state.read() as tx:
        found = {names[each.id]: each for each in requests.every(tx)}
    assert ends == [9] * 5 + [0]
    assert (found["killer"].state, found["killer"].error_code) == ("failed", "too_many_attempts")
    assert {each.state for word, each in found.items() if word != "killer"} == {"answered"}
