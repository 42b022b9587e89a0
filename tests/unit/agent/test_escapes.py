"""Attempts to get out of the sandbox, or to use up the machine from inside: each must be stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_cli.agent.protected import protected_paths
from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox
from roadmap_cli.core.errors import DataError, Unavailable

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import confined

_WORKS = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
pytestmark = pytest.mark.skipif(_WORKS.returncode != 0, reason=f"bubblewrap cannot work here: {_WORKS.stderr.decode()}")

_CALL = (
    "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); r = libc.syscall({}); print(r, ctypes.get_errno())"
)

#: name: a script that prints ESCAPED if it gets through, and anything else if it does not.
ATTEMPTS = {
    "tcp_outside": "import socket; socket.create_connection(('1.1.1.1', 53), 3); print('ESCAPED')",
    "udp_outside": "import socket; socket.socket(2, 2).sendto(b'x', ('1.1.1.1', 53)); print('ESCAPED')",
    "raw_socket": "import socket; socket.socket(2, 3, 1); print('ESCAPED')",
    "packet_socket": "import socket; socket.socket(17, 3, 0); print('ESCAPED')",
    "netlink": "import socket; socket.socket(16, 3, 0); print('ESCAPED')",
    "vsock": "import socket; socket.socket(40, 1, 0); print('ESCAPED')",
    "kernel_crypto_socket": "import socket; socket.socket(38, 5, 0); print('ESCAPED')",
    "unix_socket": "import socket; socket.socket(1, 1); print('ESCAPED')",
    "unix_socket_high_bits": "import ctypes; r = ctypes.CDLL(None).syscall(41, ctypes.c_long((1 << 32) | 1), 1, 0)\n"
    "print('ESCAPED' if r >= 0 else r)",
    "write_usr": "open('/usr/bin/evil', 'w'); print('ESCAPED')",
    "write_root": "open('/evil', 'w'); print('ESCAPED')",
    "write_etc": "open('/etc/passwd', 'a').write('x'); print('ESCAPED')",
    "read_shadow": "open('/etc/shadow').read(); print('ESCAPED')",
    "read_home": "import os; os.listdir('/root/.ssh'); print('ESCAPED')",
    "git_hook": "open('.git/hooks/pre-commit', 'w'); print('ESCAPED')",
    "git_config": "open('.git/config', 'a').write('x'); print('ESCAPED')",
    "git_renamed": "import os; os.rename('.git', 'git-old'); print('ESCAPED')",
    "git_removed": "import shutil; shutil.rmtree('.git'); print('ESCAPED')",
    "git_nested": "open('vendor/lib/.git/hooks/post-checkout', 'w'); print('ESCAPED')",
    "git_pointer": "open('worktree/.git', 'w').write('gitdir: /tmp/x'); print('ESCAPED')",
    "editor_tasks": "open('.vscode/tasks.json', 'w'); print('ESCAPED')",
    "symlink_out": "import os; os.symlink('/usr/lib', 'out'); open('out/evil', 'w'); print('ESCAPED')",
    "hard_link_out": "import os; os.link('/usr/bin/env', 'env'); print('ESCAPED')",
    "remount": "import ctypes; r = ctypes.CDLL(None).mount(b'none', b'/usr', None, 32 | 4096, None)\n"
    "print('ESCAPED' if r == 0 else r)",
    "unmount_git": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).umount2(b'.git', 2) == 0 else 'no')",
    "chroot": "import os; os.mkdir('x'); os.chroot('x'); print('ESCAPED')",
    "device": "import os; os.mknod('disk', 0o60600, os.makedev(254, 0)); open('disk', 'rb').read(1); print('ESCAPED')",
    "kernel_setting": "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x'); print('ESCAPED')",
    "sysrq": "open('/proc/sysrq-trigger', 'w').write('h'); print('ESCAPED')",
    "other_processes": "import os; print('ESCAPED' if sum(p.isdigit() for p in os.listdir('/proc')) > 3 else '')",
    "root_through_proc": "import os; os.listdir('/proc/1/root/root'); print('ESCAPED')",
    "become_root": "import os; os.setuid(0); print('ESCAPED' if os.listdir('/root') else '')",
    "user_namespace": _CALL.format("272, 0x10000000") + "; print('ESCAPED' if r == 0 else '')",
    "clone_namespace": _CALL.format("56, 0x10000011, 0, 0, 0, 0")
    + "\nif r == 0: os._exit(0)\nprint('ESCAPED' if r > 0 else '')",
    "clone3": _CALL.format("435, 0, 0") + "; print('' if ctypes.get_errno() == 38 else 'ESCAPED')",
    "ptrace": _CALL.format("101, 16, 1, 0, 0") + "; print('ESCAPED' if r == 0 else '')",
    "read_other_memory": _CALL.format("310, 1, 0, 0, 0, 0, 0")
    + "; print('' if ctypes.get_errno() == 1 else 'ESCAPED')",
    "io_uring": "import ctypes; b = (ctypes.c_char * 256)(); r = ctypes.CDLL(None).syscall(425, 8, b)\n"
    "print('ESCAPED' if r >= 0 else r)",
    "userfaultfd": _CALL.format("323, 1") + "; print('ESCAPED' if r >= 0 else '')",
    "bpf": _CALL.format("321, 0, 0, 0") + "; print('' if ctypes.get_errno() == 1 else 'ESCAPED')",
    "perf": _CALL.format("298, 0, 0, -1, -1, 0") + "; print('' if ctypes.get_errno() == 1 else 'ESCAPED')",
    "keyring": _CALL.format("250, 0, -4, 0") + "; print('ESCAPED' if r >= 0 else '')",
    "type_into_terminal": "import fcntl; fcntl.ioctl(0, 0x5412, b'x'); print('ESCAPED')",
    "terminal": "open('/dev/tty', 'r+b', 0); print('ESCAPED')",
    "old_terminal": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).syscall(135, 0x400000) >= 0 else '')",
    "inherited_files": "import os\nopen_now = [f for f in os.listdir('/proc/self/fd') if int(f) > 2]\n"
    "print('ESCAPED' if len(open_now) > 1 else '')",
    "environment": "import os; print('ESCAPED' if 'SECRET_FOR_TEST' in os.environ else '')",
    "setuid_program": "import shutil, os, subprocess\nr = subprocess.run(['su', '-c', 'id -u'], capture_output=True, text=True)\n"
    "print('ESCAPED' if r.stdout.strip() == '0' else '')",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with everything that must be protected."""
    root = tmp_path / "project"
    for name in (".git/hooks", "vendor/lib/.git/hooks", ".vscode", "worktree"):
        (root / name).mkdir(parents=True)
    (root / ".git/config").write_text("[core]\n")
    (root / "worktree/.git").write_text("gitdir: ../.git/worktrees/w\n")
    return root


