"""Continuous batching: many conversations with one model, decoded together, what they share worked out once.

A request waits until a sequence is free, takes over the longest beginning that any sequence has worked out already,
reads the rest of its prompt in blocks and then writes a token at each step, beside all others. Sequences share one
key-value memory; the beginning of a finished one stays for whoever can use it, until the room is needed.

The method is that of Orca (Yu et al., OSDI 2022, iteration-level scheduling) with the prefix sharing of
SGLang's RadixAttention (Zheng et al., 2024) over llama.cpp's cells, which may belong to several sequences at once.

What a reply depends on: llama.cpp's numbers differ in their last digits with how many tokens are computed together.
A prompt is therefore cut where its own tokens say, and with `exact` only whole blocks of prompts are taken over, so
that a request that is alone in an engine of one sequence gets the same reply whatever was asked before. Requests in
flight together may tip a choice between two nearly equal tokens the other way; nothing else of them is shared.
"""

from __future__ import annotations

import codecs
import ctypes
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, RoadmapError, Unavailable, UsageError
from roadmap_cli.models import processors
from roadmap_cli.models.chat import Infill, Options, Tally, check_messages
from roadmap_cli.models.llama import Weights, last_error

DEFAULT_CONTEXT = 4096
#: Most tokens in one call of llama.cpp.
BATCH = 512
#: Cells of key-value memory that several sequences share: two whole contexts, or this if that is more.
FEWEST_CELLS = 4096
#: Of weights, below which one more thread costs more in waiting for each other than it brings.
BYTES_PER_THREAD = 128 << 20
#: Characters for each token of the context, from which on only the beginning of a text is looked at first.
FAR_TOO_LONG = 16
#: A beginning shorter than this is not waited for, nor kept on disk.
WORTH_SHARING = 32
_TYPES = {"f16": (1, 2.0), "q8_0": (8, 34 / 32)}  # ggml's number of the type, bytes for each number


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a model is set up. `context_size` is that of one sequence in tokens; by default 4096 or what it takes.

    `exact` False takes over replies, too, not only prompts, and reads a prompt in as few pieces as there is room for:
    the next turn of a chat reads nothing twice, but its last digits may differ from those of a fresh start.
    """

    context_size: int | None = None
    sequences: int = 8
    threads: int | None = None
    kv_type: str = "f16"
    repack: bool = True
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reply: whole characters."""

    ticket: int
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A reply is finished; how is in the tally."""

    ticket: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class Failed:
    """A request came to nothing."""

    ticket: int
    error: RoadmapError


Event = Piece | Done | Failed


@dataclass(frozen=True, slots=True)
class SavedSequence:
    """What a sequence had worked out: its tokens, how many of them from the start were a prompt, llama.cpp's bytes.

    The bytes tell what the text was: they belong on disk only encrypted.
    """

    tokens: tuple[int, ...]
    prompt: int
    state: bytes


@dataclass(slots=True, eq=False)
class _Request:
    """A conversation on its way."""

    ticket: int
    prompt: list[int]
    cuts: list[int]
    options: Options
    tally: Tally
    sampler: Any
    speech: _Speech
    count: int = 0  # tokens written
    next: int | None = None  # the token chosen last, not yet in the model's memory


@dataclass(slots=True, eq=False)
class _Sequence:
    """A place in the model's memory."""

    number: int
    held: list[int] = field(default_factory=list)  # the tokens in it
    whole: int = 0  # how many of them, from the start, were read in the blocks of a prompt
    taken: int = 0  # how many of them it shares with the sequence it took them from
    request: _Request | None = None
    used: int = 0  # when it was last worked on, in steps


