"""The language model as a driver: it is asked, its answers are read, the tests decide, and what they say goes back.

The rules it keeps: no call that could take more than the budget has left is made; nothing a model says does anything
but change files that it was shown; the same change is proposed once, however it is spelled.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.driver import Candidate
from roadmap_cli.agent.drivers.llm import edits, gaps, naming, outcomes, prompt, untrusted
from roadmap_cli.agent.drivers.llm.budget import Budget, BudgetError, Hold
from roadmap_cli.agent.drivers.llm.outcomes import Counts, Expected
from roadmap_cli.core.errors import DataError, RoadmapError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from roadmap_cli.agent.driver import Problem, Verdict
    from roadmap_cli.agent.drivers.llm.gaps import Gap
    from roadmap_cli.agent.drivers.llm.prompt import Prompt
    from roadmap_cli.core.records import Record
    from roadmap_cli.models.batch import Batch
    from roadmap_cli.models.chat import Infill, Options, Reply
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport

PURPOSE = "agent-propose"
#: The kind that a stored permission must cover before a project's code is sent to an endpoint.
PROMPT_KIND = "agent.prompt"
#: Endpoints are counted by bytes, four a token; code has fewer bytes in one.
_ESTIMATE_FACTOR = 4 / 3
#: Failures after which the model's owner may charge for the call all the same.
_MAYBE_CHARGED = frozenset({"cut_off", "timed_out", "bad_reply"})
_MOST_FAILURES = 2
_FEWEST_TOKENS = 32
_CLOSING = "\n```\n"
_TEMPERATURES, _WARMER = (0.3, 1.0), (0.7, 1.2)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is asked. `samples` a round, `rounds` at most; `width` in flight, by default what the model takes.

    `prompt_tokens` is the most a prompt may have where nobody says how large the model's context is, `reply_tokens`
    the most of an answer (by default what the code needs). Answers are tried as they come, unless one run of the
    tests takes `slow_tests_s` seconds: then a round is collected and ranked first. `forms` are formats to be asked
    for, by default what the model is known to write well.
    """

    samples: int = 8
    rounds: int = 3
    width: int | None = None
    prompt_tokens: int = 12_000
    reply_tokens: int | None = None
    slow_tests_s: float = 5.0
    forms: tuple[str, ...] = ()


@dataclass(slots=True)
class _Asked:
    """A request: what is asked (`plain` without tools), in which format, and what was held back for it."""

    form: str
    what: list[dict[str, str]] | Infill
    options: Options
    tokens: int
    gap: Gap | None = None
    plain: list[dict[str, str]] | None = None
    held: Hold | None = None


