"""slm-run: answer many prompts with a model."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.models.chat import Reply


@command(
    reads="slm.prompt",
    writes="slm.reply",
    foreign=True,
    state="write",
    effects="network",
    columns=("prompt_tokens", "completion_tokens", "latency_ms", "text"),
    examples={
        "Answer a file of prompts": (
            "head -n 2 examples/prompts.jsonl | slm-run --max-tokens 8 | jq -r '.custom_id, .model, has(\"text\")'"
        ),
        "Ask for JSON of a certain shape": (
            "echo 'Is water wet?' | slm-run --text --schema examples/yes-or-no.json | jq '.value | has(\"answer\")'"
        ),
    },
    see=("slm-models", "slm-embed"),
)
@click.option("--text", is_flag=True, help="Read lines of plain text; empty ones are left out.")
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
@click.option("--system", metavar="TEXT", help="The system message, where a prompt brings none.")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True, help="Longest reply in tokens.")
@click.option(
    "--temperature", type=click.FloatRange(0, 5), default=0.2, show_default=True, help="0 takes the likeliest token."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Start of the random numbers.")
@click.option(
    "--schema",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A JSON Schema that each reply must fit; the parsed reply is the field 'value'.",
)
def main(
    run: Run,
    text: bool,
    model: str | None,
    system: str | None,
    max_tokens: int,
    temperature: float,
    seed: int,
    schema: Path | None,
) -> Iterable[Record]:
    """Answer many prompts with a model.

    A line is {"prompt": ...}, {"messages": [...]} or a line of the OpenAI batch format; with --text it is the prompt.
    What else a line holds is handed on with its reply, and what it says about max_tokens, temperature, top_p, seed,
    stop and response_format wins over the options.

    The model is the one of --model, else of ROADMAP_MODEL, else the default: a name of slm-models(1), a GGUF file, or
    an endpoint of models.toml, which alone is asked over the network.
    Every call is written into the ledger before its reply is announced.
    """
    from roadmap_cli.models import constrained
    from roadmap_cli.models.chat import Options
    from roadmap_cli.models.selection import open_chat
    from roadmap_cli.slm import prompts

    options = Options(max_tokens, temperature, seed=seed, schema=constrained.load(schema) if schema else None)
    options.check()
    ledger = run.ledger(run.new_id("slm.run"))
    chat = None
    try:
        with run.progress("prompts", _lines(run)) as bar:
            rate = _Rate()
            for record in _texts(run) if text else run.records():
                chat = chat or open_chat(model, environ=run.environ, ledger=ledger, transport=run.transport)
                with run.item():
                    reply = prompts.ask(chat, prompts.read(record, options, system))
                    yield prompts.answered(record, reply, reply_id=run.new_id("slm.reply"), at=run.stamp())
                    bar.advance(1, rate.words(reply))
    finally:
        if chat is not None:
            chat.close()


class _Rate:
    """Tokens a second since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._tokens = 0

    def words(self, reply: Reply) -> str:
        self._tokens += reply.completion_tokens or 0
        return f"{self._tokens / max(time.monotonic() - self._started, 1e-3):.1f} tokens/s"


def _texts(run: Run) -> Iterator[Record]:
    for line in run.lines():
        if line.strip():
            yield {"prompt": line}


def _lines(run: Run) -> int | None:
    """How many lines are to come, if standard input is a file; asked only if somebody looks on."""
    if run.choices.input or not run.words.shows_notes or not stat.S_ISREG(os.fstat(run.stdin).st_mode):
        return None
    place, count = os.lseek(run.stdin, 0, os.SEEK_CUR), 0
    while block := os.pread(run.stdin, 1 << 20, place):
        place += len(block)
        count += block.count(b"\n")
    return count