def cells(sequences: int, context_size: int) -> int:
    """Tokens that all sequences may hold together: not all of them are full at once."""
    return min(sequences * context_size, max(2 * context_size, FEWEST_CELLS))


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
        self._context: Any = None
        self._batch: Any = None
        wanted = settings.context_size
        if wanted is not None and not 8 <= wanted <= weights.trained:
            self.close()
            raise UsageError(f"a context of {wanted} tokens: model {name!r} takes 8 to {weights.trained}")
        self.context_size = wanted or min(DEFAULT_CONTEXT, weights.trained)
        self.cells = cells(self.sequences, self.context_size)
        self.written = self.read = 0  # in the last step: tokens written, tokens of prompts read
        self._places = [_Sequence(number) for number in range(self.sequences)]
        self._queue: deque[_Request] = deque()
        self._tickets = 0
        self._steps = 0
        self._events: list[Event] = []
        try:
            self._open()
        except RoadmapError:
            self.close()
            raise

    def _open(self) -> None:
        """Make the context, or make it again after `drop_caches`."""
        if self._context:
            return
        llama, settings = self._llama, self.settings
        wanted = llama.llama_context_default_params()
        wanted.n_ctx = self.cells
        wanted.n_seq_max = self.sequences
        wanted.kv_unified = True
        wanted.n_batch = wanted.n_ubatch = min(BATCH, self.cells)
        usable = settings.threads or processors.available()
        wanted.n_threads_batch = usable
        size = self._weights.path.stat().st_size
        wanted.n_threads = settings.threads or min(usable, 1 + size // BYTES_PER_THREAD)
        wanted.type_k = wanted.type_v = _TYPES[settings.kv_type][0]
        if settings.kv_type == "f16":
            # On a processor llama.cpp's flash attention takes twice the time for the few tokens of a chat's next turn
            # behind a long beginning (14 tokens after 1,500: 540 ms of processor time instead of 270).
            wanted.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        wanted.no_perf = True
        self._context = llama.llama_init_from_model(self._weights.model, wanted)
        if not self._context:
            raise Unavailable(f"no memory for model {self.name!r}: {last_error()}", code="no_memory")
        self._memory = llama.llama_get_memory(self._context)
        self._room = int(llama.llama_n_batch(self._context))
        if self._batch is None:
            self._batch = llama.llama_batch_init(self._room, 0, 1)

    def close(self) -> None:
        """Free weights and memory."""
        for request in (
            [*self._queue, *(place.request for place in self._places if place.request)] if self._ready else ()
        ):
            self._llama.llama_sampler_free(request.sampler)
        if self._ready:
            self._queue.clear()
            for place in self._places:
                place.request = None
        if self._batch is not None:
            self._llama.llama_batch_free(self._batch)
            self._batch = None
        self._close_context()
        self._weights.close()

    @property
    def _ready(self) -> bool:
        return hasattr(self, "_places")

    def _close_context(self) -> None:
        if self._context:
            self._llama.llama_free(self._context)
            self._context = None

    # -- asking ------------------------------------------------------------------------------------------------------

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
        self._open()
        sampler = self._weights.sampler(options)
        self._tickets += 1
        speech = _Speech(options.stop)
        self._queue.append(_Request(self._tickets, prompt, self._cuts(prompt), options, tally, sampler, speech))
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

    # -- working -----------------------------------------------------------------------------------------------------

    def step(self) -> list[Event]:
        """Do one call's worth of work: at most `BATCH` tokens; what came of it."""
        self._steps += 1
        self._admit()
        working = [place for place in self._places if place.request]
        if working:
            self._work(working)
        events, self._events = self._events, []
        return events

    def _work(self, working: list[_Sequence]) -> None:
        parts = self._parts(working)
        status = self._decode(parts)
        while status == 1:  # no room in the cells: nothing was changed
            if not self._make_room([place for place, _ in parts]):
                return
            parts = [part for part in parts if part[0].request]
            status = self._decode(parts)
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

    def _parts(self, working: list[_Sequence]) -> list[tuple[_Sequence, list[int]]]:
        """What is computed next: a token of each that writes, then a block of each that reads while there is room."""
        parts: list[tuple[_Sequence, list[int]]] = []
        room = self._room
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

    def _decode(self, parts: list[tuple[_Sequence, list[int]]]) -> int:
        """One call of llama.cpp; 0 is well, 1 no room, anything else a failure."""
        batch, at = self._batch, 0
        token, pos, seq_count, seq_id, logits = batch.token, batch.pos, batch.n_seq_id, batch.seq_id, batch.logits
        for place, tokens in parts:
            request, start = place.request, len(place.held)
            assert request is not None
            for offset, each in enumerate(tokens):
                token[at] = each
                pos[at] = start + offset
                seq_count[at] = 1
                seq_id[at][0] = place.number
                logits[at] = 0
                at += 1
            logits[at - 1] = start + len(tokens) >= len(request.prompt)
        batch.n_tokens = at
        return int(self._llama.llama_decode(self._context, batch)) if at else 0

    def _write(self, place: _Sequence, request: _Request, index: int) -> None:
        """Choose the next token of a reply and say what it spells."""
        chosen = int(self._llama.llama_sampler_sample(request.sampler, self._context, index))
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

    def _finish(self, place: _Sequence, request: _Request, finish: str, *, rest: bool = True) -> None:
        request.tally.finish = finish
        if rest:
            text, stopped = request.speech.rest()
            if stopped:
                request.tally.finish = "stop"
            if text:
                self._events.append(Piece(request.ticket, text))
        self._events.append(Done(request.ticket, request.tally))
        self._leave(place)

    def _leave(self, place: _Sequence) -> None:
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
            self._forget(place)
        self._llama.llama_memory_clear(self._memory, False)

    # -- who sits where ----------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Give free sequences to requests in the order they came, but let one wait whose beginning is being read."""
        waiting: list[_Request] = []
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

    def _best(self, request: _Request) -> tuple[_Sequence | None, int]:
        """The sequence that has worked out the longest beginning of a prompt, and how long that is."""
        prompt = request.prompt
        best: tuple[_Sequence | None, int] = (None, 0)
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

    def _need(self, request: _Request) -> int:
        return min(len(request.prompt) + request.options.max_tokens, self.context_size)

    def _reserved(self) -> int:
        """Cells that the requests in flight may come to use."""
        return sum(self._need(place.request) - place.taken for place in self._places if place.request)

    def _place_for(self, source: _Sequence | None, kept: int, free: list[_Sequence]) -> _Sequence:
        """The free sequence to sit in: the source itself if little of it is lost by that, else the longest unused."""
        if source in free and source is not None and (kept * 2 >= len(source.held) or len(free) == 1):
            return source
        others = [place for place in free if place is not source] or free
        return min(others, key=lambda place: (bool(place.held), place.used))

    def _seat(self, request: _Request, place: _Sequence, source: _Sequence | None, kept: int) -> None:
        remove, copy = self._llama.llama_memory_seq_rm, self._llama.llama_memory_seq_cp
        if place is source:
            if not remove(self._memory, place.number, kept, -1):
                remove(self._memory, place.number, -1, -1)
                kept = 0
            place.taken = min(place.taken, kept)
        else:
            remove(self._memory, place.number, -1, -1)
            place.taken = kept
            if source is not None and kept:
                copy(self._memory, source.number, place.number, 0, kept)
                source.used = self._steps
        place.held = request.prompt[:kept]
        place.whole = kept
        place.request = request
        place.used = self._steps
        request.tally.cached_tokens = kept

    def _make_room(self, wanted: list[_Sequence]) -> bool:
        """Free cells: the longest unused beginning first, then the request that came last. False if nothing is left."""
        idle = [place for place in self._places if place.request is None and place.held]
        if idle:
            self._forget(min(idle, key=lambda place: place.used))
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

    def _put_back(self, place: _Sequence) -> None:
        """Let a request wait once more; what it wrote is read again as if it were its prompt."""
        request = place.request
        assert request is not None
        if request.next is not None:
            request.prompt = [*place.held, request.next]
            request.cuts = self._cuts(request.prompt)
            request.next = None
        place.request = None
        self._forget(place)
        self._queue.appendleft(request)

    def _forget(self, place: _Sequence) -> None:
        self._llama.llama_memory_seq_rm(self._memory, place.number, -1, -1)
        place.held, place.whole, place.taken = [], 0, 0

    # -- keeping -----------------------------------------------------------------------------------------------------

    def save(self) -> Iterator[SavedSequence]:
        """What the sequences have worked out, the most recently used first; beginnings of others are left out."""
        if not self._context:
            return
        kept: list[list[int]] = []
        for place in sorted(self._places, key=lambda each: -each.used):
            tokens = place.held
            if len(tokens) < WORTH_SHARING or any(other[: len(tokens)] == tokens for other in kept):
                continue
            kept.append(tokens)
            size = int(self._llama.llama_state_seq_get_size(self._context, place.number))
            room = (ctypes.c_uint8 * size)()
            size = int(self._llama.llama_state_seq_get_data(self._context, room, size, place.number))
            if size:
                yield SavedSequence(tuple(tokens), place.whole, bytes(memoryview(room)[:size]))

    def restore(self, saved: Iterable[SavedSequence]) -> int:
        """Bring sequences back into free places, the first ones given first; the tokens that need not be read again.

        What does not fit this model or set-up is left out.
        """
        self._open()
        restored = 0
        free = [place for place in self._places if place.request is None and not place.held]
        cells = self.cells - sum(len(place.held) for place in self._places)
        for each in saved:
            if not free:
                break
            if len(each.tokens) > min(cells, self.context_size):
                continue
            place = free[0]
            room = (ctypes.c_uint8 * len(each.state)).from_buffer_copy(each.state)
            if self._llama.llama_state_seq_set_data(self._context, room, len(each.state), place.number):
                free.pop(0)
                place.held, place.whole = list(each.tokens), each.prompt
                cells -= len(each.tokens)
                restored += len(each.tokens)
            else:
                self._forget(place)
        return restored

    def drop_caches(self) -> int:
        """Give back the memory of what was worked out; bytes. While something is in flight it is kept, and 0 comes."""
        if self.busy:
            for place in self._places:
                if place.request is None:
                    self._forget(place)
            return 0
        if not self._context:
            return 0
        freed = round(self.cells * self._weights.bytes_per_cell(_TYPES[self.settings.kv_type][1]))
        self._close_context()
        for place in self._places:
            place.held, place.whole, place.taken = [], 0, 0
        return freed


class _Speech:
    """Puts the bytes of tokens together to characters, and holds back what may be the beginning of a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._longest = max(map(len, stops), default=1) - 1
        self._waiting = ""

    def take(self, data: bytes) -> tuple[str, bool]:
        """What can be said now, and whether a stop text ended it."""
        return self._said(self._decoder.decode(data))

    def rest(self) -> tuple[str, bool]:
        """What was held back."""
        text, stopped = self._said(self._decoder.decode(b"", final=True))
        if not stopped:
            text, self._waiting = text + self._waiting, ""
        return text, stopped

    def _said(self, piece: str) -> tuple[str, bool]:
        if not self._stops:
            return piece, False
        self._waiting += piece
        places = [place for place in (self._waiting.find(stop) for stop in self._stops) if place >= 0]
        if places:
            return self._waiting[: min(places)], True
        cut = max(0, len(self._waiting) - self._longest)
        text, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return text, False


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
