"""A name for a model file of one's own: what models.toml holds afterwards, and what is refused."""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queueing import START
from roadmap_cli.core.errors import ConfigError, DataError, UsageError
from roadmap_cli.models import registry
from roadmap_cli.models.registry import Model, ModelFile, Source
from roadmap_cli.net.transport import Transport
from roadmap_cli.slm import adding


def gguf(path: Path, name: str = "A model") -> Path:
    """A GGUF file of one tensor of 32 numbers."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text("general.name") + struct.pack("<I", 8) + text(name)
    head += text("token_embd.weight") + struct.pack("<IQIQ", 1, 32, 0, 0)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(128))
    return path


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "ROADMAP_MODELS": str(tmp_path / "models")}


def add(environ, name: str, path: Path, **more):
    model = adding.entry(name, path, **{"title": None, "licence": "MIT", "origin": None, **more})
    with Transport(None, command="slm-models add", offline=True, now=lambda: START, environ=environ) as transport:
        return adding.add(model, path, environ=environ, transport=transport, at=START, wait_s=5)


def settings(environ) -> Path:
    return Path(environ["HOME"], ".config/roadmap/models.toml")


def test_the_weights_are_in_place_and_known_by_name_and_hash(environ, tmp_path):
    path = gguf(tmp_path / "Größe 1.gguf")
    found, is_new = add(environ, "mine.1-q4", path)
    assert is_new
    model = found.model("mine.1-q4")
    assert (model.title, model.licence, model.files[0].name) == ("A model", "MIT", "Gr_e_1.gguf")
    assert found.file(model).read_bytes() == path.read_bytes()
    assert [each["ok"] for each in found.verify(model)] == [True]
    before = settings(environ).read_bytes()
    assert add(environ, "mine.1-q4", path)[1] is False
    assert settings(environ).read_bytes() == before


def test_what_stood_in_the_file_stays_with_its_comments_mode_and_link(environ, tmp_path):
    real = tmp_path / "dotfiles.toml"
    kept = "# my models\n[default]\nchat = 'mine'  # the best\n\n[endpoint.far]\nurl = 'https://h.example'\nmodel = 'm'"
    real.write_text(kept)
    real.chmod(0o640)
    settings(environ).parent.mkdir(parents=True)
    settings(environ).symlink_to(real)
    add(environ, "mine", gguf(tmp_path / "a.gguf"))
    assert settings(environ).is_symlink()
    assert real.read_text().startswith(kept)
    assert real.stat().st_mode & 0o777 == 0o640
    found = registry.load(environ)
    assert found.defaults["chat"] == "mine"
    assert "far" in found.endpoints
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".dotfiles")]


def test_a_name_that_is_taken_and_a_file_that_cannot_take_an_entry_change_nothing(environ, tmp_path):
    path, other = gguf(tmp_path / "a.gguf"), gguf(tmp_path / "b.gguf", "Another")
    add(environ, "mine", path)
    before = settings(environ).read_bytes()
    for name in ("mine", "smollm2-135m-instruct"):
        with pytest.raises(DataError, match="another model"):
            add(environ, name, other)
    assert settings(environ).read_bytes() == before
    settings(environ).write_text("model = {}\n")
    with pytest.raises(ConfigError, match="an entry at its end"):
        add(environ, "third", other)
    assert settings(environ).read_text() == "model = {}\n"
    assert not (tmp_path / "models/third").exists()


@pytest.mark.parametrize("name", ["", "Mine", "../up", "a/b", "-x", "a" * 101])
def test_names_that_are_none(environ, tmp_path, name):
    with pytest.raises(UsageError, match="not a name"):
        adding.entry(name, gguf(tmp_path / "a.gguf"), title=None, licence="MIT", origin=None)


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    path = gguf(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError):
        adding.entry("mine", path, title=None, licence="MIT", origin=None)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.text(max_size=5).filter(str.isprintable))
def test_any_words_come_back_from_the_entry(tmp_path_factory, title, licence):
    place = tmp_path_factory.getbasetemp() / "none.toml"
    file = ModelFile("a.gguf", 1, "0" * 64, (Source(path=f"/{title}"),))
    text = adding._with_entry(place, Model("m.1", title, "chat", licence, None, (file,)))
    (entry,) = tomllib.loads(text)["model"].values()
    assert (entry["title"], entry["licence"]) == (title, licence)
    assert entry["file"][0]["sources"] == [{"path": f"/{title}"}]
