"""slm-serve: keep models in memory for all who ask."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core import paths
from roadmap_cli.core.records import Record

SERVER = ("state", "pid", "socket", "url", "pressure_level")
MODEL = ("name", "state", "memory_bytes", "requests_count", "idle_s", "context_size", "problem")

main = group(
    "Keep models in memory for all who ask.",
    """Commands that use a model find a running server by themselves and then need neither load it nor open the state.
    A model is loaded when it is first asked for, in a process of its own, and let go when memory is short; what it had
    worked out is kept on disk, encrypted, and is there again when it comes back.
    With --listen other programs can ask, too: as any OpenAI-compatible service.

    The socket is $XDG_RUNTIME_DIR/roadmap/slm.sock, or beside the state file: only you can use it.""",
    module=__name__,
    default="status",
    examples={"See what would be started": "slm-serve start --dry-run | jq -c '[.kind, .state]'"},
    see=("slm-run", "slm-models", "roadmap-why"),
)


@main.command(writes="slm.server", state="write", effects=("files", "network", "programs"), columns=SERVER)
@click.option("--listen", metavar="HOST:PORT", help="Answer on this loopback address, too; port 0 takes a free one.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file of mode 0600 with the token that requests to the port must bring.",
)
@click.option("--no-auth", is_flag=True, help="Let every program and user of this machine use the port.")
@click.option("--load", multiple=True, metavar="NAME", help="Load this model at once; may be repeated.")
@click.option("--ttl", type=FiniteRange(0), default=0, metavar="SECONDS", help="Let go what is unused for so long.")
@click.option("--sequences", type=click.IntRange(1, 64), default=8, show_default=True, help="Replies written together.")
@click.option(
    "--queue", type=click.IntRange(0), default=64, show_default=True, help="Most requests waiting, per model."
)
@click.option("--context-size", type=click.IntRange(8), metavar="TOKENS", help="Tokens of prompt and reply together.")
@click.option("--threads", type=click.IntRange(1), metavar="COUNT", help="Threads that compute; else as many as help.")
@click.option(
    "--kv-type",
    type=click.Choice(["f16", "q8_0"]),
    default="f16",
    show_default=True,
    help="How a context's keys and values are held.",
)
@click.option(
    "--load-timeout", type=FiniteRange(1), default=120, show_default=True, help="Seconds a request waits for it."
)
@click.option("--grace", type=FiniteRange(0), default=20, show_default=True, help="Seconds to finish at the end.")
@click.option("--no-preload", is_flag=True, help="Load nothing ahead of need.")
def start(run: Run, **given: Any) -> Iterable[Record]:
    """Serve models until told to stop.

    It stays in the foreground and writes one record when it listens.
    SIGTERM, SIGINT and slm-serve stop end it with exit code 0: it finishes what is under way for the time of --grace,
    keeps the state of the models and goes; a second signal ends it at once.
    Under systemd it takes its sockets from a socket unit; units are in share/systemd/user.

    A model's state on disk is encrypted with a key that is in the encrypted state and nowhere else.
    """
    from roadmap_cli.slm.serve import setup
    from roadmap_cli.slm.serve.server import Server

    wanted = setup.of(given, environ=run.environ, state=run.state_path)
    server = Server(wanted, run.open_state, now=run.clock, warn=run.warn, detail=run.detail)
    if run.dry_run:
        yield setup.planned(wanted, run.now())
        return
    run.open_state().close()  # to say at once what is wrong with it; the server opens it when it has something to write
    record = server.open()
    try:
        yield record
        run.deliver()
        run.note(f"listening on {record.get('url') or record['socket']}")
        server.run()
    finally:
        server.close()


@main.command(
    writes=("slm.server", "slm.served_model"), state="read", columns=("kind", *SERVER[:2], *MODEL[:1], *MODEL[2:5])
)
def status(run: Run) -> Iterable[Record]:
    """Show a running server and its models.

    The exit code is 1 if there is none.
    """
    from roadmap_cli.core.errors import Negative, Unavailable

    try:
        found = _ask(run, "GET", "/slm/status")
    except Unavailable as error:
        if error.code != "no_server":
            raise
        raise Negative("no server is running", hint="slm-serve start", code="no_server") from None
    yield found["server"]
    yield from found["models"]


@main.command(writes="slm.served_model", state="read", effects="programs", columns=MODEL)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--keep", is_flag=True, help="Keep it until it is unloaded by name, or memory is nearly gone.")
def load(run: Run, names: tuple[str, ...], keep: bool) -> Iterable[Record]:
    """Load models into a running server."""
    for name in names:
        path = str(Path(name).absolute()) if name.endswith(".gguf") or "/" in name else name
        if run.dry_run:
            found = _ask(run, "GET", "/slm/status")
        else:
            found = _ask(run, "POST", "/slm/load", {"model": path, "keep": keep}, wait_s=600)
        yield from (each for each in found["models"] if each["name"] in (name, Path(name).stem))


@main.command(writes="slm.served_model", state="read", effects="programs", columns=MODEL)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--force", is_flag=True, help="Even if it is in use: its requests end with an error.")
def unload(run: Run, names: tuple[str, ...], force: bool) -> Iterable[Record]:
    """Let models of a running server go; without a name, all of them.

    What they had worked out is kept on disk, encrypted.
    """
    for name in names or (None,):
        if run.dry_run:
            found = _ask(run, "GET", "/slm/status")
            gone = [
                each["name"] for each in found["models"] if each["state"] == "ready" and name in (None, each["name"])
            ]
        else:
            found = _ask(run, "POST", "/slm/unload", {"model": name, "force": force}, wait_s=60)
            gone = found["unloaded"]
        yield from (each for each in found["models"] if each["name"] in gone)


@main.command(writes="slm.server", state="read", effects="programs", columns=SERVER)
def stop(run: Run) -> Iterable[Record]:
    """Have a running server finish and end."""
    from roadmap_cli.slm.serve import control

    if run.dry_run:
        found = _ask(run, "GET", "/slm/status")
        yield found["server"]
        return
    found = control.stop(paths.slm_socket(run.environ, run.state_path), wait_s=run.choices.wait)
    yield {**found["server"], "state": "stopped"}


def _ask(run: Run, method: str, place: str, body: dict[str, Any] | None = None, wait_s: float = 10) -> dict[str, Any]:
    from roadmap_cli.slm.serve import control

    return control.ask(paths.slm_socket(run.environ, run.state_path), method, place, body, wait_s=wait_s)
