"""slm-quantize: lower the precision of a model's weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record

COLUMNS = (
    "name",
    "format",
    "predicted_size_bytes",
    "predicted_memory_bytes",
    "size_bytes",
    "kl_divergence",
    "top1_ratio",
    "perplexity_ratio",
)


@command(
    writes="slm.quantized",
    state="write",
    effects=("files", "programs"),
    columns=COLUMNS,
    examples={
        "See what would be done for a phone": (
            "slm-quantize smollm2-135m-instruct --for phone-4gb --dry-run --quiet | jq -c '[.format, .target, .fits]'"
        ),
    },
    see=("slm-device", "slm-models", "slm-run"),
)
@click.argument("model", metavar="MODEL")
@click.option("--for", "target", default="this", show_default=True, metavar="DEVICE", help="The machine it is for.")
@click.option("--type", "wanted", metavar="FORMAT", help="Take FORMAT (Q8_0, Q4_K_M and so on), whatever the machine.")
@click.option("--name", metavar="NAME", help="The name of the result; else the model's with the format behind it.")
@click.option(
    "--tensor", multiple=True, metavar="PATTERN=TYPE", help="Give tensors a type of their own; may be repeated."
)
@click.option(
    "--importance",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Learn from a text which columns matter most, and spare them.",
)
@click.option(
    "--chunks", type=click.IntRange(1, 1000), default=6, show_default=True, help="Text to verify on, in chunks."
)
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads that compute; else as many as help.")
@click.option("--context-size", type=click.IntRange(128), metavar="TOKENS", help="Tokens of prompt and reply together.")
@click.option("--kv-type", type=click.Choice(["f16", "q8_0"]), help="How a context's keys and values are held.")
def main(
    run: Run, model: str, target: str, wanted: str | None, name: str | None, tensor: tuple[str, ...],
    importance: Path | None, chunks: int, threads: int | None, context_size: int | None, kv_type: str | None,
) -> Iterable[Record]:  # fmt: skip
    """Lower the precision of a model's weights.

    MODEL is a name of slm-models(1), a GGUF file, or a folder with config.json, tokenizer.json and safetensors of a
    model of the Llama kind; best are weights in F16 or F32.
    DEVICE is 'this', a file that slm-device(1) wrote on the machine it is for, or one of phone-3gb, phone-4gb,
    phone-8gb, pi-4, pi-5, laptop-2012, laptop-2018, laptop-2023 and server.
    Its policy gives the format; one that does not fit its memory is passed over for a smaller one, down to 4 bits.

    The size of the file and the memory the model will take are told beforehand, and are all that --dry-run tells.
    The result is held against its source on a text of 512 tokens a chunk: divergence of the predictions, likeliest
    token, perplexity.
    Outside the limits of its number of bits it is refused and the next more exact format is tried; where none is left,
    the exit code is 1 and nothing is kept.

    What is made is a model like any other: slm-run --model NAME.
    An interrupted run goes on with the stage it was at.
    """
    from roadmap_cli.models import registry as registries
    from roadmap_cli.slm.device import policy, report
    from roadmap_cli.slm.quantize import formats, making, quantizing
    from roadmap_cli.slm.quantize import target as targets

    if wanted is not None:
        wanted = wanted.upper()
        if wanted not in formats.FORMATS:
            raise click.UsageError(f"no format {wanted!r}: {', '.join(formats.FORMATS)}")
    registry = registries.load(run.environ)
    chosen = {"threads": threads, "context_size": context_size, "kv_type": kv_type}
    place = targets.resolve(target, run.environ, policy.overrides(chosen, run.environ))
    here = targets.resolve("this", run.environ, policy.overrides({"threads": threads}, run.environ))
    size = place.policy.context_size
    with quantizing.weights(registry, model, dry_run=run.dry_run, environ=run.environ, note=run.note) as given:
        plan = quantizing.prepared(
            given, place, wanted=wanted, tensors=tensor, context_size=size, environ=run.environ
        )  # fmt: skip
        for warning in plan.warnings:
            run.warn(warning)
        best = plan.candidates[0]
        if run.dry_run:
            final = name or quantizing.default_name(given, best.format)
            yield quantizing.planned(plan, best, given, at=run.stamp(), context_size=size, name=final)
            return
        settings = making.Settings(
            here.policy.threads, chunks, quantizing.calibration_text(), tuple(quantizing.pairs(tensor)), importance,
            run.environ, (here.device.memory.usable_bytes or 8 << 30) // 8,
        )  # fmt: skip
        with run.progress(f"making {best.format}") as bar:

            def tell(what: str, done: int, of: int) -> None:
                bar.what, bar.total = what, of
                bar.update(done)

            record = quantizing.carried_out(
                plan, given, settings, registry, name=name, context_size=size, at=run.stamp(),
                wait_s=run.choices.wait, tell=tell, note=run.note,
            )  # fmt: skip
    machine = report.record(place.device, place.policy, year=None, at=run.stamp(), host=place.name)
    with run.state.write() as tx:
        decision = quantizing.decided(tx, record, machine, command=run.command, at=run.now())
    run.note(f"made {record['name']}: {record['size_bytes'] / 1e6:.1f} MB, {record['path']}")
    yield {**record, "decision_id": decision["id"]}
