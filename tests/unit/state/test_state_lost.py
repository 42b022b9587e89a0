"""What is not a state, or was one: nothing is made over it, and its loss is not passed over."""

from __future__ import annotations

import os

import pytest

from roadmap_cli.core.errors import ConfigError


def test_a_state_that_was_removed_is_missed(home):
    with home.open():
        pass
    home.path.unlink()
    for mode in ("read", "write"):
        with pytest.raises(ConfigError, match="missing, though its key file is there"):
            home.open(mode)
    assert not home.path.exists()


def test_a_pipe_or_a_device_is_never_replaced(home):
    home.path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(home.path)
    with pytest.raises(ConfigError, match="not a regular file"):
        home.open()
    assert home.path.is_fifo()
