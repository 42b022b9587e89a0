"""The language model as a driver: it is asked, its answers are read, the tests decide, and what they say goes back.

The rules it keeps: no call that could take more than the budget has left is made; nothing a model says does anything
but change files that it was shown; the same change is proposed once, however it is spelled.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from roadmap_cli.agent.drivers.llm import edits, naming, untrusted
from roadmap_cli.agent.drivers.llm.asking import Asked, Asking, Settings, merged
from roadmap_cli.agent.drivers.llm.budget import Budget, BudgetError
from roadmap_cli.agent.drivers.llm.fared import Fared
from roadmap_cli.agent.repair.driver import Candidate
from roadmap_cli.core.errors import DataError, RoadmapError, Unavailable

if TYPE_CHECKING:
    from roadmap_cli.agent.drivers.llm.outcomes import Expected
    from roadmap_cli.agent.drivers.llm.prompt import Prompt
    from roadmap_cli.agent.preference import Lesson
    from roadmap_cli.agent.repair.driver import Problem, Verdict
    from roadmap_cli.core.records import Record
    from roadmap_cli.models.conversation.batch import Batch
    from roadmap_cli.models.conversation.chat import Reply
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport

PURPOSE = "agent-propose"
#: The kind that a stored permission must cover before a project's code is sent to an endpoint.
PROMPT_KIND = "agent.prompt"
#: Failures after which the model's owner may charge for the call all the same.
_MAYBE_CHARGED = frozenset({"cut_off", "timed_out", "bad_reply"})
_MOST_FAILURES = 2


@dataclass(slots=True)
class _Round:
    """What a round has brought so far: candidates by patch, how many answers agree on each,
    problems of the rest, and the last answer that could not be used."""

    asking: Asking
    ask: Prompt
    problem: Problem
    found: dict[str, Candidate] = field(default_factory=dict)
    agreeing: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    last: tuple[str, str] | None = None

    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The most agreed upon first, then the smallest; a score says so."""
        scored = []
        for candidate in candidates:
            before = {name: self.problem.project.files[name].decode(errors="replace") for name in candidate.changed}
            lines = naming.size(before, candidate.changed)
            agreeing = self.agreeing[candidate.patch]
            scored.append(replace(candidate, score=agreeing / (agreeing + 1) / (1 + lines / 20)))
        return sorted(scored, key=lambda each: (-each.score, each.file, each.line, each.patch))


