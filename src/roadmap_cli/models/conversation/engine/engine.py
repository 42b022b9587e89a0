"""The engine: requests wait, sit down where most of their beginning is worked out, and are computed together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from roadmap_cli.core.errors import DataError, RoadmapError, Unavailable, UsageError
from roadmap_cli.models.conversation.chat import Infill, Options, Tally, check_messages
from roadmap_cli.models.conversation.engine.context import (
    DEFAULT_CONTEXT,
    WORTH_SHARING,
    Context,
    EngineSettings,
    Place,
    SavedSequence,
)
from roadmap_cli.models.conversation.engine.requests import Done, Event, Failed, Piece, Request
from roadmap_cli.models.conversation.engine.speech import Speech
from roadmap_cli.models.conversation.llama import Weights, last_error

#: Characters for each token of the context, from which on only the beginning of a text is looked at first.
FAR_TOO_LONG = 16


class Engine:
    """A loaded model and its sequences. Not for several threads at once; `step` does the work.

    Raises InputMissing, DataError (no file, not a model), UsageError (a context the model does not take) and
    Unavailable (no memory, no llama-cpp-python).
    """

    def __init__(self, name: str, path: Path, settings: EngineSettings) -> None:
        self.name = name
        self.settings = settings
        self.sequences = settings.sequences
        self._weights = weights = Weights(path, repack=settings.repack)
        self._llama = weights.llama
        wanted = settings.context_size
        self.written = self.read = 0  # in the last step: tokens written, tokens of prompts read
        self._queue: deque[Request] = deque()
        self._tickets = 0
        self._steps = 0
        self._events: list[Event] = []
        try:
            if wanted is not None and not 8 <= wanted <= weights.trained:
                raise UsageError(f"a context of {wanted} tokens: model {name!r} takes 8 to {weights.trained}")
            self.context_size = wanted or min(DEFAULT_CONTEXT, weights.trained)
            self._context = Context(name, weights, settings, self.context_size)
        except RoadmapError:
            weights.close()
            raise
        self.cells = self._context.cells
        self._places = self._context.places

    def close(self) -> None:
        """Free weights and memory."""
        for request in (*self._queue, *(place.request for place in self._places if place.request)):
            self._llama.llama_sampler_free(request.sampler)
        self._queue.clear()
        for place in self._places:
            place.request = None
        self._context.close()
        self._weights.close()

    def submit(
        self, messages: str | Infill | Sequence[Mapping[str, str]], options: Options, tally: Tally | None = None
    ) -> int:
        """Take in a conversation, bare text to be continued, or a gap to be filled; its ticket.

        It waits if all sequences are taken. Raises DataError (nothing asked, a prompt longer than the context),
        UsageError (options without meaning, a gap for a model that fills none).
        """
        options.check()
        if isinstance(messages, str):
            if not messages:
                raise DataError("the prompt is empty", code="empty_prompt")
            self._refuse_far_too_long([messages])
            prompt = self._weights.text_prompt(messages)
        elif isinstance(messages, Infill):
            self._refuse_far_too_long([messages.before, messages.after])
            prompt = self._weights.infill_prompt(messages)
        else:
            checked = check_messages(messages)
            self._refuse_far_too_long([message["content"] for message in checked])
            prompt = self._weights.prompt(checked)
        tally = tally or Tally()
        tally.prompt_tokens, tally.completion_tokens = len(prompt), 0
        if len(prompt) >= self.context_size:
            raise DataError(
                f"the prompt has {len(prompt)} tokens and the context only {self.context_size}", code="prompt_too_long"
            )
        self._context.open()
        sampler = self._weights.sampler(options)
        self._tickets += 1
        speech = Speech(options.stop)
        self._queue.append(Request(self._tickets, prompt, self._cuts(prompt), options, tally, sampler, speech))
        return self._tickets

    @property
    def takes_infill(self) -> bool:
        """Whether the model was trained to fill gaps: its vocabulary has the tokens for that."""
        return self._weights.gap is not None

    def _refuse_far_too_long(self, texts: Sequence[str]) -> None:
        """Spare the work of making tokens of a text whose beginning alone is longer than the context."""
        most = self.context_size * FAR_TOO_LONG
        for text in texts:
            if len(text) > most and len(self._weights.tokens(text[:most], control=False)) > self.context_size:
                raise DataError(
                    f"the prompt has {len(text)} characters, far more than the context of {self.context_size} tokens",
                    code="prompt_too_long",
                )

    def _cuts(self, prompt: Sequence[int]) -> list[int]:
        return [cut for cut in self._weights.cuts(prompt) if cut < len(prompt)]

    def cancel(self, ticket: int) -> None:
        """Forget a request; nothing more is told of it. One that is finished already is no matter."""
        for request in self._queue:
            if request.ticket == ticket:
                self._queue.remove(request)
                self._llama.llama_sampler_free(request.sampler)
                return
        for place in self._places:
            if place.request and place.request.ticket == ticket:
                self._leave(place)
                return

    @property
    def busy(self) -> bool:
        """Whether `step` has something to do."""
        return bool(self._queue or self._events) or any(place.request for place in self._places)

    @property
    def in_flight(self) -> int:
        """Requests that have a sequence."""
        return sum(place.request is not None for place in self._places)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is."""
        return len(self._weights.tokens(text, control=False))

    def count_prompt_tokens(self, messages: Sequence[Mapping[str, str]]) -> int:
        """How many tokens a conversation is, with what the model's template puts around it."""
        return len(self._weights.prompt(messages))

    def step(self) -> list[Event]:
        """Do one call's worth of work: at most `BATCH` tokens; what came of it."""
        self._steps += 1
        self._admit()
        working = [place for place in self._places if place.request]
        if working:
            self._work(working)
        events, self._events = self._events, []
        return events

    def _work(self, working: list[Place]) -> None:
        parts = self._parts(working)
        status = self._context.decode(parts)
        while status == 1:  # no room in the cells: nothing was changed
            if not self._make_room([place for place, _ in parts]):
                return
            parts = [part for part in parts if part[0].request]
            status = self._context.decode(parts)
        if status != 0:
            self._fail_all(status)
            return
        last, self.written, self.read = -1, 0, 0
        for place, tokens in parts:
            last += len(tokens)
            request = place.request
            assert request is not None
            place.held += tokens
            place.used = self._steps
            if len(place.held) <= len(request.prompt):
                place.whole = len(place.held)
                self.read += len(tokens)
            else:
                self.written += 1
            if len(place.held) >= len(request.prompt):
                self._write(place, request, last)

    def _parts(self, working: list[Place]) -> list[tuple[Place, list[int]]]:
        """What is computed next: a token of each that writes, then a block of each that reads while there is room."""
        parts: list[tuple[Place, list[int]]] = []
        room = self._context.room
        for place in working:
            assert place.request is not None
            if place.request.next is not None:
                parts.append((place, [place.request.next]))
                room -= 1
        for place in sorted(working, key=lambda each: each.request.ticket if each.request else 0):
            request = place.request
            assert request is not None
            if request.next is not None:
                continue
            start = len(place.held)
            end = len(request.prompt)
            if self.settings.exact:
                end = next((cut for cut in request.cuts if cut > start), end)
            elif room >= WORTH_SHARING:
                end = min(end, start + room)
            if end - start <= room:
                parts.append((place, request.prompt[start:end]))
                room -= end - start
        return parts

    def _write(self, place: Place, request: Request, index: int) -> None:
        """Choose the next token of a reply and say what it spells."""
        chosen = int(self._llama.llama_sampler_sample(request.sampler, self._context.handle, index))
        if self._weights.ends_generation(chosen):
            self._finish(place, request, "stop")
            return
        request.count += 1
        request.tally.completion_tokens = request.count
        text, stopped = request.speech.take(self._weights.spelled(chosen))
        if text:
            self._events.append(Piece(request.ticket, text))
        if stopped:
            self._finish(place, request, "stop", rest=False)
        elif request.count >= request.options.max_tokens or len(place.held) + 1 >= self.context_size:
            self._finish(place, request, "length")
        else:
            request.next = chosen

    def _finish(self, place: Place, request: Request, finish: str, *, rest: bool = True) -> None:
        request.tally.finish = finish
        if rest:
            text, stopped = request.speech.rest()
            if stopped:
                request.tally.finish = "stop"
            if text:
                self._events.append(Piece(request.ticket, text))
        self._events.append(Done(request.ticket, request.tally))
        self._leave(place)

    def _leave(self, place: Place) -> None:
        """Free a sequence of its request; what it worked out stays."""
        if place.request:
            self._llama.llama_sampler_free(place.request.sampler)
            place.request = None
        if not self._weights.can_go_back and len(place.held) > place.whole:
            place.whole = 0  # a recurrent memory can be taken over only as it is

    def _fail_all(self, status: int) -> None:
        """Nothing in the model's memory can be trusted any more: begin anew."""
        error = f"llama.cpp cannot go on (status {status}): {last_error()}"
        for place in self._places:
            if place.request:
                self._events.append(Failed(place.request.ticket, Unavailable(error, code="no_memory")))
                self._leave(place)
        self._context.clear()

    def _admit(self) -> None:
        """Give free sequences to requests in the order they came, but let one wait whose beginning is being read."""
        waiting: list[Request] = []
        while self._queue and (free := [place for place in self._places if place.request is None]):
            request = self._queue.popleft()
            source, kept = self._best(request)
            if self._is_being_read(request.prompt, kept):
                waiting.append(request)
                continue
            if self._reserved() + self._need(request) - kept > self.cells and len(free) < self.sequences:
                waiting.append(request)
                break
            self._seat(request, self._place_for(source, kept, free), source, kept)
        self._queue.extendleft(reversed(waiting))

    def _best(self, request: Request) -> tuple[Place | None, int]:
        """The sequence that has worked out the longest beginning of a prompt, and how long that is."""
        prompt = request.prompt
        best: tuple[Place | None, int] = (None, 0)
        for place in self._places:
            limit = min(place.whole if self.settings.exact else len(place.held), len(prompt) - 1)
            if limit <= best[1]:
                continue
            same = _common(place.held, prompt, limit)
            if self.settings.exact:
                same = max((cut for cut in request.cuts if cut <= same), default=0)
            if not self._weights.can_go_back and same < len(place.held):
                same = 0
            if same > best[1]:
                best = (place, same)
        return best

    def _is_being_read(self, prompt: Sequence[int], kept: int) -> bool:
        """Whether another request is just reading a much longer beginning of this prompt."""
        for place in self._places:
            other = place.request
            if other is None or other.next is not None or len(place.held) >= len(other.prompt):
                continue
            same = _common(other.prompt, prompt, min(len(other.prompt), len(prompt)))
            cut = max((cut for cut in other.cuts if cut <= same), default=0)
            if cut >= max(kept, len(place.held)) + WORTH_SHARING and self._weights.can_go_back:
                return True
        return False

    def _need(self, request: Request) -> int:
        return min(len(request.prompt) + request.options.max_tokens, self.context_size)

    def _reserved(self) -> int:
        """Cells that the requests in flight may come to use."""
        return sum(self._need(place.request) - place.taken for place in self._places if place.request)

    def _place_for(self, source: Place | None, kept: int, free: list[Place]) -> Place:
        """The free sequence to sit in: the source itself if little of it is lost by that, else the longest unused."""
        if source in free and source is not None and (kept * 2 >= len(source.held) or len(free) == 1):
            return source
        others = [place for place in free if place is not source] or free
        return min(others, key=lambda place: (bool(place.held), place.used))

    def _seat(self, request: Request, place: Place, source: Place | None, kept: int) -> None:
        kept = self._context.take_over(place, source, kept)
        if source is not None and kept:
            source.used = self._steps
        place.held = request.prompt[:kept]
        place.whole = kept
        place.request = request
        place.used = self._steps
        request.tally.cached_tokens = kept

    def _make_room(self, wanted: list[Place]) -> bool:
        """Free cells: the longest unused beginning first, then the request that came last. False if nothing is left."""
        idle = [place for place in self._places if place.request is None and place.held]
        if idle:
            self._context.forget(min(idle, key=lambda place: place.used))
            return True
        active = sorted((place for place in wanted if place.request), key=lambda each: each.request.ticket)  # type: ignore[union-attr]
        if len(active) > 1:
            self._put_back(active[-1])
            return True
        for place in active:
            assert place.request is not None
            if place.request.count:
                self._finish(place, place.request, "length")
            else:
                problem = Unavailable(f"no room for the prompt of {len(place.request.prompt)} tokens", code="no_memory")
                self._events.append(Failed(place.request.ticket, problem))
                self._leave(place)
        return False

    def _put_back(self, place: Place) -> None:
        """Let a request wait once more; what it wrote is read again as if it were its prompt."""
        request = place.request
        assert request is not None
        if request.next is not None:
            request.prompt = [*place.held, request.next]
            request.cuts = self._cuts(request.prompt)
            request.next = None
        place.request = None
        self._context.forget(place)
        self._queue.appendleft(request)

    def save(self) -> Iterator[SavedSequence]:
        """What the sequences have worked out, the most recently used first; beginnings of others are left out."""
        return self._context.save()

    def restore(self, saved: Iterable[SavedSequence]) -> int:
        """Bring sequences back into free places, the first ones given first; the tokens that need not be read again.

        What does not fit this model or set-up is left out.
        """
        return self._context.restore(saved)

    def drop_caches(self) -> int:
        """Give back the memory of what was worked out; bytes. While something is in flight it is kept, and 0 comes."""
        if self.busy:
            for place in self._places:
                if place.request is None:
                    self._context.forget(place)
            return 0
        if not self._context.handle:
            return 0
        self._context.close()
        return self._context.bytes


def _common(one: Sequence[int], other: Sequence[int], limit: int) -> int:
    """How many of the first `limit` tokens are the same."""
    if one[:limit] == other[:limit]:
        return limit
    low, high = 0, limit  # one[:low] is the same, one[:high] is not
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
