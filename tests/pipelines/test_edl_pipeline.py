"""The edl pipeline as a shell runs it: from a clip to a file, killed and resumed, on a full disk, with bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import transcripts

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "examples/bikes.mp4"

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed: apt-get install ffmpeg")


def records(output: bytes) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def of_kind(kind: str, stream: list[dict]) -> list[dict]:
    return [record for record in stream if record["kind"] == kind]


def length(plan: bytes) -> int:
    """Frames of the film that a plan is for."""
    return of_kind("edl.plan", records(plan))[0]["length_frames"]


@pytest.fixture(scope="module")
def checked(tmp_path_factory) -> bytes:
    """A checked plan of the real clip, made in a home of its own; rendering it needs no state."""
    home = tmp_path_factory.mktemp("planner")
    (home / "tmp").mkdir()
    stream = b""
    for words in (["edl-scan", CLIP], ["edl-plan", "--intent", "make it cinematic"], ["edl-check"]):
        done = subprocess.run(
            [ROOT / "bin" / words[0], *words[1:]], input=stream, env=transcripts.world(home), capture_output=True,
            check=True, cwd=ROOT,
        )  # fmt: skip
        stream = done.stdout
    return stream


@pytest.fixture(scope="module")
def short(checked, tmp_path_factory) -> bytes:
    """The first cut of it alone: a second and a half that does not fit on a very small disk."""
    stream = records(checked)
    cut = of_kind("edl.cut", stream)[0]
    plan = of_kind("edl.plan", stream)[0] | {"length_frames": cut["timeline_out_frame"], "cut_count": 1}
    kept = b"".join(json.dumps(record).encode() + b"\n" for record in (*of_kind("edl.source", stream), plan, cut))
    home = tmp_path_factory.mktemp("checker")
    (home / "tmp").mkdir()
    world = transcripts.world(home)
    return subprocess.run([ROOT / "bin/edl-check"], input=kept, env=world, capture_output=True, check=True).stdout


def test_the_pipeline_gives_a_playable_file_and_records_that_hold(world, tmp_path):
    line = (
        f"edl-scan {CLIP} | edl-plan --intent 'make it cinematic, 5 seconds' | edl-check"
        " | edl-render --preset ultrafast -o out.mp4 | roadmap-schema validate"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=world, cwd=tmp_path, capture_output=True, check=False, timeout=200
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", tmp_path / "out.mp4", "-f", "null", "-"], check=True)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["out.mp4"]


def test_a_second_scan_decodes_nothing_and_says_the_same(shell, world, tmp_path):
    first = shell(["edl-scan", str(CLIP)])
    shutil.copy(CLIP, tmp_path / "elsewhere.mp4")
    second = shell(["edl-scan", "-v", str(tmp_path / "elsewhere.mp4")], env={"ROADMAP_NOW": "2027-01-01T00:00:00Z"})
    assert b"known content, not decoded again" in second.stderr
    assert second.stdout == first.stdout.replace(str(CLIP).encode(), str(tmp_path / "elsewhere.mp4").encode())


def test_every_cut_leads_to_its_shot_and_its_source(shell):
    planned = shell(["edl-plan", "--intent", "make it cinematic"], shell(["edl-scan", str(CLIP)]).stdout)
    for cut in of_kind("edl.cut", records(planned.stdout)):
        done = shell(["roadmap-why", cut["why_id"]])
        assert done.returncode == 0, done.stderr
        chain = {record["id"]: record for record in records(done.stdout)}
        assert cut["shot_id"] in chain
        assert cut["source_id"] in chain
        assert {"edl.cut_chosen", "edl.style_chosen"} <= {r.get("decision") for r in chain.values()}


def test_planning_again_finds_the_same_plan_and_decisions(shell):
    scanned = shell(["edl-scan", str(CLIP)]).stdout
    first = shell(["edl-plan", "--intent", "noir"], scanned).stdout
    later = shell(["edl-plan", "--intent", "noir"], scanned, env={"ROADMAP_NOW": "2027-01-01T00:00:00Z"}).stdout
    assert first == later


def test_dry_runs_change_nothing(shell, checked, home, tmp_path):
    before = sorted(home.rglob("*"))
    done = shell(["edl-render", "--dry-run", "-o", "out.mp4"], checked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = records(done.stdout)
    assert [record["cached"] for record in of_kind("edl.segment", told)] == [False] * 7
    assert all(record["dry_run"] for record in told)
    assert sorted(home.rglob("*")) == before
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_where_it_stopped(shell, world, checked, tmp_path):
    command = [ROOT / "bin/edl-render", "-o", "out.mp4", "--cache", "cache", "--preset", "superfast"]
    (tmp_path / "out.mp4").write_bytes(b"the film of yesterday")
    process = subprocess.Popen(
        command, env=world, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        process.stdin.write(checked)
        process.stdin.close()
        done = json.loads(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    assert (done["kind"], done["cached"]) == ("edl.segment", False)
    assert (tmp_path / "out.mp4").read_bytes() == b"the film of yesterday"
    again = shell(["edl-render", "-o", "out.mp4", "--cache", "cache", "--preset", "superfast"], checked, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    told = records(again.stdout)
    assert of_kind("edl.segment", told)[0] == {**done, "cached": True, "elapsed_ms": told[0]["elapsed_ms"]}
    assert of_kind("edl.render", told)[0]["frames_encoded"] < length(checked)
    third = records(
        shell(
            ["edl-render", "-o", "out.mp4", "--cache", "cache", "--preset", "superfast"], checked, cwd=tmp_path
        ).stdout
    )
    assert of_kind("edl.render", third)[0]["frames_encoded"] == 0
    left = [path for path in tmp_path.rglob("*.part") if "home" not in path.parts]
    assert len(left) <= 1, "at most what an orphaned encoder still had open"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_killed_at_thirty_moments_nothing_is_half_and_nothing_done_is_lost(shell, world, checked, tmp_path):
    """Every kill leaves no output or the whole one; what was in the cache before a start is never encoded again."""
    import random

    draw = random.Random(9)
    command = [ROOT / "bin/edl-render", "-o", "out.mp4", "--cache", "cache", "--preset", "ultrafast"]
    seen: set[str] = set()
    for _ in range(30):
        process = subprocess.Popen(
            command, env=world, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with process:
            process.stdin.write(checked)
            process.stdin.close()
            try:
                process.wait(draw.uniform(0.1, 2.5))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
            told = [json.loads(line) for line in process.stdout if line.endswith(b"\n")]
        encoded = {record["key"] for record in of_kind("edl.segment", told) if not record["cached"]}
        assert not encoded & seen, "what was announced is never encoded again"
        seen |= encoded
        if (tmp_path / "out.mp4").exists():
            words = ["ffmpeg", "-v", "error", "-xerror", "-i", tmp_path / "out.mp4", "-f", "null", "-"]
            assert subprocess.run(words, capture_output=True, check=False).returncode == 0
            if draw.random() < 0.5:
                (tmp_path / "out.mp4").unlink()
    done = records(shell([*map(str, command)], checked, cwd=tmp_path).stdout)
    assert of_kind("edl.render", done)[0]["frames"] == length(checked)
    assert not {r["key"] for r in of_kind("edl.segment", done) if not r["cached"]} & seen
    assert not list(tmp_path.glob(".*"))


def test_terminated_it_leaves_nothing_half(world, checked, tmp_path):
    process = subprocess.Popen(
        [ROOT / "bin/edl-render", "-o", "out.mp4", "--cache", "cache", "--preset", "superfast"],
        env=world, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        process.stdin.write(checked)
        process.stdin.close()
        process.stdout.readline()
        process.terminate()
        process.stdout.read()
    assert process.returncode == 143
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "out.mp4").exists()


def test_a_full_disk_is_one_line_and_no_half_file(world, short, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    (tmp_path / "plan.jsonl").write_bytes(short)
    mounted = f"mount -t tmpfs -o size=200k none {place}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mounted], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces: cannot make a small disk")
    for cache, output in (("small/cache", "out.mp4"), ("cache", "small/out.mp4")):
        line = f"{mounted} && edl-render -q --preset ultrafast -o {output} --cache {cache} < plan.jsonl; code=$?; find {place} -name '*.part'; exit $code"
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", line], env=world, cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 73, done.stderr
        assert b"no space left on device" in done.stderr
        assert done.stderr.count(b"\n") == 1
        assert b".part" not in done.stdout
    assert not (tmp_path / "out.mp4").exists()


def test_a_plan_with_errors_stops_the_pipe_at_the_check(shell, checked, tmp_path):
    stream = records(checked)
    for record in of_kind("edl.cut", stream)[:1]:
        record["out_frame"] = 9999
    broken = b"".join(json.dumps(record).encode() + b"\n" for record in stream)
    refused = shell(["edl-render", "-o", "out.mp4"], broken, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (65, b"")
    assert b"plan was changed after it was checked" in refused.stderr
    done = shell(["edl-check"], broken)
    assert done.returncode == 1
    assert b"edl-check: error: cut 0 ends at frame 9999, its source has 250\n" in done.stderr
    told = records(done.stdout)
    assert of_kind("edl.plan", told)[0]["checked"] is False
    assert "range" in {finding["rule"] for finding in of_kind("edl.finding", told)}
    refused = shell(["edl-render", "-o", "out.mp4"], done.stdout, cwd=tmp_path)
    assert refused.returncode == 65
    assert b"edl-render: error: plan has 2 errors\n" in refused.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_bad_files_are_one_line_each_and_the_good_ones_go_on(shell, tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "words.mp4").write_text("no film")
    names = [str(tmp_path / "empty.mp4"), str(CLIP), str(tmp_path / "words.mp4")]
    done = shell(["edl-scan", "--on-error", "skip", *names])
    assert done.returncode == 3
    assert len(of_kind("edl.shot", records(done.stdout))) == 6
    assert done.stderr.decode().splitlines() == [
        f"edl-scan: error: {names[0]}: file is empty",
        "edl-scan: hint: copy it again from where it came",
        f"edl-scan: error: {names[2]}: not a media file",
    ]
    done = shell(["edl-scan", str(tmp_path / "no.mp4")])
    assert done.returncode == 66


def test_a_renamed_source_is_found_at_the_check_and_goes_on_under_its_new_name(shell, tmp_path):
    film = tmp_path / "film.mp4"
    shutil.copy(CLIP, film)
    planned = shell(["edl-plan", "--intent", "noir"], shell(["edl-scan", str(film)]).stdout).stdout
    now = film.rename(tmp_path / "renamed.mp4")
    done = shell(["edl-check"], planned)
    assert done.returncode == 0, done.stderr
    assert f"warning: {film} is now {now}: found by its content".encode() in done.stderr
    assert of_kind("edl.source", records(done.stdout))[0]["path"] == str(now)
    now.unlink()
    gone = shell(["edl-check"], planned)
    assert gone.returncode == 1
    assert b"if it was moved, --look-in DIRECTORY finds it by its content" in gone.stderr


def test_with_sound_alone_there_is_nothing_to_plan_and_that_is_said(shell, tmp_path):
    song = tmp_path / "song.flac"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=2", str(song)], check=True)
    done = shell(["edl-plan", "--intent", "noir"], shell(["edl-scan", str(song)]).stdout)
    assert (done.returncode, of_kind("edl.plan", records(done.stdout))) == (65, [])
    assert done.stderr.startswith(f"edl-plan: error: {song}: only sound to plan with".encode())


@pytest.mark.parametrize(
    "words",
    [
        ["edl-check"],
        ["edl-export", "-o", "made.otio"],
        pytest.param(["edl-preview", "-o", "made.mp4"], marks=pytest.mark.slow),
        pytest.param(["edl-render", "--preset", "ultrafast", "-o", "made.mp4"], marks=pytest.mark.slow),
    ],
)
def test_feedback_without_input_is_about_the_edit_looked_at_last(shell, short, tmp_path, words):
    def last() -> tuple[list[str], bytes]:
        done = shell(["edl-log", "-v"])
        return [edit["what"] for edit in records(done.stdout)], done.stderr

    stream = records(short)
    plan = of_kind("edl.plan", stream)[0]
    other = [{**each, "id": f"{each['id'][:-1]}_", "plan_id": "edl_other"} for each in of_kind("edl.cut", stream)]
    other = [*of_kind("edl.source", stream), {**plan, "id": "edl_other", "intent": "the variant"}, *other]
    variant = b"".join(json.dumps(record).encode() + b"\n" for record in other)
    shell(["edl-undo", "--list"], short)
    variant = shell(["edl-check"], variant).stdout
    assert last()[0] == ["plan 'the variant'"]
    assert b"edl-log: the edit worked on last: 'the variant', as planned (edl_other)" in last()[1]
    assert shell([words[0], "--dry-run", *words[1:]], short, cwd=tmp_path).returncode == 0
    assert last()[0] == ["plan 'the variant'"], "a dry run moves nothing"
    if words[0] in {"edl-render", "edl-preview"}:
        unchecked = short.replace(b'"checked":true', b'"checked":false')
        assert shell(words, unchecked, cwd=tmp_path).returncode == 65
        assert last()[0] == ["plan 'the variant'"], "what is refused is not worked on"
    done = shell(words, short, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert last()[0] == ["plan 'make it cinematic'"]


def test_on_a_terminal_of_80_columns_reasons_stand_below_the_table_and_times_are_whole(shell, checked):
    done = shell(["edl-feedback", "--pretty", "make the last shot shorter"], checked, env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    reason = next(n for n, line in enumerate(lines) if line.startswith("  shorter shots: mean shot length"))
    assert "on 1 cut" in " ".join(line.strip() for line in lines[reason:])
    assert re.search(r"\d:\d\d:\d\d\.\d{3} to", "\n".join(lines[:reason]))


@pytest.mark.parametrize("words", [["edl-undo"], ["edl-redo"], ["edl-log"], ["edl-why", "0"]])
def test_at_a_terminal_it_is_said_that_there_is_no_edit_yet(world, tmp_path, words):
    import pty

    master, terminal = pty.openpty()
    done = subprocess.run(
        [ROOT / "bin" / words[0], *words[1:]], stdin=terminal, env=world, cwd=tmp_path, capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    os.close(master)
    os.close(terminal)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"error: no edit in the history yet" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["edl-preview", "--cache", "cache", "-o", "made.mp4"],
        ["edl-export", "-o", "made.mlt"],
        ["edl-feedback", "--anyway", "too dark", "-o", "made.jsonl"],
        ["edl-check", "--pictures", "-o", "made.jsonl"],
    ],
)
def test_killed_at_any_moment_no_half_file_is_left_and_the_next_run_succeeds(world, shell, checked, tmp_path, words):
    import random

    draw = random.Random(words[0])
    for _ in range(8):
        with subprocess.Popen(
            [ROOT / "bin" / words[0], *words[1:]], env=world, cwd=tmp_path, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            process.stdin.write(checked)
            process.stdin.close()
            try:
                process.wait(draw.uniform(0.1, 2.0))
            except subprocess.TimeoutExpired:
                process.kill()
    done = shell([*words], checked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = tmp_path / words[-1]
    assert made.stat().st_size
    if made.suffix == ".mp4":
        subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", made, "-f", "null", "-"], check=True)
    elif made.suffix == ".jsonl":
        assert of_kind("edl.plan", records(made.read_bytes()))


def test_without_ffmpeg_the_way_to_get_it_is_said(shell, world, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "readlink", "env"):
        (programs / name).symlink_to(shutil.which(name))
    done = shell(["edl-scan", str(CLIP)], env={"PATH": str(programs)})
    assert done.returncode == 69
    assert done.stderr == b"edl-scan: error: ffmpeg is not installed\nedl-scan: hint: apt-get install ffmpeg\n"


def test_words_that_are_not_understood_are_said(shell):
    done = shell(["edl-plan", "--intent", "wobbly noir"], shell(["edl-scan", str(CLIP)]).stdout)
    assert done.stderr == b"edl-plan: warning: not understood, and left out: 'wobbly'\n"
    assert of_kind("edl.plan", records(done.stdout))[0]["unknown_words"] == ["wobbly"]
