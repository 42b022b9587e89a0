"""What the sandbox lets a program do, what it does afterwards, and when it refuses to be made."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox, cgroup, place
from roadmap_cli.agent.sandbox.protected import protected_paths
from roadmap_cli.core.errors import DataError, Unavailable, UsageError

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import confined

from roadmap_cli.agent.sandbox.tame import Tamed

_WORKS = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
pytestmark = pytest.mark.skipif(_WORKS.returncode != 0, reason=f"bubblewrap cannot work here: {_WORKS.stderr.decode()}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with everything that must be protected."""
    root = tmp_path / "project"
    for name in (".git/hooks", "vendor/lib/.git/hooks", ".vscode", "worktree"):
        (root / name).mkdir(parents=True)
    (root / ".git/config").write_text("[core]\n")
    (root / "worktree/.git").write_text("gitdir: ../.git/worktrees/w\n")
    return root


def test_it_does_run_programs_and_write_in_the_project(folder: Path) -> None:
    said = confined(folder, "open('made', 'w').write('x'); open('/tmp/t', 'w'); print('fine')")
    assert (said.code, said.out) == (0, "fine\n")
    assert (folder / "made").read_text() == "x"
    assert (folder / "made").stat().st_uid == folder.stat().st_uid


def test_the_program_is_not_root(folder: Path) -> None:
    said = confined(folder, "import os; print(os.getuid()); print(open('/proc/self/status').read())")
    status = dict(line.split(":\t", 1) for line in said.out.splitlines() if ":\t" in line)
    assert said.out.split()[0] != "0"
    assert (status["CapEff"], status["CapPrm"], status["CapAmb"]) == ("0" * 16,) * 3
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_loopback_is_its_own(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = (
            f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2); print('ESCAPED')"
        )
        assert "ESCAPED" not in confined(folder, script).out
    said = confined(folder, "import socket; s = socket.create_server(('127.0.0.1', 0));"
                            "socket.create_connection(s.getsockname()); print('own')")  # fmt: skip
    assert said.out == "own\n"


def test_git_made_later_is_moved_aside(folder: Path) -> None:
    confined(folder, "import os; os.makedirs('sub/.git/hooks'); open('sub/.git/hooks/pre-commit', 'w').write('x')")
    assert not (folder / "sub/.git").exists()
    assert (folder / "sub/.git.untrusted").is_dir()


def test_a_protected_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").symlink_to("/tmp")
    with pytest.raises(DataError, match="symbolic link"):
        protected_paths(tmp_path)


def test_private_folder_hides_the_real_one(folder: Path) -> None:
    said = confined(folder, "import os; print(os.listdir('.')); open('x', 'w')", private=True)
    assert said.out == "[]\n"
    assert not (folder / "x").exists()


def test_without_bubblewrap_nothing_runs(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="bwrap is not installed") as refused:
        Sandbox(Grant(folder), Limits(), search=str(tmp_path))
    assert "apt-get install bubblewrap" in str(refused.value.hint)


def test_a_sandbox_that_cannot_be_made_runs_nothing(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    (broken / "setpriv").symlink_to("/usr/bin/setpriv")
    (broken / "bwrap").chmod(0o755)
    sandbox = Sandbox(Grant(folder), Limits(), search=str(broken))
    with sandbox.start(["touch", str(folder / "ran")]) as process, pytest.raises(Unavailable):
        process.wait()
    assert not (folder / "ran").exists()


def test_protections_are_named(folder: Path) -> None:
    names = confined(folder, "pass").protections
    assert {"no_network", "seccomp", "unprivileged_user", "process_namespace", "read_only_root"} <= set(names)
    assert any("memory" in name for name in names)


def test_a_repository_in_a_renamed_folder_is_moved_aside(folder: Path) -> None:
    script = (
        "import os; os.rename('vendor', 'was'); os.makedirs('vendor/lib/.git/hooks');"
        "open('vendor/lib/.git/hooks/pre-commit', 'w').write('x')"
    )
    confined(folder, script)
    assert not (folder / "vendor/lib/.git").exists()
    assert (folder / "vendor/lib/.git.untrusted/hooks/pre-commit").exists()
    assert not (folder / "was/lib/.git").exists(), "a pointer file may lead elsewhere from its new place"


def test_a_folder_that_git_takes_for_a_repository_is_disarmed(folder: Path) -> None:
    script = (
        "import os; [os.makedirs('sub/' + n) for n in ('objects', 'refs')];"
        "open('sub/HEAD', 'w').write('ref: refs/heads/x\\n');"
        "open('sub/config', 'w').write('[core]\\nfsmonitor = touch /tmp/x\\nbare = false\\nworktree = .\\n')"
    )
    confined(folder, script)
    git = subprocess.run(["git", "-C", str(folder / "sub"), "rev-parse", "--git-dir"], check=False,
                         capture_output=True, text=True, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder)})  # fmt: skip
    assert git.returncode != 0, git.stdout
    assert (folder / "sub/HEAD.untrusted").exists()


