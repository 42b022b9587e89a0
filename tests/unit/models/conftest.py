"""Real weights, fetched once for all test runs, and a real state for the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadmap_cli.core import clock
from roadmap_cli.models import registry
from roadmap_cli.models.conversation.chat import Chat
from roadmap_cli.models.conversation.selection import open_chat
from roadmap_cli.models.embed import Embedder, open_embedder
from roadmap_cli.models.installing.pull import pull
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import KeySource, State

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the default models are installed."""
    home = tmp_path_factory.mktemp("weights")
    folder = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    environ = {"HOME": str(home), "ROADMAP_MODELS": folder}
    found = registry.load(environ)
    with State.open(home / "state.db", mode="write", keys=KeySource(environ, None), now=clock.system) as state:
        for name in found.defaults.values():
            transport = Transport(state, command="test", offline=False, now=clock.system)
            pull(found, found.model(name), transport=transport, at=AT, wait_s=120)
    return environ


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    environ = {"HOME": str(tmp_path)}
    with State.open(tmp_path / "state.db", mode="write", keys=KeySource(environ, None), now=clock.system) as opened:
        yield opened


@pytest.fixture
def ledger(state: State) -> Ledger:
    return Ledger(state, "test", lambda: AT, run_id="test_1")


@pytest.fixture(scope="session")
def loaded(weights: dict[str, str]) -> Iterator[Chat]:
    """The default chat model, loaded once, writing no ledger."""
    with open_chat(None, environ=weights, ledger=None, context_size=1024) as chat:
        yield chat


@pytest.fixture(scope="session")
def embedder(weights: dict[str, str]) -> Iterator[Embedder]:
    with open_embedder(None, environ=weights, ledger=None) as opened:
        yield opened
