"""The five systems in one another's pipes: examples/together.sh, part by part, and each edit of a folder by make."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = Path(os.environ.get("ROADMAP_MODELS", ROOT / ".cache" / "models"), "smollm2-135m-instruct")


def told(world: dict[str, str], part: str) -> list[str]:
    """What a part of the example says."""
    environ = {name: value for name, value in world.items() if name != "ROADMAP_NOW"}
    done = subprocess.run([ROOT / "examples/together.sh", part], env=environ, capture_output=True, text=True, timeout=280,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.fixture
def sandbox() -> None:
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], capture_output=True, check=False)
    if works.returncode:
        pytest.skip("bubblewrap cannot work here")


@pytest.mark.usefixtures("sandbox")
def test_the_program_of_a_template_is_repaired_and_the_workflow_does_what_it_should(world: dict[str, str]) -> None:
    assert told(world, "template")[1:] == [
        "-    return need + left",
        "+    return need - left",
        "to order: 15 tea, 1 rice",
    ]


@pytest.mark.slow
def test_a_warning_becomes_a_question_and_its_answer_ends_the_run(world: dict[str, str]) -> None:
    _, question, answers, end = told(world, "warning")
    assert question.startswith("spending EUR: everyday spending 374 EUR a week")
    assert (answers, end) == ("answers: look again in a week, leave it", "life-warning: succeeded")


@pytest.mark.slow
@pytest.mark.usefixtures("sandbox")
@pytest.mark.skipif(not MODEL.exists(), reason="no model: slm-models pull")
def test_one_workflow_repairs_edits_and_writes(world: dict[str, str]) -> None:
    lines = told(world, "studio")
    assert {line.partition(" after")[0] for line in lines[1:5]} == {
        f"{step}: succeeded" for step in ("repair", "film", "sentence", "page")
    }
    assert (lines[5], lines[-1]) == ("| # take1.mp4", "| film-take1.mp4")
    assert len(lines[6]) > 10


@pytest.mark.slow
@pytest.mark.usefixtures("sandbox")
@pytest.mark.skipif(not MODEL.exists(), reason="no model: slm-models pull")
def test_one_server_answers_for_every_family(world: dict[str, str]) -> None:
    _, loaded, *asked = told(world, "queue")
    assert loaded == "smollm2-135m-instruct: loaded 1 time"
    assert {line.partition(":")[0] for line in asked} == {
        "agent-loop",
        "edl-plan",
        "life-decide",
        "slm-queue drain",
        "wf-run",
    }


class Folder:
    """Clips, and make."""

    def __init__(self, place: Path, world: dict[str, str]):
        self.clips, self.films, self.world = place / "clips", place / "clips/films", world
        self.clips.mkdir()

    def clip(self, name: str, sort: str) -> None:
        words = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"{sort}=d=1:s=96x64:r=10", "-preset", "ultrafast"]
        subprocess.run([*words, self.clips / f"{name}.mp4"], check=True)

    def make(self, *words: str) -> list[str]:
        """The commands that make has started, with the film each was for."""
        command = [
            "make",
            "-j2",
            "-f",
            ROOT / "examples/edl/Makefile",
            f"CLIPS={self.clips}",
            "PRESET=ultrafast",
            *words,
        ]
        done = subprocess.run(command, env=self.world, capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stderr
        started = [line.split() for line in done.stdout.splitlines() if line.startswith("edl-")]
        return sorted(f"{line[0]} {Path(line[line.index('-o') + 1]).name.partition('.')[0]}" for line in started)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("make") or not shutil.which("ffmpeg"), reason="make or ffmpeg is not installed")
def test_make_does_again_only_what_has_changed(tmp_path: Path, world: dict[str, str]) -> None:
    folder = Folder(tmp_path, world)
    for name, sort in (("a", "testsrc"), ("b", "testsrc2")):
        folder.clip(name, sort)
    every = ["edl-check", "edl-plan", "edl-render", "edl-scan"]
    assert folder.make() == sorted(f"{command} {name}" for command in every for name in "ab")
    assert folder.make() == []
    first = (folder.films / "a.mp4").read_bytes()
    folder.clip("b", "smptebars")
    assert folder.make() == [f"{command} b" for command in every]
    (folder.clips / "a.intent").write_text("black and white\n")
    assert folder.make() == ["edl-check a", "edl-plan a", "edl-render a"]
    assert (folder.films / "a.mp4").read_bytes() != first
    assert folder.make("INTENT=warm") == [
        "edl-check a",
        "edl-check b",
        "edl-plan a",
        "edl-plan b",
        "edl-render a",
        "edl-render b",
    ]
    for film in ("a", "b"):
        subprocess.run(
            ["ffmpeg", "-v", "error", "-xerror", "-i", folder.films / f"{film}.mp4", "-f", "null", "-"], check=True
        )