def test_a_hidden_repository_is_found(folder: Path) -> None:
    confined(folder, "import os; os.makedirs('deep/.GIT'); os.chmod('deep', 0)")
    assert (folder / "deep/.GIT.untrusted").is_dir()


def test_a_link_named_git_is_moved_aside(folder: Path) -> None:
    confined(folder, "import os; os.makedirs('a/evil'); os.symlink('evil', 'a/.git')")
    assert (folder / "a/.git.untrusted").is_symlink()


@pytest.mark.parametrize(
    ("name", "words"),
    [("/", "more than one project"), ("/usr/lib", "belongs to the system"), ("/tmp", "more than one project"),
     ("/proc/1", "belongs to the system"), ("/work/home", "your home"), ("/work", "your home"),
     ("/work/home/p/.git/hooks", "git repository's own"), ("/work/home/state", "no sandbox may see"),
     ("/work/home/state/roadmap/snapshots/x", "no sandbox may see")],
)  # fmt: skip
def test_folders_that_are_not_lent(name: str, words: str) -> None:
    secrets = [Path("/work/home/state/roadmap")]
    with pytest.raises(UsageError, match=words):
        place.check_writable(Path(name), home=Path("/work/home"), secrets=secrets)
    place.check_writable(Path("/work/home/project"), home=Path("/work/home"), secrets=secrets)
    place.check_writable(Path("/usr/src/app"), home=Path("/work/home"), secrets=secrets)
    place.check_readable(Path("/work/home/project"), secrets=secrets)
    with pytest.raises(UsageError, match="no sandbox may see"):
        place.check_readable(Path("/work/home"), secrets=secrets)


