"""slm-run: answer many prompts with a model."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command, reply_options
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.cli.run import Arrival
    from roadmap_cli.models.conversation.chat import Reply
    from roadmap_cli.slm.resume import Answered


def _replies(console: Any) -> Any:
    from roadmap_cli.cli.replies import Replies

    return Replies(console)


@command(
    reads="slm.prompt",
    writes="slm.reply",
    foreign=True,
    state="write",
    effects="network",
    columns=("prompt_tokens", "completion_tokens", "latency_ms", "text"),
    drawing=_replies,
    examples={
        "Answer a file of prompts": (
            "head -n 2 examples/prompts.jsonl | slm-run --max-tokens 8 | jq -r '.custom_id, .model, has(\"text\")'"
        ),
        "Go on with a run that was stopped": (
            "head -n 5 examples/prompts.jsonl | slm-run --resume $HOME/out.jsonl >> $HOME/out.jsonl"
        ),
        "Ask for JSON of a certain shape": (
            "echo 'Is water wet?' | slm-run --text --schema examples/yes-or-no.json | jq '.value | has(\"answer\")'"
        ),
    },
    continues="resume",
    see=("slm-models", "slm-embed"),
)
@click.option("--text", is_flag=True, help="Read lines of plain text; empty ones are left out.")
@reply_options(max_tokens=256)
@click.option(
    "--schema",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A JSON Schema that each reply must fit; the parsed reply is the field 'value'.",
)
@click.option(
    "--order",
    type=click.Choice(["input", "finished"]),
    default="input",
    show_default=True,
    help="Write replies in the order of the prompts, or each as soon as it is finished.",
)
@click.option(
    "--batch-size", type=click.IntRange(1, 64), metavar="N",
    help="Prompts in flight at once; else what runs best. With 1 no reply depends on other prompts.",
)  # fmt: skip
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Leave out what the file OUT has answered; write on with '-o OUT' or '>> OUT'.",
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
    order: str,
    batch_size: int | None,
    resume: Path | None,
) -> Iterable[Record]:
    """Answer many prompts with a model.

    A line is {"prompt": ...}, {"messages": [...]} or a line of the OpenAI batch format; with --text it is the prompt.
    What else a line holds is handed on with its reply, and what it says about max_tokens, temperature, top_p, seed,
    stop and response_format wins over the options.

    The model is the one of --model, else of ROADMAP_MODEL, else the default: a name of slm-models(1), a GGUF file, or
    an endpoint of models.toml, which alone is asked over the network.
    A running slm-serve that has the model answers; else the model is loaded here.
    Every call is written into the ledger before its reply is announced.

    Prompts that have arrived are worked on together, several in flight, and what they share at their beginning is
    read once. How many run best on this machine is found out while working, and remembered. For a file of many prompts
    a copy of the model in a format that this processor computes faster in batches is tried and, if it is worth its
    room, kept in the cache; ROADMAP_COPIES=never leaves that out, as --batch-size 1 does. Replies come in the order
    of the prompts; with --order finished none waits for another. No reply waits for input that is not there yet.

    What is in flight together changes replies: it is added up in another order, and where weights have few bits the
    difference in rounding is enough to tip the choice of a word, with the same seed, at temperature 0 as well. Of two
    equal prompts one may so be answered at greater length than the other. With --batch-size 1 the same prompt, seed
    and model give the same reply, whatever is asked beside it; it takes longer.

    A run with --resume OUT -o OUT that was stopped goes on with the same command: replies are added to OUT as they
    come. Prompts are known by custom_id, else by id, else by what they say, each reply counts once, and errors are
    asked again. A last line that was cut off is taken away. Of two runs with the same OUT the second is refused.
    A failed line of the OpenAI batch format gets, with --on-error emit, the error of that format.
    """
    from roadmap_cli.models.conversation import constrained
    from roadmap_cli.models.conversation.chat import Options, Reply
    from roadmap_cli.models.conversation.selection import open_batch
    from roadmap_cli.slm import prompts
    from roadmap_cli.slm.flight import Flight

    options = Options(max_tokens, temperature, seed=seed, schema=constrained.load(schema) if schema else None)
    options.check()
    ledger = run.ledger(run.new_id("slm.run"))
    lines = _lines(run)
    flight: Flight[Arrival] = Flight(
        lambda: open_batch(
            model,
            environ=run.environ,
            ledger=ledger,
            transport=run.transport,
            width=batch_size,
            purpose="run",
            expected=lines,
        ),
        ordered=order == "input",
    )
    rate = _Rate()

    def told() -> Iterator[Record]:
        for arrival, result in flight.told():
            record = arrival.record
            if record is None:
                run.let_pass(arrival)
                continue
            with run.item(at=arrival.position, more=partial(prompts.refused, record)):
                if not isinstance(result, Reply):
                    assert result is not None
                    raise result
                yield prompts.answered(record, result, reply_id=run.new_id("slm.reply"), at=run.stamp())
                bar.advance(1, rate.words(result))
        run.deliver()  # what is written down as told is in the file, whatever ends this run

    with ExitStack() as held:
        answered = held.enter_context(_answered(run, resume)) if resume else None
        bar = held.enter_context(run.progress("prompts", lines))
        held.callback(flight.close)
        for arrival in run.arriving(lambda: not flight.busy, texts=text):
            if arrival is None:
                flight.work()
            elif arrival.record is None:
                flight.put(arrival)
            else:
                record = {"prompt": arrival.record["text"]} if text else arrival.record
                if answered is not None and answered.take(record):
                    bar.advance(1)
                    continue
                arrival = arrival._replace(record=record)
                try:
                    flight.ask(arrival, prompts.read(record, options, system))
                except DataError as error:
                    flight.put(arrival, error)
            yield from told()
            while flight.full:
                flight.work()
                yield from told()
        while flight.busy:
            flight.work()
            yield from told()
        if flight.remark:
            run.detail(flight.remark)
        run.detail(rate.summary(flight.width))


class _Rate:
    """Tokens a second since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._tokens = self._replies = 0

    def words(self, reply: Reply) -> str:
        self._tokens += reply.completion_tokens or 0
        self._replies += 1
        return f"{self._tokens / self._seconds:.1f} tokens/s"

    def summary(self, width: int) -> str:
        """What was done, in one line."""
        return (
            f"{self._replies} replies, {self._tokens} tokens in {self._seconds:.1f} s:"
            f" {self._tokens / self._seconds:.1f} tokens/s, at most {width} prompts in flight"
        )

    @property
    def _seconds(self) -> float:
        return max(time.monotonic() - self._started, 1e-3)


@contextmanager
def _answered(run: Run, path: Path) -> Iterator[Answered]:
    """What an earlier run answered; its output is made fit to go on with."""
    from roadmap_cli.slm.resume import Answered

    with closing(Answered(path)) as answered:
        if answered.is_written_to(run.sink) and (torn := answered.mend(run.sink)):
            run.warn(f"{path}: took away a torn last line of {torn} bytes")
        run.detail(f"{len(answered)} prompts are answered in {path}")
        yield answered


def _lines(run: Run) -> int | None:
    """How many lines are to come, if standard input is a file."""
    if run.choices.input or not stat.S_ISREG(os.fstat(run.stdin).st_mode):
        return None
    place, count = os.lseek(run.stdin, 0, os.SEEK_CUR), 0
    while block := os.pread(run.stdin, 1 << 20, place):
        place += len(block)
        count += block.count(b"\n")
    return count