class LlmDriver:
    """A `driver.Driver` over a language model: bundled, in a warm slm-serve, or at an endpoint.

    After `candidates` has ended, `stopped` says why: ``exhausted``, ``budget``, ``unavailable``, ``cancelled`` or
    ``no_room``, and `reason` in words. Close the iterator to give up what is in flight.
    """

    name = "llm"

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        ledger: Ledger | None,
        transport: Transport | Callable[[], Transport] | None = None,
        budget: Budget | None = None,
        model: str | None = None,
        settings: Settings | None = None,
        tried: Collection[str] = (),
        seed: int = 0,
        timer: Callable[[], float] = time.monotonic,
        stop: Callable[[], bool] = lambda: False,
        parses: Callable[[str, str], bool] | None = None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`model` None takes ``ROADMAP_MODEL``, else the default. `tried` are patches known to be no repair.

        `stop` is asked before each request whether to end; `parses` (file, text) judges files other than Python;
        `note` is told in words what happens. The ledger's state remembers how the model has fared.
        """
        self._environ, self._ledger, self._transport = environ, ledger, transport
        self.budget = budget or Budget()
        self._model, self._settings = model, settings or Settings()
        self._tried, self._seed = set(tried), seed
        self._timer, self._stop, self._parses, self._note = timer, stop, parses, note
        self.stopped: str | None = None
        self.reason = ""
        self._fared = Fared(model, environ, ledger)
        self._answers: dict[str, tuple[str, str]] = {}  # by patch: format, text of the reply
        self._verdicts: list[Verdict] = []
        self._last: tuple[str, str] | None = None
        self._failures, self._replied, self._skew = 0, False, 1.0
        self._first_error: RoadmapError | None = None
        self._is_open = self._merges = False
        self._key = 0

    # -- the contract ------------------------------------------------------------------------------------------------

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Proposals as they come from the model. Raises Unavailable and ConfigError if there is no model to ask."""
        from roadmap_cli.models.conversation.selection import open_batch

        self.stopped, self.reason = None, ""
        self._last, self._merges = None, False
        self._failures, self._first_error, self._replied, self._skew = 0, None, False, 1.0
        self._verdicts.clear()
        batch = open_batch(
            self._model, environ=self._environ, ledger=self._ledger, transport=self._transport, kinds=(PROMPT_KIND,),
            width=self._settings.width, purpose=PURPOSE,
        )  # fmt: skip
        flying: dict[int, Asked] = {}
        self._fared.name, self._is_open = batch.name, True
        try:
            with batch:
                yield from self._rounds(batch, problem, flying)
        finally:
            for asked in flying.values():
                if asked.held is not None and batch.is_estimate:  # an endpoint may go on, and count it
                    self.budget.settle(asked.held)
                elif asked.held is not None:
                    self.budget.release(asked.held)
            self._is_open = False
            self._fared.keep()
        if self.stopped == "unavailable" and self._first_error is not None and not self._replied:
            raise self._first_error

    def lessons(self, candidate: Candidate) -> list[Lesson]:
        """None: what a model wrote says nothing of templates."""
        return []

    def told(self, verdict: Verdict) -> None:
        """What the tests said of a proposal: it goes into the next round's question, and into the model's record."""
        answer = self._answers.get(verdict.candidate.patch)
        if answer is None:
            return
        self._verdicts.append(verdict)
        counts = self._fared.of(answer[0])
        counts.confirmed += verdict.outcome == "confirmed"
        counts.partial += verdict.outcome == "partial"
        if not self._is_open:
            self._fared.keep()

    def expected(self) -> Expected:
        """What a run promises, from earlier runs with this model; loads nothing. Raises ConfigError."""
        return self._fared.expected(self._settings.rounds)

    # -- rounds ------------------------------------------------------------------------------------------------------

    def _rounds(self, batch: Batch, problem: Problem, flying: dict[int, Asked]) -> Iterator[Candidate]:
        past = self._fared.past()
        asking = Asking(batch, self._settings, self._fared.size(), self._seed)
        ask = asking.compose(problem)
        if ask is None:
            self._end("no_room", f"the code does not fit into {asking.room} tokens, or no source is suspect")
            return
        if ask.left_out:
            self._note(f"left out of the prompt: {', '.join(ask.left_out)}")
        barren = skipped = 0
        for number in range(self._settings.rounds):
            if number and asking.narrow and not any(each.outcome == "partial" for each in self._verdicts):
                other = asking.compose(problem, skip=skipped + 1)
                if other is not None:
                    ask, skipped, self._last = other, skipped + 1, None
                    self._verdicts.clear()
            said = asking.said(ask, problem, self._verdicts, self._answers, self._last) if number else []
            form = asking.form(self._fared.together(past), ask)
            requests = asking.samples(ask, form, said, number)
            if not requests:
                self._end("no_room", f"the prompt of {ask.tokens} tokens leaves no room for an answer")
                return
            if number == 0:
                requests = [*asking.gaps(ask), *requests]
            this = _Round(asking, ask, problem)
            for some in self._answered(batch, requests, flying, this):
                yield from some
            self._last = this.last
            if self.stopped:
                return
            if this.problems[edits.CUT_OFF] * 2 >= len(requests):
                asking.longer = min(4, asking.longer * 2)
            barren = 0 if this.found else barren + 1
            if this.problems:
                worst = ", ".join(f"{count}x {words}" for words, count in this.problems.most_common(3))
                self._note(f"round {number + 1} as {form}: {len(this.found)} new candidates; {worst}")
            if barren >= 2:
                break
        if self._first_error is not None and not self._replied:
            self._end("unavailable", self._first_error.message)
        self._end("exhausted", f"{self._settings.rounds} rounds asked" if barren < 2 else "the model repeats itself")

    def _answered(
        self, batch: Batch, requests: Sequence[Asked], flying: dict[int, Asked], this: _Round
    ) -> Iterator[list[Candidate]]:
        """Keep requests in flight and yield candidates: as they come, or ranked at the end if tests are slow."""
        waiting = deque(requests)
        case = this.problem.case
        gather = case.test_seconds * max(1, len(case.selecting)) >= self._settings.slow_tests_s
        while True:
            while waiting and not self.stopped and batch.flying < (1 if self._failures else max(1, batch.width)):
                if not self._submit(batch, waiting[0], flying, this):
                    break
                waiting.popleft()
            if not batch.flying:
                break
            fresh, began = list[Candidate](), self._timer()
            results = batch.wait(self._stop)
            self._fared.of(requests[-1].form).duration_ms += round((self._timer() - began) * 1000)
            for key, result in results:
                asked = flying.pop(key)
                again = self._settled(asked, result, this)
                if again is not None:
                    waiting.appendleft(again)
                if not isinstance(result, RoadmapError):
                    fresh += self._read(asked, result, this)
            if fresh and not gather:
                yield this.ranked(fresh)
            if self._stop():
                self._end("cancelled", "told to stop")
                return
            if self.stopped:
                waiting.clear()
        if gather and this.found:
            yield this.ranked(list(this.found.values()))

    def _submit(self, batch: Batch, asked: Asked, flying: dict[int, Asked], this: _Round) -> bool:
        """Ask, if what it may take at most is left; False if that may yet be when what is in flight is counted."""
        if self._stop():
            self._end("cancelled", "told to stop")
            return True
        if asked.options.tools and not this.asking.takes_tools:
            asked = asked.plainly()
        read, written = round(asked.tokens * self._skew), asked.options.max_tokens
        try:
            asked.held = self.budget.hold(read + written, batch.price(read, written))
        except BudgetError as error:
            if flying:
                return False
            self._end("budget", str(error))
            return True
        self._key += 1
        self._fared.of(asked.form).requests += 1
        try:
            batch.submit(self._key, merged(asked.what) if self._merges else asked.what, asked.options)
        except RoadmapError as error:
            again = self._settled(asked, error, this)
            return again is None or self._submit(batch, again, flying, this)
        flying[self._key] = asked
        return True

    def _settled(self, asked: Asked, result: Reply | RoadmapError, this: _Round) -> Asked | None:
        """Count what a call took; the request to make instead of one that was refused, if there is one."""
        assert asked.held is not None
        counts = self._fared.of(asked.form)
        if not isinstance(result, RoadmapError):
            self._failures, self._replied = 0, True
            known = result.prompt_tokens is not None and result.completion_tokens is not None
            read, written = result.prompt_tokens or 0, result.completion_tokens or 0
            self.budget.settle(asked.held, read + written if known else None, result.price_microunits)
            self._skew = max(self._skew, read / max(1, asked.tokens))  # estimates are of bytes, and code is dense
            counts.prompt_tokens += read
            counts.completion_tokens += written
            counts.price_microunits += result.price_microunits or 0
            asked.held = None
            return None
        if result.code in _MAYBE_CHARGED:
            self.budget.settle(asked.held)
        else:
            self.budget.release(asked.held)
        asked.held = None
        if result.code == "bad_message" and not self._merges and isinstance(asked.what, list):
            self._note(f"system messages go with the question from now on: {result.message}")
            self._merges = True
            return replace(asked, held=None)
        if asked.options.tools and isinstance(result, DataError):
            self._note(f"no tools from now on: {result.message}")
            this.asking.takes_tools = False
            return asked.plainly()
        self._first_error = self._first_error or result
        self._failures += 1
        self._note(f"a request failed: {result.message}")
        if self._failures >= _MOST_FAILURES or not _may_pass(result):
            self._end("unavailable", result.message)
        return None

    def _read(self, asked: Asked, reply: Reply, this: _Round) -> list[Candidate]:
        """The new candidates in an answer."""
        ask = this.ask
        text = untrusted.restored(reply.text)
        cut_off = reply.finish == "length"
        if asked.gap is not None:
            gap = asked.gap
            middle = text.split("\n\n")[0] if "\n" in text else text
            reading = edits.filled(gap.file, gap.start, gap.end, gap.line(middle), ask.shown)
        elif reply.calls:
            calls = [(call.name, untrusted.restored(call.arguments)) for call in reply.calls]
            reading = edits.read_calls(calls, ask.shown)
            text = text or "\n".join(f"{name} {arguments}" for name, arguments in calls)
        else:
            reading = edits.read(text, ask.shown, cut_off=cut_off)
        counts = self._fared.of(asked.form)
        counts.usable += bool(reading.proposals)
        counts.unchanged += reading.echoed
        this.problems.update(reading.problems[:2] if not reading.proposals else ())
        if not reading.proposals and asked.gap is None:
            this.last = text, reading.problems[0]
        found = list[Candidate]()
        for proposal in reading.proposals:
            candidate = self._candidate(proposal, asked, ask)
            if candidate is None:
                continue
            if candidate.patch in self._tried:
                this.agreeing[candidate.patch] += candidate.patch in this.found
                this.problems["proposed before"] += 1
                continue
            self._tried.add(candidate.patch)
            self._answers[candidate.patch] = asked.form, text
            this.found[candidate.patch] = candidate
            this.agreeing[candidate.patch] = 1
            counts.candidates += 1
            found.append(candidate)
        return found

    def _candidate(self, proposal: edits.Proposal, asked: Asked, ask: Prompt) -> Candidate | None:
        before = {name: ask.shown.files[name] for name in proposal.changed}
        if self._parses and not all(
            name.endswith(".py") or self._parses(name, text) for name, text in proposal.changed.items()
        ):
            return None
        patch = naming.patch_id(before, proposal.changed)
        file, line = _where(before, proposal.changed)
        function = next(
            (each.function for each in ask.suspects if each.file == file and each.first <= line <= each.last), ""
        )
        model = self._fared.name.replace("+", "-")
        template = f"llm:{model}:{proposal.format if asked.gap is None else 'infill'}"
        return Candidate(dict(proposal.changed), patch, template, file, line, function, 0.0, False)

    def records(self) -> list[Record]:
        """What this run got out of the model so far, a record for each format; stored when it ends."""
        return self._fared.records()

    # -- the end -------------------------------------------------------------------------------------------------------

    def _end(self, status: str, reason: str) -> None:
        if self.stopped is None:
            self.stopped, self.reason = status, reason
            self._note(f"{status}: {reason}")


def _may_pass(error: RoadmapError) -> bool:
    """Whether another request may fare better."""
    from roadmap_cli.core.errors import TryLater

    return isinstance(error, TryLater) or (isinstance(error, Unavailable) and error.code in _MAYBE_CHARGED)


def _where(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, int]:
    """The first changed file and line, from 1."""
    name = min(after)
    old, new = before[name].split("\n"), after[name].split("\n")
    same = next((number for number, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
    return name, (min(len(old), len(new)) if same is None else same) + 1
