"""The promises that every command keeps."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import transcripts
from roadmap_cli.cli import surface
from roadmap_cli.cli.surface import Entry
from roadmap_cli.core import schemas

ROOT = Path(__file__).parents[2]
ENTRIES = list(surface.entries())
PARTS = [part for entry in ENTRIES for part in entry.parts]
READERS = [part for part in PARTS if part.spec.reads]
#: What must be there at all for a command to start: required options and operands.
ARGUMENTS: dict[str, list[str]] = {
    "edl-export": ["-o", "out.mlt"],
    "edl-feedback": ["too dark"],
    "edl-plan": ["--intent", "cinematic"],
    "edl-preview": ["-o", "out.mp4"],
    "edl-render": ["-o", "out.mp4"],
    "edl-why": ["00:00:01"],
    "slm-quantize": ["smollm2-135m-instruct"],
}
UNKNOWN = b'{"kind":"test.unknown","id":"test_1","at":"2026-11-23T09:00:00.000Z","n":1.50,"deep":{"a":[1,2]}}\n'
#: What --help must not import: each costs more than click itself.
HEAVY = {
    "rich", "sqlite3", "sqlcipher3", "asyncio", "logging", "importlib.metadata", "subprocess", "orjson", "numpy",
    "httpx", "llama_cpp", "onnxruntime", "ai_edge_litert", "tokenizers", "dbos", "sqlalchemy", "yaml", "cv2", "scenedetect", "ffmpeg",
    "icalendar", "sqlite_utils", "sqlite_vec", "pyrage", "jsonschema", "rfc8785", "pydantic", "urllib.request", "http",
}  # fmt: skip


def words(part: Entry) -> list[str]:
    return [*part.name.split(" "), *ARGUMENTS.get(part.name, [])]


def each(parts: list[Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("part", parts, ids=[part.name.replace(" ", "_") for part in parts])


def test_commands_links_scripts_pages_completions_and_transcripts_are_the_same_set():
    names = set(surface.names())
    import tomllib

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {path.name for path in (ROOT / "bin").iterdir() if path.is_symlink()} == names
    assert set(scripts) == names
    assert {path.stem for path in (ROOT / "man/man1").iterdir()} == names
    assert {path.name for path in (ROOT / "completions/bash").iterdir()} == names
    assert {path.name[1:] for path in (ROOT / "completions/zsh").iterdir()} == names
    assert {path.stem for path in (ROOT / "completions/fish").iterdir()} == names
    assert {path.stem for path in transcripts.FOLDER.glob("*.md")} == names


@pytest.mark.parametrize("generator", ["gen_links", "gen_man", "gen_completions", "gen_readme"])
def test_generated_files_are_up_to_date(generator):
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / f"{generator}.py", "--check"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tools'}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])
def test_every_command_tells_about_itself(entry):
    assert re.fullmatch(r"[A-Z][^.\n]{8,}\.", entry.spec.phrase), "a phrase in the imperative with a full stop"
    assert len(entry.spec.phrase) <= 61
    examples = {**entry.spec.examples, **{k: v for part in entry.parts for k, v in part.spec.examples.items()}}
    assert examples, "at least one example"
    shown = {step.shell for step in transcripts.read(transcripts.FOLDER / f"{entry.name}.md")}
    missing = [line for line in examples.values() if line not in shown]
    assert not missing, f"examples that no transcript runs: {missing}"
    known = set(surface.names())
    assert {see for part in (entry, *entry.parts) for see in part.spec.see} <= known


def test_a_folded_example_is_the_same_command():
    from roadmap_cli.cli.help import folded

    for entry in ENTRIES:
        for part in (entry, *entry.parts):
            for line in part.spec.examples.values():
                together = " ".join(piece.removesuffix("\\").strip() for piece in folded(line))
                assert together.split() == line.split()
                done = subprocess.run(["sh", "-n", "-c", "\n".join(folded(line))], capture_output=True, check=False)
                assert done.returncode == 0, done.stderr


def test_every_kind_that_is_written_or_read_has_a_schema_that_describes_each_field():
    from jsonschema import Draft202012Validator

    wanted = {kind for part in PARTS for kind in (*part.spec.writes, *part.spec.reads)} - {"*"}
    assert wanted <= set(schemas.kinds())
    for kind in schemas.kinds():
        schema = schemas.load(kind)
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is True, kind
        assert schema["properties"]["kind"]["const"] == kind
        assert {"kind", "id", "at"} <= set(schema["required"]), kind
        silent = [name for name, about in schema["properties"].items() if not about.get("description")]
        assert not silent, f"{kind}: no description: {silent}"


def test_an_option_of_several_commands_means_the_same_everywhere():
    meanings: dict[str, dict[str, list[str]]] = {}
    for part in PARTS:
        for option in part.options:
            if option.flags:
                meanings.setdefault(option.flags[-1], {}).setdefault(option.help, []).append(part.name)
    #: What each resumes, reads from, makes, names or calls new differs by its nature; --for is a time in one and a machine
    #: in the other; --limit has the newest or the best, --kind what is looked for or what may be sent, --all what else
    #: there is; --measure and --check are an act here and its object there; --at is a time of what is asked about,
    #: --llm says what a model may do, --until is the end of a right or of what is looked at, --task a length or a name,
    #: --to a place or a revision, --source what is erased or asked about, --list what waits or can be undone; --jobs are
    #: goals or pieces, --title is of a model or of a film.
    exceptions = {
        *("--output", "--resume", "--from", "--for", "--new", "--name", "--limit", "--kind", "--all", "--measure"),
        *("--check", "--at", "--llm", "--until", "--task", "--to", "--source", "--list", "--jobs", "--title"),
    }
    different = {flag: found for flag, found in meanings.items() if len(found) > 1 and flag not in exceptions}
    assert not different


@each(PARTS)
def test_help_fits_a_terminal_and_imports_nothing_heavy(part, shell):
    probe = (
        "import sys\n"
        f"from {surface.module_of(part.name.partition(' ')[0])} import main\n"
        f"code = main({[*part.name.split(' ')[1:], '--help']!r})\n"
        "sys.stderr.write(repr([code, sorted(sys.modules)]))"
    )
    done = shell([sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n{probe}"])
    code, modules = eval(done.stderr)
    assert code == 0
    assert not HEAVY & set(modules)
    text = done.stdout.decode()
    assert max(map(len, text.splitlines())) <= 79
    assert all(kind in text for kind in (*part.spec.reads, *part.spec.writes) if kind != "*")


def test_help_costs_at_most_twice_what_importing_click_costs(shell):
    """A guard on the sum that a busy machine does not upset; the bench has the figure itself."""

    def cpu_s(words):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shell(words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    dear = []
    for entry in ENTRIES:
        ratios = (cpu_s([entry.name, "--help"]) / cpu_s([sys.executable, "-P", "-c", "import click"]) for _ in range(5))
        if not any(ratio <= 2 for ratio in ratios):
            dear.append(entry.name)
    assert not dear


@each(PARTS)
def test_version_and_unknown_option(part, shell):
    done = shell([*part.name.split(" "), "--version"])
    assert done.returncode == 0
    assert re.fullmatch(rb"[a-z-]+ \(roadmap-cli\) \d+\.\d+\.\d+\n", done.stdout)
    done = shell([*words(part), "--no-such-option"])
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(rb"[a-z -]+: error: [^\n]+\n[a-z -]+: hint: [^\n]+\n", done.stderr)


@each([part for part in READERS if part.spec.output == "file"])
def test_a_command_that_makes_a_file_says_when_there_is_nothing_to_make_it_from(part, shell, tmp_path):
    done = shell(words(part), UNKNOWN, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (65, UNKNOWN)
    assert b" in the input\n" in done.stderr


#: Commands for which no input is an answer like any other.
FILTERS = [part for part in READERS if part.spec.output == "records"]


@each(FILTERS)
def test_empty_input_gives_nothing_and_silence(part, shell, tmp_path):
    done = shell([*words(part), "--quiet"], cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@each(READERS)
def test_a_bad_line_is_named(part, shell, tmp_path):
    done = shell(words(part), b'{"kind":\n', cwd=tmp_path)
    assert done.returncode == 65
    assert done.stdout == b""
    assert b": error: <stdin>:1: " in done.stderr


@each(FILTERS)
def test_on_error_emit_puts_an_error_record_in_its_place(part, shell, tmp_path):
    done = shell([*words(part), "--on-error", "emit", "--json"], b'{"kind":\n', cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    error = json.loads(done.stdout)
    assert (error["kind"], error["line"], error["source"]) == ("error", 1, "<stdin>")
    assert not list(schemas.problems(error))
    done = shell([*words(part), "--on-error", "skip"], b'{"kind":\n', cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, b"")


@each([part for part in FILTERS if "*" not in part.spec.reads])
def test_unknown_kinds_and_errors_pass_through_untouched(part, shell, tmp_path):
    error = b'{"kind":"error","id":"e_1","at":"2026-11-23T09:00:00.000Z","code":"x","message":"y"}\n'
    done = shell(words(part), UNKNOWN + error, cwd=tmp_path)
    assert done.stdout == UNKNOWN + error, done.stderr
    assert done.returncode == 0


@each([part for part in FILTERS if "*" not in part.spec.reads and part.spec.streams])
def test_one_line_in_gives_one_line_out_while_the_pipe_is_open(part, world, tmp_path):
    process = subprocess.Popen(
        [ROOT / "bin" / words(part)[0], *words(part)[1:]], env=world, cwd=tmp_path,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    with process:
        process.stdin.write(UNKNOWN)
        process.stdin.flush()
        assert process.stdout.readline() == UNKNOWN
        process.stdin.close()
    assert process.returncode == 0


#: A line for which a streaming command writes at least one record of its own.
SAMPLES = {
    "life-ingest": b'{"kind":"life.event","id":"life_1","at":"2026-11-20T09:00:00.000Z","title":"Dentist"}\n',
    "slm-embed": b'{"kind":"life.event","id":"life_1","at":"2026-11-20T09:00:00.000Z","text":"Dentist"}\n',
    "slm-run": b'{"prompt":"Say yes.","max_tokens":1}\n',
    "roadmap-schema validate": b'{"kind":"no.schema","id":"x_1","at":"2026-11-20T09:00:00.000Z"}\n',
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_comes_of_a_line_is_written_before_the_next_is_there(name, world, tmp_path):
    process = subprocess.Popen(
        [ROOT / "bin" / name.split()[0], *name.split()[1:]], env=world, cwd=tmp_path,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    with process:
        process.stdin.write(SAMPLES[name])
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"]
        process.stdin.close()


@each([part for part in READERS if "*" not in part.spec.reads])
def test_the_reader_goes_away(part, world, tmp_path):
    source, sink = os.pipe()
    os.close(source)
    process = subprocess.Popen(
        [ROOT / "bin" / words(part)[0], *words(part)[1:]], env=world, cwd=tmp_path,
        stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(sink)
    _, stderr = process.communicate(UNKNOWN)
    assert (process.returncode, stderr) == (141, b"")


@each([part for part in READERS if "*" not in part.spec.reads])
def test_a_full_disk_is_said(part, shell, tmp_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = shell(words(part), UNKNOWN, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path)
    assert done.returncode == 73
    assert re.search(rb"cannot write: no space left on device\n", done.stderr)
    assert done.stderr.count(b"\n") == 1


@each([part for part in READERS if "*" not in part.spec.reads and part.spec.output == "records"])
def test_an_output_file_is_complete_or_not_there(part, shell, tmp_path):
    target = tmp_path / "out.jsonl"
    done = shell([*words(part), "-o", str(target)], UNKNOWN + b"{bad\n", cwd=tmp_path)
    assert done.returncode == 65
    assert not target.exists()
    done = shell([*words(part), "-o", str(target)], UNKNOWN, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == UNKNOWN
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out.jsonl"]


def _state_hash(home: Path) -> str:
    folder = home / ".local/state/roadmap"
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        if path.is_file() and path.suffix not in (".db-shm", ".lock"):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@each([part for part in PARTS if part.spec.state != "no" and not part.spec.runs_program])
def test_a_dry_run_or_a_reader_changes_no_state(part, shell, home, tmp_path):
    dry = ["--dry-run"] if part.spec.has_effects else []
    shell([*words(part), *dry], cwd=tmp_path)
    assert not (home / ".local/state").exists(), "it made a state file"
    shell(["life-ingest", str(ROOT / "examples/life/calendar.ics")])
    before = _state_hash(home)
    shell([*words(part), *dry], cwd=tmp_path)
    assert _state_hash(home) == before


@each([part for part in FILTERS if "*" not in part.spec.reads])
def test_a_person_at_a_terminal_is_told_what_is_awaited(part, world, tmp_path):
    """No help, no prompt: one line, and the command waits."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [ROOT / "bin" / words(part)[0], *words(part)[1:], "-v"], env=world, cwd=tmp_path,
        stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(follower)
    os.write(leader, b"\x04")
    _, stderr = process.communicate(timeout=60)
    os.close(leader)
    assert b"from the terminal; end with Ctrl-D" in stderr
    assert process.returncode == 0
