"""How a model is asked: how much room there is, in which format, how often and how freely it may answer.

All samples of a round are the same question, so that its beginning is read once; only temperature and seed differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.drivers.llm import gaps, outcomes, prompt, untrusted

if TYPE_CHECKING:
    from roadmap_cli.agent.drivers.llm.budget import Hold
    from roadmap_cli.agent.drivers.llm.gaps import Gap
    from roadmap_cli.agent.drivers.llm.outcomes import Counts
    from roadmap_cli.agent.drivers.llm.prompt import Prompt
    from roadmap_cli.agent.repair.driver import Problem, Verdict
    from roadmap_cli.models.conversation.batch import Batch
    from roadmap_cli.models.conversation.chat import Infill, Options

#: Endpoints are counted by bytes, four a token; code has fewer bytes in one.
_ESTIMATE_FACTOR = 4 / 3
_FEWEST_TOKENS = 32
_CLOSING = "\n```\n"
_TEMPERATURES, _WARMER = (0.3, 1.0), (0.7, 1.2)
_LATEST = 5


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
class Asked:
    """A request: what is asked (`plain` without tools), in which format, and what was held back for it."""

    form: str
    what: list[dict[str, str]] | Infill
    options: Options
    tokens: int
    gap: Gap | None = None
    plain: list[dict[str, str]] | None = None
    held: Hold | None = None

    def plainly(self) -> Asked:
        """The same request without tools."""
        options = replace(self.options, tools=(), tool=None)
        return replace(self, what=self.plain or self.what, options=options, plain=None, held=None)


def merged(asked: list[dict[str, str]] | Infill) -> list[dict[str, str]] | Infill:
    """A conversation for templates that know no system message: it stands before the first question."""
    if not isinstance(asked, list) or asked[0]["role"] != "system":
        return asked
    system, first, *rest = asked
    return [{"role": "user", "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def best_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Of the latest verdicts the one that comes nearest to a repair."""
    return min(verdicts[-_LATEST:], key=lambda each: (each.outcome not in ("partial", "regressed"), each.failing))


