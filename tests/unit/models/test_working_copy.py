"""A copy of a model in a faster format: made once, kept only if it is faster and says the same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from roadmap_cli.models import memory
from roadmap_cli.models.conversation import working_copy

pytest.importorskip("llama_cpp")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    from make_llama import publish
    from roadmap_cli.slm.quantize import convert

    folder = tmp_path_factory.mktemp("model") / "published"
    publish(folder)
    return convert.converted(folder, folder.parent).path


def test_work_keeps_the_faster_copy_and_cleans_up(model, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(working_copy, "WORTH_KEEPING", 0.0)
    working_copy.work(str(model), str(tmp_path), "name")
    best = json.loads(capsys.readouterr().out)
    assert best["format"] in working_copy.FORMATS
    assert (tmp_path / f"name.{best['format']}.gguf").stat().st_size == best["bytes"]
    assert not list(tmp_path.glob("*.part"))


def test_a_copy_farther_from_the_exact_numbers_than_its_source_is_not_kept(
    model, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(working_copy, "WORTH_KEEPING", 0.0)
    answers = iter([1.0, 0.5])  # the copy's divergence, then the source's
    monkeypatch.setattr(working_copy, "divergence", lambda exact, other: next(answers))
    monkeypatch.setattr(working_copy, "FORMATS", {"F16": 1})
    working_copy.work(str(model), str(tmp_path), "name")
    assert json.loads(capsys.readouterr().out) == {}
    assert not list(tmp_path.iterdir())


def test_divergence_is_nothing_for_the_same_and_grows_with_the_difference() -> None:
    exact = np.log(np.array([[0.5, 0.25, 0.25]]))
    other = np.log(np.array([[0.25, 0.5, 0.25]])) + 3.0  # logits are known up to a constant
    assert working_copy.divergence(exact, exact) == pytest.approx(0.0)
    assert working_copy.divergence(exact, other) == pytest.approx(0.25 * np.log(2))


def test_what_was_found_is_remembered_and_a_changed_model_is_looked_at_anew(model, tmp_path, monkeypatch) -> None:
    looked: list[Path] = []

    def look(path, folder, name, environ):
        looked.append(path)
        (folder / f"{name}.BF16.gguf").write_bytes(b"copy")
        found = {"format": "BF16", "bytes": 4, "speed_ratio": 1.5}
        (folder / f"{name}.json").write_text(json.dumps(found))
        return found

    monkeypatch.setattr(working_copy, "_look", look)
    source = tmp_path / "model.gguf"
    source.write_bytes(model.read_bytes())
    folder = tmp_path / "copies"

    def choose(expected, **environ):
        return working_copy.choose(source, folder=folder, environ=environ, expected=expected)

    assert choose(10).path == source
    assert not looked
    assert choose(None).path == source
    assert not looked
    assert choose(1000, ROADMAP_COPIES="never").path == source
    assert not looked
    first = choose(1000)
    assert first.path != source
    assert "BF16" in first.remark
    assert choose(1) == first
    assert len(looked) == 1
    first.path.write_bytes(b"cut")  # a copy that is not whole is not used
    assert choose(1).path == source
    os.utime(source, ns=(1, 1))
    assert choose(1000).path not in (source, first.path)
    assert len(looked) == 2


@pytest.mark.parametrize("available", [None, 1 << 20])
def test_without_room_the_model_itself_is_used(model, tmp_path, monkeypatch, available) -> None:
    monkeypatch.setattr(memory, "budget", lambda _: memory.Budget(None, available))
    monkeypatch.setattr(working_copy, "_look", lambda *_: pytest.fail("no room to look"))
    chosen = working_copy.choose(model, folder=tmp_path / "copies", environ={}, expected=1000)
    assert chosen == working_copy.Choice(model)


def test_a_file_that_is_no_model_leaves_nothing(tmp_path) -> None:
    source = tmp_path / "broken.gguf"
    source.write_bytes(b"GGUF" + bytes(100))
    chosen = working_copy.choose(source, folder=tmp_path / "copies", environ=dict(os.environ), expected=1000)
    assert chosen == working_copy.Choice(source)
    assert not list((tmp_path / "copies").glob("*.gguf"))
