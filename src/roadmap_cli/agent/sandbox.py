"""Run untrusted programs inside bubblewrap, with a system-call filter and limits, or not at all.

The rule it keeps: fail closed. A missing program, a set-up that bubblewrap refuses or a protection that cannot be
had and has no substitute raises Unavailable; nothing ever runs outside. What is active is said in `protections`.

Started by root, bubblewrap makes the mounts and the program runs under an unused, unprivileged user id; started by
anybody else, it runs in a user namespace that can make no others.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from roadmap_cli.agent import cgroup, identity_mount
from roadmap_cli.agent.protected import Identity, identities, protected_paths, set_aside
from roadmap_cli.confine import seccomp, system
from roadmap_cli.core.errors import InputMissing, RoadmapError, Unavailable

if TYPE_CHECKING:
    from roadmap_cli.agent.outlet import Outlet

SYSTEM_PATH = "/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin"
INSTALL_HINT = "apt-get install bubblewrap libseccomp2 util-linux"
_FIRST_UID, _UIDS = 61184, 4000  # systemd's range for users that exist only while a service runs


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandboxed program may use. Times in seconds, sizes in bytes; `memory` and `processes` are totals.

    `cpu_s` bounds each process, and all together where `relay.carry` watches; `inodes` is the most new files.
    """

    wall_s: float = 60.0
    cpu_s: int = 60
    memory_bytes: int = 1 << 30
    processes: int = 128
    file_bytes: int = 256 << 20
    disk_bytes: int = 512 << 20
    open_files: int = 512
    output_bytes: int = 64 << 20
    inodes: int = 200_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sandboxed program may touch: one writable folder, more read-only or writable ones, and an environment.

    With `private` the folder is an empty file system in memory at the same path and the real one is not visible;
    otherwise the real one is writable but for its protected paths (`.git` and files that other tools run).
    """

    project: Path
    private: bool = False
    readable: tuple[Path, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    writable: tuple[Path, ...] = ()


class Process:
    """A running sandbox. `close` ends everything in it and frees what was made for it; it is a context manager."""

    def __init__(self, popen: subprocess.Popen[bytes], group: cgroup.Group | None, status: IO[bytes]) -> None:
        self.popen = popen
        self._group = group
        self._status = status
        self._exit_code: int | None = None
        self._usage: resource.struct_rusage | None = None

    @property
    def pid(self) -> int:
        """The process id of bubblewrap itself."""
        return self.popen.pid

    def child(self) -> int:
        """The process id of what runs inside, as it is called outside. Raises Unavailable."""
        line = self._status.readline()
        if not line:
            raise Unavailable("bubblewrap could not make the sandbox", hint="see its message above; " + USERNS_HINT)
        return int(json.loads(line)["child-pid"])

    def kill(self) -> None:
        """End bubblewrap and its process 1, and with that, by the process namespace, everything inside.

        Not left to --die-with-parent alone: bubblewrap's process 1 asks for it only when its set-up is done, and one
        whose parent died before would run on. The parent is stopped first so that it cannot start it meanwhile.
        """
        if self.popen.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.kill(self.popen.pid, signal.SIGSTOP)
            _wait_stopped(self.popen.pid)
            for child in children(self.popen.pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.kill(self.popen.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The program's exit code (128 + N after signal N), or -9 if the sandbox was killed from here.

        Raises Unavailable if the program was never started because the sandbox could not be made.
        """
        code = self._reap()
        if self._exit_code is None:
            for line in self._status.read().splitlines():
                self._exit_code = json.loads(line).get("exit-code", self._exit_code)
        if self._exit_code is None and code > 0:
            raise Unavailable("bubblewrap could not make the sandbox", hint="see its message above; " + USERNS_HINT)
        return code if self._exit_code is None else self._exit_code

    def _reap(self) -> int:
        """As `popen.wait`, keeping what the kernel says was used."""
        if self.popen.returncode is None:
            try:
                _, status, self._usage = os.wait4(self.popen.pid, 0)
                self.popen.returncode = os.waitstatus_to_exitcode(status)
            except ChildProcessError:  # somebody else waited for it
                pass
        return self.popen.wait()

    def ended(self, seconds: float) -> bool:
        """Whether bubblewrap ends within some seconds; its exit code is still to be asked for."""
        if self.popen.returncode is not None:
            return True
        watched = os.pidfd_open(self.popen.pid)
        try:
            return bool(select.select([watched], [], [], seconds)[0])
        finally:
            os.close(watched)

    def use(self) -> cgroup.Use:
        """What was used: by the control group's count, else by that of the processes that were waited for."""
        use = self._group.use() if self._group else cgroup.Use()
        if self._usage is not None:
            waited = self._usage.ru_utime + self._usage.ru_stime
            memory = use.memory_peak_bytes or self._usage.ru_maxrss * 1024
            use = replace(use, cpu_s=max(use.cpu_s or 0.0, waited), memory_peak_bytes=memory)
        return use

    def cpu_s(self) -> float | None:
        """Processor seconds used so far, None if no control group counts them."""
        return self._group.cpu_s() if self._group else None

    def close(self) -> None:
        """Kill what still runs, close the pipes, remove the control group."""
        self.kill()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._reap()
        self._status.close()
        if self._group is not None:
            self._group.remove()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


