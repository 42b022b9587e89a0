"""Make a sandbox: what is shown of the machine, which powers are dropped, which limits hold. Or make none at all."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.agent.sandbox import cgroup, identity_mount
from roadmap_cli.agent.sandbox.process import Process
from roadmap_cli.agent.sandbox.protected import Identity, identities, protected_paths, set_aside
from roadmap_cli.confine import seccomp, system
from roadmap_cli.core.errors import InputMissing, RoadmapError, Unavailable

if TYPE_CHECKING:
    from roadmap_cli.agent.sandbox.outlet import Outlet

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
