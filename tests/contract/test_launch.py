"""Starting a command of a checkout whose environment cannot be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_an_environment_that_cannot_be_run_is_said_and_not_passed_over(tmp_path):
    """After an upgrade of Python its link leads nowhere; another's packages would be the wrong thing to ask for."""
    checkout = tmp_path / "a checkout"
    (checkout / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "bin/_launch", checkout / "bin/_launch")
    (checkout / "bin/edl-check").symlink_to("_launch")
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to("/nowhere/python3")
    done = subprocess.run([checkout / "bin/edl-check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (69, "")
    error, hint = done.stderr.splitlines()
    assert error == f"edl-check: error: {checkout}/.venv/bin/python: cannot be run, by this user or at all"
    assert hint.endswith("make setup")


def test_all_that_is_missing_is_told_at_once_with_the_command(tmp_path):
    """Python without a single package, as on the first day, and a PATH without make."""
    checkout = tmp_path / "a checkout"
    shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bin/_launch", "tools/setup.sh"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    bare = programs / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    for name in ("sh", "readlink"):
        (programs / name).symlink_to(shutil.which(name))
    for command, told in (("roadmap-doctor", "click, rich, orjson"), ("wf-run", "click, rich")):
        (checkout / "bin" / command).symlink_to("_launch")
        environ = {"PATH": str(programs), "PYTHON": str(bare), "HOME": str(tmp_path)}
        done = subprocess.run([checkout / "bin" / command], capture_output=True, text=True, check=False, env=environ)
        error, hint = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (69, "")
        assert error.startswith(f"{command}: error: Python packages are missing: {told}")
        assert ("ffmpeg-python" in error, "PyYAML" in error) == (command == "roadmap-doctor", True)
        assert ("; and programs: bwrap, git, ffmpeg" in error) == (command == "roadmap-doctor")
        assert hint == f"{command}: hint: sudo apt-get install make && make -C '{checkout}' setup"


def test_make_setup_ends_with_what_to_do_next_and_nothing_else_does(tmp_path):
    """What the targets say, with a set-up that has nothing to do and one environment that cannot be made at first."""
    checkout = tmp_path / "checkout"
    (checkout / "tools").mkdir(parents=True)
    for name in ("Makefile", "tools/install.py"):
        shutil.copy(ROOT / name, checkout / name)
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to(sys.executable)
    (checkout / "tools/setup.sh").write_text("#!/bin/sh\n")
    (checkout / "tools/setup.sh").chmod(0o755)
    (checkout / "examples").mkdir()
    (checkout / "examples/demo.sh").write_text("#!/bin/sh\n")
    (checkout / "examples/demo.sh").chmod(0o755)
    said = {
        target: subprocess.run(["make", target], cwd=checkout, capture_output=True, text=True, check=True).stdout
        for target in ("setup", "demo")
    }
    assert said["demo"] == ""
    first, *rest = said["setup"].splitlines()
    assert first == f"set up in {checkout}."
    assert [line.split()[0] for line in rest] == [f"PATH={checkout}/bin:$PATH", "roadmap-doctor", "slm-models", "man"]


def test_an_environment_that_needs_a_package_is_made_without_a_word_of_failure(tmp_path):
    """Debian's Python says so on standard output when its venv lacks pip; the set-up then brings the package."""
    lines = (ROOT / "tools/setup.sh").read_text().splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith('if [ ! -x "$venv/bin/python" ]'))
    end = next(place for place, line in enumerate(lines) if place > begin and line == "fi")
    programs = tmp_path / "programs"
    programs.mkdir()
    python = programs / "python3"
    python.write_text(
        "#!/bin/sh\n"
        '[ "$1" = -c ] && { echo 3.11; exit; }\n'
        f'[ -e {tmp_path}/brought ] && {{ mkdir -p "$3/bin"; exit; }}\n'
        'echo "The virtual environment was not created successfully because ensurepip is not available."\n'
        "exit 1\n"
    )
    (programs / "apt-get").write_text(f"#!/bin/sh\n[ $1 = install ] && touch {tmp_path}/brought\nexit 0\n")
    (programs / "id").write_text("#!/bin/sh\necho 0\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    script = "\n".join(
        [
            "set -eu",
            "say() { printf 'setup: %s\\n' \"$*\" >&2; }",
            f"venv={tmp_path}/venv python=python3",
            *lines[begin : end + 1],
        ]
    )
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": f"{programs}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "setup: installing python3.11-venv\n")
    assert (tmp_path / "venv/bin").is_dir()