class Asking:
    """Questions for one model. `size` is of its parameters in thousand millions, None if nobody knows.

    `takes_tools` is set to False where a server turns out to refuse them; `longer` is by how much answers may be
    longer than the code suggests.
    """

    def __init__(self, batch: Batch, settings: Settings, size: float | None, seed: int) -> None:
        self._batch, self._settings, self._size, self._seed = batch, settings, size, seed
        self.takes_tools = batch.takes_tools
        self.narrow = size is not None and size < outcomes.TINY
        self.longer = 1
        factor = _ESTIMATE_FACTOR if batch.is_estimate else 1.0
        self._count: Callable[[str], int] = lru_cache(maxsize=4096)(
            lambda text: ceil(batch.count_tokens(text) * factor)
        )

    @property
    def room(self) -> int:
        """Tokens that a prompt may have."""
        most, context = self._settings.prompt_tokens, self._batch.context_size
        if context is None:
            return most
        return min(most, context - max(96, min(context // 3, self._settings.reply_tokens or 1024)))

    def compose(self, problem: Problem, skip: int = 0) -> Prompt | None:
        """The prompt for a problem; None if there is nothing to ask about, or no room for it."""
        return prompt.compose(problem, self._count, self.room, narrow=self.narrow, skip=skip)

    def form(self, fared: Mapping[str, Counts], ask: Prompt) -> str:
        """The format to ask for: one that the model writes well and that suits what it is shown."""
        forms = list(self._settings.forms) or outcomes.formats(fared, self._size)
        if ask.suspects[0].function or ask.is_whole:
            return forms[0]
        return next((form for form in forms if form != "function"), "search")

    def samples(self, ask: Prompt, form: str, said: Sequence[tuple[str, str]], number: int) -> list[Asked]:
        """The samples of round `number` (from 0) at rising temperature; none if there is no room for an answer."""
        from roadmap_cli.models.conversation.chat import Options

        tool: Mapping[str, Any] | None = None
        if self.takes_tools:
            tool = prompt.tools("function" if form == "function" and ask.suspects[0].function else "search")
        messages = ask.messages(prompt.request("tool" if tool else form, ask), said)
        plain = ask.messages(prompt.request(form, ask), said) if tool else None
        tokens = sum(self._count(message["content"]) + 8 for message in messages) + 16
        tokens += self._count(str(tool)) if tool else 0
        wanted = most = self._answer_tokens(ask, form) * self.longer
        if self._batch.context_size is not None:
            most = min(most, self._batch.context_size - tokens)
        if most < min(_FEWEST_TOKENS, wanted):
            return []
        requests = list[Asked]()
        low, high = _WARMER if number and self.narrow else _TEMPERATURES
        for sample in range(self._settings.samples):
            warm = low + (high - low) * sample / max(1, self._settings.samples - 1)
            if sample == 0 and number == 0:
                warm = 0.0
            seed = int.from_bytes(hashlib.sha256(f"{self._seed}:{number}:{sample}".encode()).digest()[:4]) >> 1
            options = Options(max_tokens=most, temperature=round(warm, 3), seed=seed, stop=self._stops(form))
            if tool:
                options = replace(options, stop=(), tools=(tool,), tool=str(tool["name"]))
            requests.append(Asked(form, messages, options, tokens, plain=plain))
        return requests

    def gaps(self, ask: Prompt) -> list[Asked]:
        """Suspect statements taken out, for a model that fills gaps: the likeliest filling, and a warmer one."""
        from roadmap_cli.models.conversation.chat import Options

        if not self._batch.takes_infill:
            return []
        room = self._batch.context_size or self._settings.prompt_tokens
        found = gaps.gaps(ask.suspects, ask.shown, self._count, room, max(1, self._settings.samples // 2))
        requests = list[Asked]()
        for warm in (0.0, 0.8):
            for number, gap in enumerate(found):
                tokens = self._count(gap.asked.before) + self._count(gap.asked.after) + 8
                options = Options(gaps.MOST_TOKENS, warm, seed=self._seed + number, stop=("\n\n",))
                requests.append(Asked("infill", gap.asked, options, tokens, gap))
        return requests

    def said(
        self, ask: Prompt, problem: Problem, verdicts: Sequence[Verdict], answers: Mapping[str, tuple[str, str]],
        last: tuple[str, str] | None,
    ) -> list[tuple[str, str]]:  # fmt: skip
        """What goes back for the next round: an answer, and what was found of it.

        The tests' verdicts, else why the last answer could not be used. Small models copy what they are shown, so
        they are told only of what mended a part.
        """
        mended = any(each.outcome in ("partial", "regressed") for each in verdicts[-_LATEST:])
        if self.narrow and not mended:
            return []
        if verdicts:
            answer = answers[best_of(verdicts).candidate.patch][1]
            reply = prompt.told(verdicts, problem)
        elif last is not None:
            answer, reply = last[0], f"That cannot be used: {last[1]}. Answer in the form asked for."
        else:
            return []
        answer = untrusted.visible(untrusted.shortened(answer.strip(), 60)) or "(nothing)"
        context = self._batch.context_size or self._settings.prompt_tokens * 2
        room = context - ask.tokens - ask.code_tokens * 3 // 2 - 160
        for shorter in (60, 12, 2):
            told = untrusted.shortened(answer, shorter), untrusted.shortened(reply, 4 * shorter)
            if self._count(told[0]) + self._count(told[1]) <= room:
                return [told]
        return []

    def _answer_tokens(self, ask: Prompt, form: str) -> int:
        """How long an answer may be: what the code shown needs, and some words around it."""
        if self._settings.reply_tokens is not None:
            return self._settings.reply_tokens
        if form == "function":
            return max(96 if self.narrow else 192, ask.code_tokens * 3 // 2 + 96)
        return (96 if self.narrow else 512) + ask.code_tokens // 2

    def _stops(self, form: str) -> tuple[str, ...]:
        """Small models go on talking behind their code: they are stopped where its fence closes."""
        return (_CLOSING,) if self.narrow and form == "function" else ()
