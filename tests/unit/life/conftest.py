"""A state in memory and a plain way to store a file in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Position
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window
from roadmap_cli.life.storing import store
from roadmap_cli.state import connection, migrate
from roadmap_cli.state.store import MIGRATIONS

EXAMPLES = Path(__file__).parents[3] / "examples" / "life"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
Ingest = Callable[..., store.Stored]


@pytest.fixture
def tx() -> Iterator[Any]:
    """An open transaction on an empty state."""
    made = connection.connect(":memory:", None, wait_s=1)
    migrate.apply(
        made, [each for each in migrate.known(MIGRATIONS) if each.family in ("base", "life")], now=lambda: NOW
    )
    made.execute("BEGIN")
    yield made
    made.close()


@pytest.fixture
def ingest(tx: Any) -> Ingest:
    """Store the bytes of a file; errors in it are errors of the test."""

    def into_state(data: bytes, *, now: datetime = NOW, zone: str = "Europe/Berlin") -> store.Stored:
        opened = Opened.of("file", data)
        source = reading.source_of(opened)
        settings = Settings(zone, Window(now - timedelta(days=730), now + timedelta(days=366)))
        found = list(reading.items(opened, source, settings))
        good = [item for item in found if not isinstance(item, (DataError, Position))]
        assert not [item for item in found if isinstance(item, DataError)], found
        return store.add(tx, good, format_name=source.format)

    return into_state


@pytest.fixture(scope="session")
def example() -> dict[str, bytes]:
    """The files of examples/life by name."""
    return {path.name: path.read_bytes() for path in EXAMPLES.iterdir()}


@pytest.fixture
def decrypted() -> Callable[[Path, bytes], bytes]:
    """Every page of a SQLCipher 4 file (AES-256-CBC, 8 KiB pages, 48 bytes reserved with HMAC-SHA256) as plain bytes."""
    ciphers = pytest.importorskip("cryptography.hazmat.primitives.ciphers")

    def plain(path: Path, key: bytes) -> bytes:
        data = path.read_bytes()
        pages = []
        for number in range(len(data) // 8192):
            page = data[number * 8192 : (number + 1) * 8192]
            iv = page[8192 - 48 : 8192 - 32]
            body = page[16 if number == 0 else 0 : 8192 - 48]
            reader = ciphers.Cipher(ciphers.algorithms.AES(key), ciphers.modes.CBC(iv)).decryptor()
            pages.append(reader.update(body) + reader.finalize())
        return b"".join(pages)

    return plain
