"""llama.cpp's context: sequences with what each holds, in cells that may belong to several of them at once.

A cell is the keys and values of one token. What a sequence has worked out stays in its place for whoever can use it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import Unavailable
from roadmap_cli.models import processors
from roadmap_cli.models.conversation.engine.requests import Request
from roadmap_cli.models.conversation.llama import Weights, last_error


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
class SavedSequence:
    """What a sequence had worked out: its tokens, how many of them from the start were a prompt, llama.cpp's bytes.

    The bytes tell what the text was: they belong on disk only encrypted.
    """

    tokens: tuple[int, ...]
    prompt: int
    state: bytes


@dataclass(slots=True, eq=False)
class Place:
    """A place in the model's memory."""

    number: int
    held: list[int] = field(default_factory=list)  # the tokens in it
    whole: int = 0  # how many of them, from the start, were read in the blocks of a prompt
    taken: int = 0  # how many of them it shares with the sequence it took them from
    request: Request | None = None
    used: int = 0  # when it was last worked on, in steps


DEFAULT_CONTEXT = 4096
#: Most tokens in one call of llama.cpp.
BATCH = 512
#: Cells of key-value memory that several sequences share: two whole contexts, or this if that is more.
FEWEST_CELLS = 4096
#: Of weights, below which one more thread costs more in waiting for each other than it brings.
BYTES_PER_THREAD = 128 << 20
#: A beginning shorter than this is not waited for, nor kept on disk.
WORTH_SHARING = 32
_TYPES = {"f16": (1, 2.0), "q8_0": (8, 34 / 32)}  # ggml's number of the type, bytes for each number


def cells(sequences: int, context_size: int) -> int:
    """Tokens that all sequences may hold together: not all of them are full at once."""
    return min(sequences * context_size, max(2 * context_size, FEWEST_CELLS))


class Context:
    """llama.cpp's context for some weights: the places of sequences, and the cells that they share.

    It may be closed and opened again; then nothing is held any more. Raises Unavailable if there is no memory.
    """

    def __init__(self, name: str, weights: Weights, settings: EngineSettings, size: int) -> None:
        """`size` is the most tokens of one sequence."""
        self.places = [Place(number) for number in range(settings.sequences)]
        self.size = size
        self.cells = cells(settings.sequences, size)
        self._name, self._weights, self._settings = name, weights, settings
        self._llama = weights.llama
        self._memory: Any = None
        self._batch: Any = None
        self.handle: Any = None
        self.room = 0  # tokens in one call
        self.open()

    def open(self) -> None:
        """Make the context, or make it again."""
        if self.handle:
            return
        llama, settings = self._llama, self._settings
        wanted = llama.llama_context_default_params()
        wanted.n_ctx = self.cells
        wanted.n_seq_max = len(self.places)
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
        self.handle = llama.llama_init_from_model(self._weights.model, wanted)
        if not self.handle:
            raise Unavailable(f"no memory for model {self._name!r}: {last_error()}", code="no_memory")
        self._memory = llama.llama_get_memory(self.handle)
        self.room = int(llama.llama_n_batch(self.handle))
        if self._batch is None:
            self._batch = llama.llama_batch_init(self.room, 0, 1)

    def close(self) -> None:
        """Give its memory back; what the sequences held is gone."""
        if self._batch is not None:
            self._llama.llama_batch_free(self._batch)
            self._batch = None
        if self.handle:
            self._llama.llama_free(self.handle)
            self.handle = None
        for place in self.places:
            place.held, place.whole, place.taken = [], 0, 0

    @property
    def bytes(self) -> int:
        """The memory of its cells."""
        return round(self.cells * self._weights.bytes_per_cell(_TYPES[self._settings.kv_type][1]))

    def clear(self) -> None:
        """Forget all that the sequences hold."""
        for place in self.places:
            self.forget(place)
        self._llama.llama_memory_clear(self._memory, False)

    def decode(self, parts: list[tuple[Place, list[int]]]) -> int:
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
        return int(self._llama.llama_decode(self.handle, batch)) if at else 0

    def take_over(self, place: Place, source: Place | None, kept: int) -> int:
        """Let a place hold the first `kept` tokens of what a source holds, and nothing else; how many it could keep."""
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
        return kept

    def forget(self, place: Place) -> None:
        """Free the cells of a place, but for those that another shares."""
        self._llama.llama_memory_seq_rm(self._memory, place.number, -1, -1)
        place.held, place.whole, place.taken = [], 0, 0

    def save(self) -> Iterator[SavedSequence]:
        """What the sequences have worked out, the most recently used first; beginnings of others are left out."""
        if not self.handle:
            return
        kept: list[list[int]] = []
        for place in sorted(self.places, key=lambda each: -each.used):
            tokens = place.held
            if len(tokens) < WORTH_SHARING or any(other[: len(tokens)] == tokens for other in kept):
                continue
            kept.append(tokens)
            size = int(self._llama.llama_state_seq_get_size(self.handle, place.number))
            room = (ctypes.c_uint8 * size)()
            size = int(self._llama.llama_state_seq_get_data(self.handle, room, size, place.number))
            if size:
                yield SavedSequence(tuple(tokens), place.whole, bytes(memoryview(room)[:size]))

    def restore(self, saved: Iterable[SavedSequence]) -> int:
        """Bring sequences back into free places, the first ones given first; the tokens that need not be read again.

        What does not fit this model or set-up is left out.
        """
        self.open()
        restored = 0
        free = [place for place in self.places if place.request is None and not place.held]
        cells = self.cells - sum(len(place.held) for place in self.places)
        for each in saved:
            if not free:
                break
            if len(each.tokens) > min(cells, self.size):
                continue
            place = free[0]
            room = (ctypes.c_uint8 * len(each.state)).from_buffer_copy(each.state)
            if self._llama.llama_state_seq_set_data(self.handle, room, len(each.state), place.number):
                free.pop(0)
                place.held, place.whole = list(each.tokens), each.prompt
                cells -= len(each.tokens)
                restored += len(each.tokens)
            else:
                self.forget(place)
        return restored