def test_one_more_folder_can_be_written(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    sandbox = Sandbox(Grant(folder, writable=(other,), environ={"GIVEN": "1"}), Limits())
    script = f"echo $GIVEN > {other}/made; echo x > {other}/.git/x; mkdir -p {other}/sub/.git"
    with sandbox.start(["sh", "-c", script], stderr=subprocess.DEVNULL) as process:
        process.wait()
    sandbox.leftovers()
    assert (other / "made").read_text() == "1\n"
    assert not (other / ".git/x").exists()
    assert (other / "sub/.git.untrusted").exists()


def test_what_was_used_is_told(folder: Path) -> None:
    sandbox = Sandbox(Grant(folder), Limits())
    with sandbox.start(["/usr/bin/python3", "-c", "x = b'x' * (40 << 20); sum(range(10 ** 6))"]) as process:
        assert process.wait() == 0
        use = process.use()
    if any(name.startswith("cgroup") for name in sandbox.protections):
        assert 40 << 20 < (use.memory_peak_bytes or 0) < 400 << 20
        assert (use.processes_peak or 9) >= 1
        assert (use.cpu_s or 0) > 0.01


def test_killing_the_command_leaves_no_program(folder: Path, tmp_path: Path) -> None:
    script = (
        "import sys, os; from pathlib import Path; from roadmap_cli.agent.sandbox import *\n"
        "p = Sandbox(Grant(Path(sys.argv[1])), Limits()).start(['sh', '-c', 'while :; do date +%N > alive; sleep 0.05; done'])\n"
        "print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as starter:  # fmt: skip
        deadline = time.monotonic() + 20
        while not (folder / "alive").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        starter.send_signal(signal.SIGKILL)
    time.sleep(0.3)
    last = (folder / "alive").read_text()
    time.sleep(0.3)
    assert (folder / "alive").read_text() == last


def test_a_run_killed_at_once_leaves_nothing(folder: Path) -> None:
    """bubblewrap's process 1 asks to die with its parent only after its set-up: it is ended by name."""
    for number in range(12):
        sandbox = Sandbox(Grant(folder), Limits())
        with sandbox.start(["sleep", "20"]) as process:
            time.sleep(number * 0.002)
            started = time.monotonic()
        assert time.monotonic() - started < 5
        assert not process._status.closed or process.popen.returncode is not None


def test_control_groups_of_version_2(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/user\n")
    parent = tmp_path / "user"
    parent.mkdir()
    (parent / "cgroup.subtree_control").write_text("cpu\n")
    assert cgroup.create("roadmap-1-a", memory_bytes=1, processes=2, root=tmp_path, own=own) is None
    (parent / "cgroup.subtree_control").write_text("cpu memory pids\n")
    group = cgroup.create("roadmap-1-a", memory_bytes=1 << 20, processes=2, root=tmp_path, own=own)
    assert group is not None
    assert group.protections == ("cgroup_v2_memory", "cgroup_v2_processes")
    made = parent / "roadmap-1-a"
    assert [(made / name).read_text() for name in ("memory.max", "pids.max", "memory.swap.max")] == [
        "1048576",
        "2",
        "0",
    ]
    (made / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    (made / "memory.peak").write_text("4096\n")
    (made / "cpu.stat").write_text("usage_usec 2500000\n")
    (made / "pids.events").write_text("max 4\n")
    assert group.use() == cgroup.Use(2.5, 4096, None, 3, 4)


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("3:memory:/a\n2:pids:/\n1:cpuacct:/\n")
    for name in ("memory/a", "pids"):
        (tmp_path / name).mkdir(parents=True)
    group = cgroup.create("roadmap-1-a", memory_bytes=1 << 20, processes=2, root=tmp_path, own=own)
    assert group is not None
    assert group.protections == ("cgroup_v1_memory", "cgroup_v1_processes")
    assert (tmp_path / "memory/a/roadmap-1-a/memory.limit_in_bytes").read_text() == "1048576"
    assert group.entrance == "tasks"


def test_without_control_groups_there_is_none(tmp_path: Path) -> None:
    assert cgroup.create("roadmap-1-a", memory_bytes=1, processes=2, root=tmp_path, own=tmp_path / "none") is None


def test_without_the_filter_nothing_runs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pyseccomp.py").write_text("raise RuntimeError('Unable to find libseccomp')\n")
    script = (
        "import sys; from pathlib import Path; from roadmap_cli.agent.sandbox import *; from roadmap_cli.core.errors import Unavailable\n"
        "try: Sandbox(Grant(Path(sys.argv[1])), Limits()).start(['touch', 'ran'])\n"
        "except Unavailable as error: print(error, '|', error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])})  # fmt: skip
    assert done.stdout == (
        "the system-call filter needs libseccomp | apt-get install libseccomp2 && pip install pyseccomp\n"
    )
    assert not (folder / "ran").exists()


def test_without_setpriv_nothing_runs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bwrap").symlink_to("/usr/bin/bwrap")
    with pytest.raises(Unavailable, match="setpriv is not installed"):
        Sandbox(Grant(folder), Limits(), search=str(tmp_path))


def test_too_many_repositories_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}/.git").mkdir(parents=True)
    with pytest.raises(DataError, match="3 protected paths, more than 2"):
        protected_paths(tmp_path, most=2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [(b"plain \xc3\xa9\n\ttab\r", b"plain \xc3\xa9\n\ttab\r"), (b"\x1b[31mred\x1b[0m", b"\x1b[31mred\x1b[0m"),
     (b"\x1b]52;c;eA==\x07", b"^[]52;c;eA==^G"), (b"\x1b[6n", b"^[[6n"), (b"\x1b[2J", b"^[[2J"),
     (b"\xc2\x9b6n", b"\\x9b6n"), (b"\x7f\x00", b"^?^@"), (b"\x1bP+q\x1b\\", b"^[P+q^[\\")],
)  # fmt: skip
def test_a_terminal_is_not_commanded(text: bytes, shown: bytes) -> None:
    assert Tamed()(text) + Tamed()(b"") == shown
    piecewise = Tamed()
    assert b"".join(piecewise(text[at : at + 1]) for at in range(len(text))) + piecewise(b"") == shown


def test_a_terminal_gets_tamed_output_and_a_pipe_all_bytes(folder: Path) -> None:
    from roadmap_cli.agent.sandbox import relay

    ours, theirs = pty.openpty()
    sandbox = Sandbox(Grant(folder), Limits())
    nothing = os.open(os.devnull, os.O_RDWR)
    with sandbox.start(["printf", "\\033]0;x\\007"]) as process:
        relay.carry(sandbox, process, nothing, theirs, nothing)
    assert os.read(ours, 100) == b"^[]0;x^G"
    for descriptor in (ours, theirs, nothing):
        os.close(descriptor)
    assert confined(folder, "print('\\033]0;x\\007', end='')").out == "\033]0;x\007"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_follows_a_run_happens_when_the_command_is_ended(folder: Path, tmp_path: Path, number: int) -> None:
    script = "mkdir -p s/.git; echo b > made; while :; do date +%N > alive; sleep 0.05; done"
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path / "home")}
    words = [str(Path(__file__).parents[3] / "bin/agent-sandbox"), "--project", str(folder)]
    before = {path.name for path in folder.iterdir()}
    for options, left in (([], {"s", "made", "alive"}), (["--rollback-on-failure"], set())):
        for name in ("made", "alive"):
            (folder / name).unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", str(folder / "s")], check=True)
        with subprocess.Popen([*words, *options, "--", "sh", "-c", script], env=environ) as running:
            deadline = time.monotonic() + 20
            while not (folder / "alive").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            running.send_signal(number)
            assert running.wait(20) == 143
        assert {path.name for path in folder.iterdir()} == before | left
        assert not (folder / "s/.git").exists()


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(folder: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path / "home")}
    words = [str(Path(__file__).parents[3] / "bin/agent-sandbox"), "--project", str(folder)]
    program = ["--", "sh", "-c", "echo ran > made; ln -sf /etc/other report"]
    report = tmp_path / "nowhere" / "report"
    done = subprocess.run([*words, "--report", report, *program], env=environ, capture_output=True, check=False)
    assert (done.returncode, (folder / "made").exists()) == (73, False)
    assert f"{report}: cannot write: no such file or directory" in done.stderr.decode()
    (folder / "report").touch()
    done = subprocess.run([*words, "--report", folder / "report", *program], env=environ, check=False)
    assert (done.returncode, (folder / "made").exists()) == (0, True), "a link that the program made is not followed"
