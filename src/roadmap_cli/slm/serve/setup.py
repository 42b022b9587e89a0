"""What the options of a start mean."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock, paths
from roadmap_cli.core.errors import ConfigError, UsageError
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.slm.serve import sockets
from roadmap_cli.slm.serve.pool import Settings
from roadmap_cli.slm.serve.server import Setup
from roadmap_cli.state import identity

LEAST_TOKEN = 16


def of(given: Mapping[str, Any], *, environ: Mapping[str, str], state: Path) -> Setup:
    """The set-up that the options ask for. Raises UsageError, and ConfigError for a token file that is no use."""
    token_file: Path | None = given["token_file"]
    listen = sockets.parse(given["listen"]) if given["listen"] else None
    if given["no_auth"] and token_file:
        raise UsageError("--no-auth and --token-file exclude each other")
    if listen and not token_file and not given["no_auth"]:
        raise UsageError(
            "a port needs a token: every user and program of this machine can reach it",
            hint="(umask 077; openssl rand -hex 32 > token) and --token-file token, or say --no-auth",
            code="no_token",
        )
    engine = {name: given[name] for name in ("context_size", "sequences", "threads", "kv_type")}
    engine["exact"] = False  # the next turn of a chat reads nothing twice
    return Setup(
        socket=paths.slm_socket(environ, state),
        state=state,
        environ=environ,
        listen=listen,
        token=token(token_file) if token_file else None,
        open_port=bool(given["no_auth"]),
        settings=Settings(
            ttl_s=given["ttl"],
            load_timeout_s=given["load_timeout"],
            queue=given["queue"],
            engine=engine,
            kept_in=os.fspath(kept_in(environ, state)),
        ),
        grace_s=given["grace"],
        preload=not given["no_preload"],
        models=given["load"],
    )


def token(path: Path) -> str:
    """The token in a file. Raises ConfigError if others can read it, or it holds what no header can carry."""
    found = identity.read_file(os.fspath(path), "token", hint="umask 077; openssl rand -hex 32 > FILE")
    text = found.decode("ascii", "replace").strip()
    if len(text) < LEAST_TOKEN or not text.isprintable() or "\ufffd" in text or " " in text:
        raise ConfigError(
            f"not a token: it should be one word of at least {LEAST_TOKEN} characters",
            where=str(path),
            hint="openssl rand -hex 32",
            code="bad_token",
        )
    return text


def kept_in(environ: Mapping[str, str], state: Path) -> Path:
    """Where the state of unloaded models goes: the cache, a folder for each state file."""
    name = hashlib.blake2b(os.fsencode(os.path.realpath(state)), digest_size=8).hexdigest()
    return paths.cache_directory(environ) / "slm-serve" / name


def planned(setup: Setup, now: datetime) -> Record:
    """What would be started."""
    record: Record = {
        "kind": "slm.server",
        "id": run_id("slm.server", now),
        "at": clock.stamp(now),
        "state": "planned",
        "socket": str(setup.socket),
    }
    if setup.listen:
        record["url"] = f"http://{setup.listen[0]}:{setup.listen[1]}/v1"
    return record