@dataclass(slots=True)
class _Round:
    """What a round has brought so far: candidates by patch, how many answers agree on each, problems of the rest."""

    found: dict[str, Candidate] = field(default_factory=dict)
    agreeing: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    last: tuple[str, str] | None = None


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
        self._answers: dict[str, tuple[str, str]] = {}  # by patch: format, text of the reply
        self._verdicts: list[Verdict] = []
        self._counts: dict[str, Counts] = {}
        self._failures, self._replied, self._skew = 0, False, 1.0
        self._first_error: RoadmapError | None = None
        self._last: tuple[str, str] | None = None
        self._name, self._without_tools, self._narrow, self._merges = "", True, False, False
        self._is_open, self._longer = False, 1
        self._key = 0

    # -- the contract ------------------------------------------------------------------------------------------------

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Proposals as they come from the model. Raises Unavailable and ConfigError if there is no model to ask."""
        from roadmap_cli.models.selection import open_batch

        self.stopped, self.reason = None, ""
        self._longer = 1
        self._failures, self._first_error, self._replied, self._skew = 0, None, False, 1.0
        self._verdicts.clear()
        batch = open_batch(
            self._model, environ=self._environ, ledger=self._ledger, transport=self._transport, kinds=(PROMPT_KIND,),
            width=self._settings.width, purpose=PURPOSE,
        )  # fmt: skip
        flying: dict[int, _Asked] = {}
        self._name, self._without_tools, self._is_open = batch.name, not batch.takes_tools, True
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
            self._keep()
        if self.stopped == "unavailable" and self._first_error is not None and not self._replied:
            raise self._first_error

    def told(self, verdict: Verdict) -> None:
        """What the tests said of a proposal: it goes into the next round's question, and into the model's record."""
        answer = self._answers.get(verdict.candidate.patch)
        if answer is None:
            return
        self._verdicts.append(verdict)
        counts = self._of(answer[0])
        counts.confirmed += verdict.outcome == "confirmed"
        counts.partial += verdict.outcome == "partial"
        if not self._is_open:
            self._keep()

    def expected(self) -> Expected:
        """What a run promises, from earlier runs with this model; loads nothing. Raises ConfigError."""
        name, size, local = self._resolved()
        return outcomes.expected(
            self._history(name), outcomes.billions(*size), local=local, rounds=self._settings.rounds
        )

    # -- rounds ------------------------------------------------------------------------------------------------------

    def _rounds(self, batch: Batch, problem: Problem, flying: dict[int, _Asked]) -> Iterator[Candidate]:
        past = self._history(batch.name)
        size = outcomes.billions(*self._resolved()[1])
        ask = self._composed(batch, problem, size)
        if ask is None:
            return
        barren = skipped = 0
        for number in range(self._settings.rounds):
            if number and self._narrow and not any(each.outcome == "partial" for each in self._verdicts):
                other = self._composed(batch, problem, size, skip=skipped + 1)
                if other is not None:
                    ask, skipped = other, skipped + 1
                    self._verdicts.clear()
            said = self._feedback(batch, ask, problem, number)
            form = self._form(past, size, ask)
            requests = self._requests(batch, ask, form, said, number)
            if number == 0 and batch.takes_infill:
                requests = [*self._gaps(batch, ask), *requests]
            this = _Round()
            for batch_of in self._answered(batch, requests, flying, ask, problem, this):
                yield from batch_of
            self._last = this.last
            if self.stopped:
                return
            if this.problems[edits.CUT_OFF] * 2 >= len(requests):
                self._longer = min(4, self._longer * 2)
            barren = 0 if this.found else barren + 1
            if this.problems:
                worst = ", ".join(f"{count}x {words}" for words, count in this.problems.most_common(3))
                self._note(f"round {number + 1} as {form}: {len(this.found)} new candidates; {worst}")
            if barren >= 2:
                break
        if self._first_error is not None and not self._replied:
            self._end("unavailable", self._first_error.message)
        self._end("exhausted", f"{self._settings.rounds} rounds asked" if barren < 2 else "the model repeats itself")

    def _form(self, past: Mapping[str, Counts], size: float | None, ask: Prompt) -> str:
        """The format to ask for: one that the model writes well and that suits what it was shown."""
        forms = list(self._settings.forms) or outcomes.formats(self._merged(past), size)
        if ask.suspects[0].function or ask.is_whole:
            return forms[0]
        return next((form for form in forms if form != "function"), "search")

    def _answered(
        self, batch: Batch, requests: Sequence[_Asked], flying: dict[int, _Asked], ask: Prompt, problem: Problem,
        this: _Round,
    ) -> Iterator[list[Candidate]]:  # fmt: skip
        """Keep requests in flight and yield candidates: as they come, or ranked at the end if tests are slow."""
        waiting = deque(requests)
        gather = problem.case.test_seconds * max(1, len(problem.case.selecting)) >= self._settings.slow_tests_s
        while True:
            while waiting and not self.stopped and batch.flying < (1 if self._failures else max(1, batch.width)):
                if not self._submit(batch, waiting[0], flying):
                    break
                waiting.popleft()
            if not batch.flying:
                break
            fresh, began = list[Candidate](), self._timer()
            results = batch.wait(self._stop)
            self._of(requests[-1].form).duration_ms += round((self._timer() - began) * 1000)
            for key, result in results:
                asked = flying.pop(key)
                again = self._settled(asked, result)
                if again is not None:
                    waiting.appendleft(again)
                if not isinstance(result, RoadmapError):
                    fresh += self._read(asked, result, ask, problem, this)
            if fresh and not gather:
                yield self._ranked(fresh, this, problem)
            if self._stop():
                self._end("cancelled", "told to stop")
                return
            if self.stopped:
                waiting.clear()
        if gather and this.found:
            yield self._ranked(list(this.found.values()), this, problem)

    def _submit(self, batch: Batch, asked: _Asked, flying: dict[int, _Asked]) -> bool:
        """Ask, if what it may take at most is left; False if that may yet be when what is in flight is counted."""
        if self._stop():
            self._end("cancelled", "told to stop")
            return True
        if asked.options.tools and self._without_tools:
            asked = _plainly(asked)
        read, written = round(asked.tokens * self._skew), asked.options.max_tokens
        try:
            asked.held = self.budget.hold(read + written, batch.price(read, written))
        except BudgetError as error:
            if flying:
                return False
            self._end("budget", str(error))
            return True
        self._key += 1
        self._of(asked.form).requests += 1
        try:
            batch.submit(self._key, _merged(asked.what) if self._merges else asked.what, asked.options)
        except RoadmapError as error:
            again = self._settled(asked, error)
            return again is None or self._submit(batch, again, flying)
        flying[self._key] = asked
        return True

    def _settled(self, asked: _Asked, result: Reply | RoadmapError) -> _Asked | None:
        """Count what a call took; the request to make instead of one that was refused, if there is one."""
        assert asked.held is not None
        counts = self._of(asked.form)
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
            self._without_tools = True
            return _plainly(asked)
        self._first_error = self._first_error or result
        self._failures += 1
        self._note(f"a request failed: {result.message}")
        if self._failures >= _MOST_FAILURES or not _may_pass(result):
            self._end("unavailable", result.message)
        return None

    def _read(self, asked: _Asked, reply: Reply, ask: Prompt, problem: Problem, this: _Round) -> list[Candidate]:
        """The new candidates in an answer."""
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
        counts = self._of(asked.form)
        counts.usable += bool(reading.proposals)
        counts.unchanged += reading.echoed
        this.problems.update(reading.problems[:2] if not reading.proposals else ())
        if not reading.proposals and asked.gap is None:
            this.last = text, reading.problems[0]
        found = list[Candidate]()
        for proposal in reading.proposals:
            candidate = self._candidate(proposal, asked, ask, problem)
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

    def _candidate(self, proposal: edits.Proposal, asked: _Asked, ask: Prompt, problem: Problem) -> Candidate | None:
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
        model = self._name.replace("+", "-")
        template = f"llm:{model}:{proposal.format if asked.gap is None else 'infill'}"
        return Candidate(dict(proposal.changed), patch, template, file, line, function, 0.0, False)

    def _ranked(self, candidates: list[Candidate], this: _Round, problem: Problem) -> list[Candidate]:
        """The most agreed upon first, then the smallest; a score says so."""
        scored = []
        for candidate in candidates:
            before = {name: problem.project.files[name].decode(errors="replace") for name in candidate.changed}
            lines = naming.size(before, candidate.changed)
            agreeing = this.agreeing[candidate.patch]
            scored.append(replace(candidate, score=agreeing / (agreeing + 1) / (1 + lines / 20)))
        return sorted(scored, key=lambda each: (-each.score, each.file, each.line, each.patch))

    # -- requests ----------------------------------------------------------------------------------------------------

    def _composed(self, batch: Batch, problem: Problem, size: float | None, skip: int = 0) -> Prompt | None:
        """The prompt for this problem and model, or None if there is nothing to ask about or no room for it."""
        self._last = None if skip == 0 else self._last
        factor = _ESTIMATE_FACTOR if batch.is_estimate else 1.0
        self._count = lru_cache(maxsize=4096)(lambda text: ceil(batch.count_tokens(text) * factor))
        context = batch.context_size
        room = self._settings.prompt_tokens
        if context is not None:
            room = min(room, context - max(96, min(context // 3, self._settings.reply_tokens or 1024)))
        self._narrow = size is not None and size < outcomes.TINY
        ask = prompt.compose(problem, self._count, room, narrow=self._narrow, skip=skip)
        if skip:
            self._last = self._last if ask is None else None
        elif ask is None:
            self._end("no_room", f"the code does not fit into {room} tokens, or no source is suspect")
        elif ask.left_out:
            self._note(f"left out of the prompt: {', '.join(ask.left_out)}")
        return ask

    def _requests(
        self, batch: Batch, ask: Prompt, form: str, said: Sequence[tuple[str, str]], number: int
    ) -> list[_Asked]:
        """The samples of a round: the same question at rising temperature, each with a seed of its own."""
        from roadmap_cli.models.chat import Options

        whole = form == "function" and bool(ask.suspects[0].function)
        tool: Mapping[str, Any] | None = None
        if not self._without_tools:
            tool = prompt.tools("function" if whole else "search")
        messages = ask.messages(prompt.request("tool" if tool else form, ask), said)
        plain = ask.messages(prompt.request(form, ask), said) if tool else None
        tokens = sum(self._count(message["content"]) + 8 for message in messages) + 16
        if tool:
            tokens += self._count(str(tool))
        floor = 96 if self._narrow else 512
        most = self._settings.reply_tokens or max(
            floor if self._narrow else 192,
            ask.code_tokens * 3 // 2 + 96 if form in ("function", "file") else floor + ask.code_tokens // 2,
        )
        most *= self._longer
        wanted = most
        if batch.context_size is not None:
            most = min(most, batch.context_size - tokens)
        if most < min(_FEWEST_TOKENS, wanted):
            self._end("no_room", f"the prompt of {tokens} tokens leaves no room for an answer")
            return []
        requests = list[_Asked]()
        samples = self._settings.samples
        low, high = _TEMPERATURES if not (number and self._narrow) else _WARMER
        for sample in range(samples):
            warm = 0.0 if sample == 0 and number == 0 else low + (high - low) * sample / max(1, samples - 1)
            seed = int.from_bytes(hashlib.sha256(f"{self._seed}:{number}:{sample}".encode()).digest()[:4]) >> 1
            options = Options(max_tokens=most, temperature=round(warm, 3), seed=seed, stop=self._stops(form))
            if tool:
                options = replace(options, stop=(), tools=(tool,), tool=str(tool["name"]))
            requests.append(_Asked(form, messages, options, tokens, plain=plain))
        return requests

    def _stops(self, form: str) -> tuple[str, ...]:
        """Small models go on talking behind their code: they are stopped where its fence closes."""
        return (_CLOSING,) if self._narrow and form == "function" else ()

    def _gaps(self, batch: Batch, ask: Prompt) -> list[_Asked]:
        """Suspect statements taken out, for a model that fills gaps: the likeliest filling, and a warmer one."""
        from roadmap_cli.models.chat import Options

        room = batch.context_size or self._settings.prompt_tokens
        found = gaps.gaps(ask.suspects, ask.shown, self._count, room, max(1, self._settings.samples // 2))
        requests = list[_Asked]()
        for warm in (0.0, 0.8):
            for number, gap in enumerate(found):
                tokens = self._count(gap.asked.before) + self._count(gap.asked.after) + 8
                options = Options(gaps.MOST_TOKENS, warm, seed=self._seed + number, stop=("\n\n",))
                requests.append(_Asked("infill", gap.asked, options, tokens, gap))
        return requests

    def _feedback(self, batch: Batch, ask: Prompt, problem: Problem, number: int) -> list[tuple[str, str]]:
        """What was said of the last answers: the tests' verdicts, else why they could not be used.

        Small models copy what they are shown, so they are told only of what mended a part.
        """
        mended = any(each.outcome in ("partial", "regressed") for each in self._verdicts[-5:])
        if number == 0 or (self._narrow and not mended):
            return []
        if self._verdicts:
            best = min(
                self._verdicts[-5:], key=lambda each: (each.outcome not in ("partial", "regressed"), each.failing)
            )
            answer, reply = self._answers[best.candidate.patch][1], prompt.told(self._verdicts, problem)
        elif self._last is not None:
            answer, reply = self._last[0], f"That cannot be used: {self._last[1]}. Answer in the form asked for."
        else:
            return []
        answer = untrusted.visible(untrusted.shortened(answer.strip(), 60)) or "(nothing)"
        room = (batch.context_size or self._settings.prompt_tokens * 2) - ask.tokens - ask.code_tokens * 3 // 2 - 160
        for shorter in (60, 12, 2):
            told = untrusted.shortened(answer, shorter), untrusted.shortened(reply, 4 * shorter)
            if self._count(told[0]) + self._count(told[1]) <= room:
                return [told]
        return []

    # -- the model ---------------------------------------------------------------------------------------------------

    def _resolved(self) -> tuple[str, tuple[str, int | None], bool]:
        """The model's name; words that tell its size, and bytes of its file; whether it runs on this machine."""
        from pathlib import Path

        from roadmap_cli.models import registry

        found = registry.load(self._environ)
        name = self._model or self._environ.get("ROADMAP_MODEL") or found.defaults["chat"]
        if name in found.endpoints:
            return name, (found.endpoints[name].model, None), False
        if name.endswith(".gguf") or "/" in name:
            path = Path(name).expanduser()
            return path.stem, (path.stem, _bytes(path)), True
        model = found.models.get(name)
        return name, (name, model.size if model else None), True

    def _history(self, name: str) -> dict[str, Counts]:
        if self._ledger is None:
            return {}
        with self._ledger.state.read() as tx:
            return outcomes.history(tx, name)

    def _merged(self, past: Mapping[str, Counts]) -> dict[str, Counts]:
        merged: dict[str, Counts] = {}
        for each in (past, self._counts):
            for form, counts in each.items():
                merged.setdefault(form, Counts()).add(counts)
        return merged

    def _of(self, form: str) -> Counts:
        return self._counts.setdefault(form, Counts())

    def records(self) -> list[Record]:
        """What this run got out of the model so far, a record for each format; also stored when it ends."""
        from roadmap_cli.core import clock
        from roadmap_cli.core.records import run_id

        now = self._ledger.now() if self._ledger else clock.system()
        return [
            outcomes.record(
                self._name, form, counts, run_id=self._ledger.run_id if self._ledger else None,
                id=run_id(outcomes.KIND, now), at=clock.stamp(now),
            )
            for form, counts in self._counts.items()
            if counts != Counts()
        ]  # fmt: skip

    def _keep(self) -> None:
        """Store how the model fared."""
        found = self.records()
        self._counts = {}
        if self._ledger is None or not found:
            return
        from roadmap_cli.state import records

        with self._ledger.state.write() as tx:
            records.put_many(tx, found)

    def _end(self, status: str, reason: str) -> None:
        if self.stopped is None:
            self.stopped, self.reason = status, reason
            self._note(f"{status}: {reason}")


def _plainly(asked: _Asked) -> _Asked:
    """The same request without tools."""
    options = replace(asked.options, tools=(), tool=None)
    return replace(asked, what=asked.plain or asked.what, options=options, plain=None, held=None)


def _merged(asked: list[dict[str, str]] | Infill) -> list[dict[str, str]] | Infill:
    """A conversation for templates that know no system message: it stands before the first question."""
    if not isinstance(asked, list) or asked[0]["role"] != "system":
        return asked
    system, first, *rest = asked
    return [{"role": "user", "content": f"{system['content']}\n\n{first['content']}"}, *rest]


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


def _bytes(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_size
    return None
