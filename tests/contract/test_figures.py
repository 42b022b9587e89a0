"""The figures that `make bench` measures: what is declared exists, one failure stops nothing, what is there is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import figures

ROOT = Path(__file__).parents[2]


def test_every_bench_is_there_and_every_figure_has_a_name_of_its_own():
    benches = figures.declared()
    commands = [command for bench in benches for command in (bench.quick, bench.full) if command]
    assert all((ROOT / command.split()[0]).is_file() for command in commands)
    names = [f"{bench.family}.{bench.name}: {figure.what}" for bench in benches for figure in bench.figure]
    assert len(names) == len(set(names))
    assert {bench.family for bench in benches if bench.quick} == set(figures.FAMILIES)
    assert {figure.better for bench in benches for figure in bench.figure} == {"lower", "higher"}


def test_the_worst_record_counts_and_a_bar_may_stand_in_the_record():
    lower = figures.Figure(what="a", record="x.*", bar=5.0, where={"peer": "p"})
    records = [
        {"name": "x1", "value": 3, "peer": "p"},
        {"name": "x2", "value": 7, "peer": "p", "lowest": 6, "highest": 8, "peer_value": 9, "unit": "s"},
        {"name": "x3", "value": 9, "peer": "q"},
        {"name": "yx", "value": 99, "peer": "p"},
    ]
    told = figures.judged(lower, records)
    assert (told["value"], told["met"], told["spread"], told["peer_value"], told["unit"]) == (7, False, [6, 8], 9, "s")
    higher = figures.Figure(what="a", record="z", take="ratio", better="higher", bar="bar")
    assert figures.judged(higher, [{"name": "z", "ratio": 2.0, "bar": 1.5}])["met"] is True
    assert "problem" in figures.judged(higher, records)


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """Two benches of our own, of which the first fails, and a history of their own."""
    (tmp_path / "bad.py").write_text("import sys\nsys.exit('the peer is not installed')\n")
    (tmp_path / "good.py").write_text(
        'print(\'some words\')\nprint(\'{"kind": "bench.figure", "name": "speed", "value": 3, "unit": "s"}\')\n'
    )
    (tmp_path / "figures.toml").write_text(
        f"""
        [[bench]]
        name = "bad"
        family = "slm"
        quick = "{tmp_path}/bad.py"
        figure = [{{ what = "never", record = ".*" }}]
        [[bench]]
        name = "good"
        family = "slm"
        quick = "{tmp_path}/good.py"
        figure = [{{ what = "speed", record = "speed", bar = 2 }}, {{ what = "not there", record = "size" }}]
        [[bench]]
        name = "of data"
        family = "slm"
        full = "{tmp_path}/good.py {{data}}/nothing.json"
        figure = [{{ what = "with data", record = "speed" }}]
        """
    )
    monkeypatch.setattr(figures, "DECLARED", tmp_path / "figures.toml")
    monkeypatch.setattr(figures, "HISTORY", tmp_path / "history.jsonl")
    return tmp_path


def test_a_bench_that_fails_stops_no_other_and_is_shown(made):
    assert figures.run(everything=False, again=False, chosen=[]) == 1
    told = {record["name"]: record for record in figures.history()}
    assert told["slm.bad: never"]["problem"] == "exit code 1: the peer is not installed"
    assert told["slm.good: not there"]["problem"] == "no record 'size' came"
    speed = told["slm.good: speed"]
    assert (speed["value"], speed["met"], speed["set"]) == (3, False, "quick")
    assert {"cpu", "cores", "kernel", "python"} <= set(speed["machine"])
    page = figures.table()
    assert "0 of 1 bars are met" in page
    assert "slm.good: speed: **3 s**, the bar is 2" in page
    assert "**failed**: exit code 1" in page


def test_what_was_measured_is_not_measured_again_and_what_failed_is(made):
    figures.run(everything=False, again=False, chosen=["good"])
    (made / "figures.toml").write_text(
        (made / "figures.toml").read_text().replace(', { what = "not there", record = "size" }', "")
    )
    before = len(figures.history())
    figures.run(everything=False, again=False, chosen=["good"])
    assert len(figures.history()) == before
    figures.run(everything=False, again=False, chosen=["bad"])
    figures.run(everything=False, again=False, chosen=["bad"])
    assert len(figures.history()) == before + 2
    figures.run(everything=False, again=True, chosen=["good"])
    assert len(figures.history()) == before + 3


def test_data_that_are_not_here_leave_a_bench_out(made, monkeypatch):
    monkeypatch.delenv("ROADMAP_BENCH_DATA", raising=False)
    monkeypatch.setattr("sys.argv", ["figures.py", "run", "--all", "of data"])
    assert figures.main() == 0
    assert figures.history()[-1]["problem"] == "left out: ROADMAP_BENCH_DATA has no nothing.json"
    assert json.loads(json.dumps(figures.history()[-1]))["set"] == "full"


def test_of_tests_all_count_together() -> None:
    figure = figures.Figure(what="killed", record="test_.*", bar=0)
    tests = [
        {"name": "test_a", "value": 0, "unit": "of 2 cases", "tests": 2},
        {"name": "test_b", "value": 1, "unit": "of 1 case", "tests": 1},
    ]
    told = figures.judged(figure, tests)
    assert (told["value"], told["unit"], told["met"]) == (1, "of 3 cases", False)
    other = [
        {"name": "test_a", "value": 0.5, "unit": "s", "cases": 7},
        {"name": "test_b", "value": 0.7, "unit": "s", "cases": 7},
    ]
    assert figures.judged(figure, other)["value"] == 0.7
