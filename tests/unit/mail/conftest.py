"""A state, and a transport to a real mail server on this machine."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import dovecot

from roadmap_cli.core import clock
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import KeySource, State


@pytest.fixture(scope="module")
def server() -> Iterator[dovecot.Server]:
    """Dovecot; where it is missing the test is skipped."""
    if not dovecot.PRESENT:
        pytest.skip("needs Dovecot: apt-get install dovecot-imapd")
    root = Path(tempfile.mkdtemp(prefix="mail-"))
    root.chmod(0o755)  # the server's processes work under other accounts
    made = dovecot.Server(root)
    yield made
    made.stop()
    shutil.rmtree(root)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(
        tmp_path / "state.db", mode="write", keys=KeySource({"HOME": str(tmp_path)}, None), now=clock.system
    ) as opened:
        yield opened


@pytest.fixture
def transport(state: State, server: dovecot.Server) -> Iterator[Any]:
    with Transport(
        state, command="life-ingest", offline=False, now=clock.system, environ={"SSL_CERT_FILE": str(server.cert)}
    ) as made:
        yield made
