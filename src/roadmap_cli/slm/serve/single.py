# mypy: ignore-errors
# ruff: noqa: D101, D102
"""Stand-in for models.engine until it is merged: one prompt at a time."""

from __future__ import annotations

from dataclasses import dataclass

from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.models.chat import Tally
from roadmap_cli.models.local import LocalChat
from roadmap_cli.slm.serve.kept import Kept


@dataclass
class EngineSettings:
    context_size: int | None = None
    sequences: int = 8
    threads: int | None = None
    kv_type: str = "f16"
    repack: bool = True


@dataclass
class Piece:
    ticket: int
    text: str


@dataclass
class Done:
    ticket: int
    tally: Tally


@dataclass
class Failed:
    ticket: int
    error: RoadmapError


class Engine:
    def __init__(self, name, path, settings):
        self.chat = LocalChat(name, path, ledger=None, context_size=settings.context_size, threads=settings.threads)
        self.sequences = 1
        self.context_size = self.chat.context_size
        self.queue = []
        self.now = None
        self.n = 0

    @property
    def busy(self):
        return bool(self.queue or self.now)

    def submit(self, messages, options):
        from roadmap_cli.models.chat import check_messages

        options.check()
        self.n += 1
        self.queue.append((self.n, check_messages(messages), options))
        return self.n

    def cancel(self, t):
        self.queue = [q for q in self.queue if q[0] != t]
        if self.now and self.now[0] == t:
            self.now[1].close()
            self.now = None

    def step(self):
        if not self.now:
            t, m, o = self.queue.pop(0)
            tally = Tally()
            self.now = (t, self.chat._generate(m, o, tally, True), tally)
        t, g, tally = self.now
        try:
            return [Piece(t, next(g))]
        except StopIteration:
            self.now = None
            return [Done(t, tally)]
        except RoadmapError as e:
            self.now = None
            return [Failed(t, e)]

    def count_tokens(self, x):
        return self.chat.count_tokens(x)

    def count_prompt_tokens(self, x):
        return self.chat.count_prompt_tokens(x)

    def save(self):
        import ctypes

        c = self.chat
        if c._whole:
            n = c._llama.llama_state_seq_get_size(c._context, 0)
            b = (ctypes.c_uint8 * n)()
            n = c._llama.llama_state_seq_get_data(c._context, b, n, 0)
            yield Kept(tuple(c._held), c._whole, bytes(b[:n]))

    def restore(self, saved):
        import ctypes

        c = self.chat
        for k in saved:
            b = (ctypes.c_uint8 * len(k.state)).from_buffer_copy(k.state)
            if c._llama.llama_state_seq_set_data(c._context, b, len(k.state), 0):
                c._held = list(k.tokens)
                c._whole = k.prompt
                return len(k.tokens)
        return 0

    def drop_caches(self):
        return 0

    def close(self):
        self.chat.close()
