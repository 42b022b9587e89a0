"""Chat with a GGUF model inside this process, through llama.cpp.

The state of the last conversation stays in the model's memory: the next call computes only what differs from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from roadmap_cli.models.conversation.chat import Asked, Chat, Options, Tally
from roadmap_cli.models.conversation.engine import Engine, EngineSettings, Failed, Piece
from roadmap_cli.models.ledger import Ledger


class LocalChat(Chat):
    """An engine of one sequence. Not for several threads at once."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        ledger: Ledger | None,
        context_size: int | None = None,
        threads: int | None = None,
    ):
        super().__init__(name, "local", ledger)
        self._engine = Engine(name, path, EngineSettings(context_size, sequences=1, threads=threads))
        self.takes_infill = self._engine.takes_infill

    @property
    def context_size(self) -> int:
        """Tokens that prompt and reply may have together."""
        return self._engine.context_size

    def count_tokens(self, text: str) -> int:
        """How many tokens a text is."""
        return self._engine.count_tokens(text)

    def count_prompt_tokens(self, messages: Sequence[Mapping[str, str]]) -> int:
        """How many tokens a conversation is, with what the model's template puts around it."""
        return self._engine.count_prompt_tokens(messages)

    def close(self) -> None:
        """Free the weights and the context."""
        self._engine.close()

    def _generate(self, messages: Asked, options: Options, tally: Tally, piecewise: bool) -> Iterator[str]:
        engine = self._engine
        ticket = engine.submit(messages, options, tally)
        try:
            while engine.busy:
                for event in engine.step():
                    if isinstance(event, Failed):
                        raise event.error
                    if isinstance(event, Piece):
                        yield event.text
        finally:
            engine.cancel(ticket)