USERNS_HINT = "unprivileged user namespaces must be allowed: sysctl kernel.unprivileged_userns_clone=1"


class Sandbox:
    """One way of running programs: a grant and limits. Each `start` is a sandbox of its own."""

    def __init__(
        self, grant: Grant, limits: Limits, *, search: str = SYSTEM_PATH, outlet: Outlet | None = None
    ) -> None:
        """Check what is needed. Raises Unavailable with the command that installs what is missing, InputMissing.

        `outlet` is the way to named hosts; without one there is no network.
        """
        self.grant = grant
        self._outlet, self._search = outlet, search
        self._nsenter = _program("nsenter", search) if outlet else ""
        self.limits = limits
        self._bwrap = _program("bwrap", search)
        self._setpriv = _program("setpriv", search)
        self._root = os.geteuid() == 0
        self._uid = _FIRST_UID + os.getpid() % _UIDS if self._root else os.geteuid()
        for folder in (grant.project, *grant.writable):
            if not folder.is_dir():
                raise InputMissing(f"{folder}: not a folder")
        self.protections: tuple[str, ...] = ()
        self._before: dict[Path, Identity] = {}

    def widen(self, readable: Sequence[Path], outlet: Outlet | None) -> None:
        """Show more paths, and lead to hosts, from the next start on. Raises Unavailable."""
        self.grant = replace(self.grant, readable=tuple(dict.fromkeys((*self.grant.readable, *readable))))
        if outlet:
            self._outlet, self._nsenter = outlet, _program("nsenter", self._search)

    def start(self, argv: Sequence[str], *, stderr: int = subprocess.PIPE) -> Process:
        """Start `argv` in the project folder with pipes for its three streams. Raises Unavailable."""
        limits = self.limits
        keep: list[int] = []
        group = cgroup.create(f"roadmap-{os.getpid()}-{os.urandom(4).hex()}", memory_bytes=limits.memory_bytes,
                              processes=limits.processes)  # fmt: skip
        grouped = group.protections if group else ()
        status_read, status_write = os.pipe()
        keep.append(status_write)
        entrances: list[int] = []
        gate = os.pipe() if self._outlet else None
        if gate:
            keep.append(gate[0])
        try:
            filter_fd = seccomp.program(memory_is_counted=_counts_memory(grouped))
            keep.append(filter_fd)
            command = [self._bwrap, *self._arguments(keep), "--json-status-fd", str(status_write)]
            command += ["--block-fd", str(gate[0])] if gate else []
            command += ["--seccomp", str(filter_fd), "--", self._setpriv, *self._drop(), "--", *argv]
            entrances = group.entrances() if group else []
            popen = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, pass_fds=keep, close_fds=True,
                env={}, start_new_session=True,
                preexec_fn=_before_exec(limits, entrances, self._mapped(), grouped, self._root),
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError, RoadmapError) as error:
            os.close(status_read)
            if gate:
                os.close(gate[1])
            if group:
                group.remove()
            if isinstance(error, RoadmapError):
                raise
            raise Unavailable(f"the sandbox cannot be made: {error}", hint=INSTALL_HINT) from None
        finally:
            for descriptor in (*keep, *entrances):
                os.close(descriptor)
        self.protections = self._active(grouped)
        process = Process(popen, group, os.fdopen(status_read, "rb"))
        if gate:
            self._open_outlet(process, gate[1])
        return process

    def _open_outlet(self, process: Process, gate: int) -> None:
        """Make the way out while the program waits behind the gate, then let it go on. Raises Unavailable."""
        assert self._outlet
        try:
            self._outlet.open(process.child(), self._nsenter)
            os.write(gate, b"x")
        except BaseException:
            process.close()
            raise
        finally:
            os.close(gate)

    def leftovers(self) -> list[Path]:
        """After a run in a real folder: protected paths that appeared meanwhile, moved aside so nothing runs them."""
        return [moved for folder in self.real_folders for moved in set_aside(folder, self._before)]

    @property
    def real_folders(self) -> tuple[Path, ...]:
        """The folders of the machine that the program writes in."""
        return (*(() if self.grant.private else (self.grant.project,)), *self.grant.writable)

    def _active(self, grouped: tuple[str, ...]) -> tuple[str, ...]:
        network = "network_to_named_hosts" if self._outlet else "no_network"
        shared = (network, "process_namespace", "ipc_namespace", "seccomp", "read_only_root", "no_new_privileges",
                  "new_session", "dies_with_parent", "clean_environment", "wall_limit", "cpu_limit", "file_size_limit",
                  "open_files_limit", "process_limit", "disk_limit", "file_count_limit", "output_limit",
                  "no_capabilities", "no_set_user_id_files")  # fmt: skip
        user = ("unprivileged_user",) if self._root else ("unprivileged_user", "user_namespace", "no_nested_namespaces")
        counted = _counts_memory(grouped)
        memory = () if counted else ("memory_limit_per_process", "memory_watchdog", "no_uncounted_memory")
        place = ("private_folder",) if self.grant.private else ("protected_paths",)
        return tuple(sorted((*shared, *user, *grouped, *memory, *place)))

    def _drop(self) -> list[str]:
        if not self._root:
            return ["--no-new-privs"]
        uid = str(self._uid)
        return ["--bounding-set=-all", "--reuid", uid, "--regid", uid, "--clear-groups", "--inh-caps=-all",
                "--no-new-privs"]  # fmt: skip

    def _mapped(self) -> list[tuple[bytes, int]]:
        """For root writing in real folders: each with the mapping of its owner to the sandbox's user."""
        mapped = []
        for folder in self.real_folders if self._root else ():
            owner = folder.stat()
            try:
                namespace = identity_mount.mapping((owner.st_uid, owner.st_gid), self._uid)
            except OSError as error:
                raise Unavailable(
                    f"{folder}: root cannot lend this folder to an unprivileged user ({error.strerror})",
                    hint="run the command as the user who owns the folder",
                ) from None
            mapped.append((os.fsencode(folder), namespace))
        return mapped

    def _arguments(self, keep: list[int]) -> list[str]:
        """bubblewrap's options. Descriptors it must inherit are added to `keep`."""
        size = str(self.limits.disk_bytes)
        project = str(self.grant.project)
        words = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        if self._root:
            words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add",
                      "CAP_SETPCAP"]  # fmt: skip
        else:
            words += ["--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
        words += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
        environ = {
            "PATH": SYSTEM_PATH,
            "HOME": "/tmp/home",
            "TMPDIR": "/tmp",
            "LANG": "C.UTF-8",
            **(self._outlet.environ if self._outlet else {}),
            **self.grant.environ,
        }
        for name, value in sorted(environ.items()):
            words += ["--setenv", name, value]
        words += system.words()
        words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm"]
        words += ["--remount-ro", "/dev"]
        words += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp", "--perms", "0777", "--dir", "/tmp/home"]
        for path in (Path("/etc/ssl/certs"), self.grant.project, *self.grant.readable, *self.grant.writable):
            for folder in reversed(path.parents[:-1]):  # made by hand: bubblewrap would make them for the owner only
                words += ["--perms", "0755", "--dir", str(folder)]
        words += system.etc_words()
        for place, text in (
            ("/etc/passwd", f"sandbox:x:{self._uid}:{self._uid}::/tmp/home:/bin/sh\n"),
            ("/etc/group", f"sandbox:x:{self._uid}:\n"),
            ("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ):
            keep.append(_in_memory(place, text))
            words += ["--perms", "0444", "--ro-bind-data", str(keep[-1]), place]
        if self.grant.private:
            words += ["--perms", "0777", "--size", size, "--tmpfs", project]
        real = self.real_folders
        paths = [path for folder in real for path in protected_paths(folder)]
        self._before = identities(paths)
        for path in real:
            words += ["--bind", str(path), str(path)]
        for path in (*paths, *self.grant.readable):
            words += ["--ro-bind", str(path), str(path)]
        return [*words, "--remount-ro", "/", "--chdir", project]


def _counts_memory(grouped: tuple[str, ...]) -> bool:
    return any("memory" in name for name in grouped)


def _program(name: str, search: str) -> str:
    found = shutil.which(name, path=search)
    if found is None:
        hint = (
            "run it on a Linux machine: Android has no user namespaces"
            if "com.termux" in sys.base_prefix
            else INSTALL_HINT
        )
        raise Unavailable(f"{name} is not installed, and nothing runs outside a sandbox", hint=hint)
    return found


def _in_memory(path: str, text: str) -> int:
    descriptor = os.memfd_create(path)
    os.write(descriptor, text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def children(pid: int) -> list[int]:
    """The processes that a process of one thread started and that still run."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _wait_stopped(pid: int) -> None:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "TtZX":
            return
        time.sleep(0.001)


def tasks_of(uid: int) -> int:
    """How many tasks a user runs now: the kernel counts all of them against RLIMIT_NPROC."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder.stat().st_uid == uid:
                count += sum(1 for _ in (folder / "task").iterdir())
    return count


def _before_exec(
    limits: Limits, entrances: list[int], mapped: list[tuple[bytes, int]], grouped: tuple[str, ...], root: bool
) -> Callable[[], None]:
    """What the child does between fork and exec: join the group, map the folders, lower its own limits."""
    spare = 4 if root else tasks_of(os.geteuid()) + 4  # bubblewrap, its process 1, setpriv
    pairs = [
        (resource.RLIMIT_CPU, limits.cpu_s + 1),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_NPROC, limits.processes + spare),
        (resource.RLIMIT_CORE, 1),  # 0 would still start a handler of core dumps: core(5), "Piping core dumps"
    ]
    if not _counts_memory(grouped):
        pairs.append((resource.RLIMIT_AS, limits.memory_bytes))
    bounded = []
    for which, value in pairs:
        hard = resource.getrlimit(which)[1]
        bounded.append((which, value if hard == resource.RLIM_INFINITY else min(value, hard)))

    def prepare() -> None:
        for descriptor in entrances:
            os.write(descriptor, b"0")
        if mapped:
            identity_mount.cover(mapped)
        for which, value in bounded:
            # processor time: SIGXCPU first, which tells why, SIGKILL a second later
            soft = min(value, limits.cpu_s) if which == resource.RLIMIT_CPU else value
            resource.setrlimit(which, (soft, value))

    return prepare
