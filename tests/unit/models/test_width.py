"""The width of a batch: climbed to where it pays, remembered, and never a reason to fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from roadmap_cli.models.conversation.width import START, STEPS, Width


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    return tmp_path / "model.gguf"


def work(width: Width, seconds: Callable[[int], float], steps: int = 20 * STEPS) -> None:
    """Steps of writing that take `seconds(sequences)` each."""
    for _ in range(steps):
        width.learn(width.now, 0, seconds(width.now))


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        (lambda sequences: 0.010, 16),  # a step costs the same whatever it holds: memory is the limit
        (lambda sequences: 0.010 * sequences, 4),  # each token costs the same: nothing is won
        (lambda sequences: 0.010 + 0.002 * max(sequences, 8), 16),
        (lambda sequences: 0.020 if sequences <= 8 else 0.050, 8),
    ],
)
def test_it_climbs_to_where_it_pays(model: Path, seconds: Callable[[int], float], best: int) -> None:
    width = Width(model)
    assert width.now == START
    work(width, seconds)
    assert width.now == best


def test_steps_with_prompts_in_them_or_not_full_teach_nothing(model: Path) -> None:
    width = Width(model)
    for _ in range(10 * STEPS):
        width.learn(width.now, 30, 9.0)
        width.learn(width.now - 1, 0, 9.0)
    assert width.now == START


def test_what_was_found_out_is_remembered(model: Path, tmp_path: Path) -> None:
    memory = tmp_path / "cache/widths.json"
    width = Width(model, memory=memory)
    work(width, lambda sequences: 0.01)
    width.remember()
    again = Width(model, memory=memory)
    assert (again.now, again.most) == (16, 16)
    assert Width(model, memory=memory, threads=3).now == START
    assert str(tmp_path) not in memory.read_text()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 7}', '{"x": true}', "\udcff"])
def test_a_memory_that_is_none_does_no_harm(model: Path, tmp_path: Path, text: str) -> None:
    memory = tmp_path / "widths.json"
    memory.write_bytes(text.encode("utf-8", "surrogateescape"))
    width = Width(model, memory=memory)
    assert width.now == START
    work(width, lambda sequences: 0.01)
    width.remember()
    assert Width(model, memory=memory).now == 16


def test_a_place_that_cannot_be_written_is_no_error(model: Path) -> None:
    width = Width(model, memory=Path("/proc/nowhere/widths.json"))
    work(width, lambda sequences: 0.01)
    width.remember()


def test_a_fixed_width_stays(model: Path) -> None:
    width = Width(model, fixed=3)
    work(width, lambda sequences: 0.01)
    assert (width.now, width.most) == (3, 3)
