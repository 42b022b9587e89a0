"""The sessions in roadmap-security(7) and roadmap-install(7) print what the pages show."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

import transcripts

ROOT = Path(__file__).parents[2]
SIGNS = {"\\-": "-", "\\e": "\\", "\\(ti": "~", "\\(ga": "`", "\\(ha": "^", "\\&": ""}


def sessions(page: Path) -> str:
    """The literal displays that begin with a prompt, as a transcript."""
    displays = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", page.read_text(), re.M | re.S)
    plain = (re.sub(r"\\(?:\(..|.)", lambda found: SIGNS[found[0]], each) for each in displays)
    return "".join(f"```console\n{each}```\n" for each in plain if each.startswith("$ "))


@pytest.mark.parametrize("name", ["roadmap-security", "roadmap-install"])
def test_the_page_shows_what_happens(name: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(sessions(ROOT / f"man/man7/{name}.7"))
    alone = () if transcripts.why_not_alone() else transcripts.ALONE
    steps = list(transcripts.read(path))
    assert steps
    with tempfile.TemporaryDirectory() as home:
        for step in steps:
            got, code = transcripts.run(step.shell, Path(home), alone)
            assert transcripts.matches(step.output, got), f"$ {step.shell}\n{got}"
            assert code == step.code, f"$ {step.shell}\n{got}"