@pytest.mark.parametrize("name", ATTEMPTS)
def test_attempt_is_stopped(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_FOR_TEST", "1")
    said = confined(folder, "print('BEGUN', flush=True)\n" + ATTEMPTS[name])
    assert said.out.startswith("BEGUN\n"), said.err
    assert "ESCAPED" not in said.out, (said.out, said.err)
    assert (folder / ".git/config").read_text() == "[core]\n"
    assert not list((folder / ".git/hooks").iterdir())


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


def test_a_socket_of_the_host_in_the_project_cannot_be_reached(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "agent.sock"))
        server.listen()
        script = "import socket; s = socket.socket(1, 1); s.connect('agent.sock'); print('ESCAPED')"
        assert "ESCAPED" not in confined(folder, script).out


def test_loopback_is_its_own(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = (
            f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2); print('ESCAPED')"
        )
        assert "ESCAPED" not in confined(folder, script).out
    said = confined(folder, "import socket; s = socket.create_server(('127.0.0.1', 0));"
                            "socket.create_connection(s.getsockname()); print('own')")  # fmt: skip
    assert said.out == "own\n"


def test_fork_bomb_ends(folder: Path) -> None:
    script = "import os\nwhile True:\n    try: os.fork()\n    except OSError: print('limit', flush=True); os._exit(0)"
    before = time.monotonic()
    said = confined(folder, script, limits=Limits(wall_s=5, processes=30))
    assert time.monotonic() - before < 12
    assert "limit" in said.out


def test_memory_ends(folder: Path) -> None:
    said = confined(folder, "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1\nprint('ESCAPED')",
                    limits=Limits(wall_s=20, memory_bytes=128 << 20))  # fmt: skip
    assert "ESCAPED" not in said.out
    assert said.code != 0


def test_memory_of_many_processes_ends(folder: Path) -> None:
    script = (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(60 << 20)\n"
        "        for i in range(0, 60 << 20, 4096): x[i] = 1\n        time.sleep(2)\n        print('ESCAPED', flush=True)\n"
        "        os._exit(0)\ntime.sleep(3)\n"
    )
    said = confined(folder, script, limits=Limits(wall_s=20, memory_bytes=200 << 20))
    assert said.out.count("ESCAPED") < 8


def test_one_large_file_ends(folder: Path) -> None:
    said = confined(folder, "open('big', 'wb').write(bytes(64 << 20))", limits=Limits(file_bytes=1 << 20))
    assert said.code != 0
    assert (folder / "big").stat().st_size <= 1 << 20


def test_many_files_end(folder: Path) -> None:
    script = (
        "import os, time\nfor n in range(400):\n    open(f'f{n}', 'wb').write(os.urandom(1 << 20)); time.sleep(0.005)"
    )
    said = confined(folder, script, limits=Limits(wall_s=30, disk_bytes=24 << 20))
    assert said.stopped_by == "disk"


def test_temporary_files_are_bounded(folder: Path) -> None:
    said = confined(folder, "open('/tmp/x', 'wb').write(bytes(64 << 20))", limits=Limits(disk_bytes=8 << 20))
    assert "No space left" in said.err


def test_time_ends_what_sleeps_and_what_computes(folder: Path) -> None:
    assert confined(folder, "import time; time.sleep(60)", limits=Limits(wall_s=1)).stopped_by == "wall"
    assert confined(folder, "while True: pass", limits=Limits(wall_s=20, cpu_s=1)).code in (137, 152)


def test_output_ends(folder: Path) -> None:
    said = confined(
        folder, "import os\nwhile True: os.write(1, b'x' * 65536)", limits=Limits(wall_s=20, output_bytes=200_000)
    )
    assert said.stopped_by == "output"
    assert len(said.out) == 200_000


def test_no_orphan_is_left(folder: Path) -> None:
    name = f"orphan{os.getpid()}"
    script = (
        "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        os.execv(sys.executable, [sys.executable, '-I', '-c', 'import time; time.sleep(60)', '{name}'])\n"
        "import time; time.sleep(0.5)"
    )
    assert confined(folder, script).code == 0
    for _ in range(50):
        if not _running(name):
            return
        time.sleep(0.05)
    pytest.fail("an orphan is alive")


def _running(name: str) -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if name.encode() in file.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


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
