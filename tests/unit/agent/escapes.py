"""Attempts to get out of the sandbox: what is tried (Python that runs inside), what answers, and what stops it.

All attempts of `TABLE` run in one sandbox, each in a fork of its own. An attempt prints ESCAPED if it gets through; if
it does not, what it printed or the error it met must match `answer`, so that one that never tried proves nothing.

As a program, ``escapes.py FOLDER`` prepares a project in FOLDER, runs the table and writes what came of it as JSON:
this is how it is run as another user. It needs nothing but the package and libseccomp's binding.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """One attempt: a group, what is tried in words, the code, a pattern of the answer, what stops it."""

    name: str
    group: str
    words: str
    code: str
    answer: str
    stopped_by: str


_DENIED = r"EPERM|EACCES|EROFS"
_GONE = r"ENOENT|EACCES|EPERM"
_FAMILY = "EAFNOSUPPORT"
_FILTER, _NET, _MOUNT, _USER = "system-call filter", "network namespace", "mounts", "unprivileged user"
_PROC, _RO, _BITS = "process namespace", "read-only mount", "no capabilities"


def _socket(name: str, words: str, code: str) -> Attempt:
    return Attempt(name, "network", words, f"socket.socket({code}); escaped()", _FAMILY, _FILTER)


def _call(name: str, words: str, code: str, answer: str = "EPERM", group: str = "kernel") -> Attempt:
    return Attempt(name, group, words, f"call({code})", answer, _FILTER)


def _write(name: str, path: str, stopped_by: str = "protected path, read-only", group: str = "repository") -> Attempt:
    code = f"open({path!r}, 'ab', 0).write(b'x'); escaped()"
    return Attempt(
        name,
        group,
        f"write {path}",
        code,
        "EROFS|EACCES|EPERM" if group == "repository" else "EROFS|EACCES|EPERM|ENOENT",
        stopped_by,
    )


TABLE = (
    # network
    Attempt("tcp", "network", "TCP to the world", "socket.create_connection(('1.1.1.1', 53), 3); escaped()",
            "ENETUNREACH", _NET),
    Attempt("tcp6", "network", "TCP over IPv6", "socket.create_connection(('2606:4700::1111', 53), 3); escaped()",
            "ENETUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT", _NET),
    Attempt("udp", "network", "UDP to the world", "socket.socket(2, 2).sendto(b'x', ('1.1.1.1', 53)); escaped()",
            "ENETUNREACH", _NET),
    Attempt("dns", "network", "look up a name", "socket.getaddrinfo('example.org', 80); escaped()", "gaierror", _NET),
    Attempt("metadata", "network", "the cloud's metadata address",
            "socket.create_connection(('169.254.169.254', 80), 3); escaped()", "ENETUNREACH", _NET),
    Attempt("host_loopback", "network", "a server on the host's loopback",
            "socket.create_connection(('127.0.0.1', PORT), 3); escaped()", "ECONNREFUSED", _NET),
    Attempt("multicast", "network", "UDP multicast",
            "socket.socket(2, 2).sendto(b'x', ('224.0.0.1', 5353)); escaped()", "ENETUNREACH", _NET),
    Attempt("raw", "network", "raw socket", "socket.socket(2, 3, 1); escaped()", _DENIED, _BITS),
    Attempt("new_interface", "network", "raise an interface",
            "fcntl.ioctl(socket.socket(2, 2), 0x8914, struct.pack('16sH14s', b'lo', 1, b'')); escaped()", _DENIED, _BITS),
    _socket("packet", "packet socket", "17, 3, 0"),
    _socket("netlink", "netlink socket", "16, 3, 0"),
    _socket("vsock", "AF_VSOCK to the hypervisor", "40, 1, 0"),
    _socket("kernel_crypto", "AF_ALG", "38, 5, 0"),
    _socket("bluetooth", "Bluetooth", "31, 3, 1"),
    _socket("can", "CAN bus", "29, 3, 1"),
    _socket("xdp", "AF_XDP", "44, 3, 0"),
    _socket("tipc", "TIPC", "30, 1, 0"),
    # unix sockets and descriptors
    Attempt("unix_path", "sockets and descriptors", "connect to a host's socket in the project",
            "socket.socket(1, 1).connect('host.sock'); escaped()", _FAMILY, _FILTER),
    Attempt("unix_abstract", "sockets and descriptors", "connect to an abstract socket",
            "socket.socket(1, 1).connect(ABSTRACT); escaped()", _FAMILY, _FILTER),
    Attempt("unix_high_bits", "sockets and descriptors", "hide the family in the upper half of the register",
            "call('socket', ctypes.c_long((1 << 32) | 1), 1, 0)", _FAMILY, _FILTER),
    Attempt("unix_pair_again", "sockets and descriptors", "connect one of a datagram pair to a host's socket",
            "a, b = socket.socketpair(1, 2); a.connect('host.dgram'); a.send(b'x'); escaped()", "EPERM", _FILTER),
    Attempt("unix_pair_raw", "sockets and descriptors", "the same with SOCK_RAW, which is a datagram socket",
            "a, b = socket.socketpair(1, 3); a.connect('host.dgram'); escaped()", "EPERM", _FILTER),
    Attempt("unix_pair_stream", "sockets and descriptors", "connect one of a stream pair anew",
            "a, b = socket.socketpair(); b.close(); a.connect('host.sock'); escaped()", "EISCONN|EINVAL",
            "the kernel: a pair stays a pair"),
    Attempt("inherited", "sockets and descriptors", "use a descriptor that the starter left open",
            "left = [n for n in range(3, 1024) if os.path.basename(os.path.realpath(f'/proc/self/fd/{n}')) == 'state.db']\n"
            "print('none') if not left else escaped()", "none", "closed on start"),
    Attempt("pass_a_file", "sockets and descriptors", "send a descriptor out (SCM_RIGHTS) over a standard stream",
            "socket.socket(fileno=os.dup(1)).sendmsg([b'x'], [(1, 1, struct.pack('i', 0))]); escaped()",
            "ENOTSOCK", "standard streams are pipes"),
    _call("pidfd_getfd", "take a descriptor of another process", "'pidfd_getfd', 3, 0, 0", group="sockets and descriptors"),
    # processes
    Attempt("other_processes", "processes", "see processes of the host",
            "seen = [p for p in os.listdir('/proc') if p.isdigit() and int(p) > 2 and not ours(p)]\n"
            "print('none') if not seen else escaped()", "none", _PROC),
    Attempt("signal_host", "processes", "signal the starter", "os.kill(PID, 0); escaped()", "ESRCH|EPERM", _PROC),
    Attempt("signal_group", "processes", "signal the starter's process group", "os.killpg(GROUP, 0); escaped()",
            "ESRCH|EPERM", _PROC),
    Attempt("signal_parent", "processes", "signal process 1 of the sandbox",
            "os.kill(1, 9); time.sleep(0.1); print('alive')", "alive|EPERM", _PROC),
    _call("ptrace", "trace process 1", "'ptrace', 16, 1, 0, 0", group="processes"),
    _call("process_vm_readv", "read another process's memory", "'process_vm_readv', 1, 0, 0, 0, 0, 0", group="processes"),
    _call("process_vm_writev", "write another process's memory", "'process_vm_writev', 1, 0, 0, 0, 0, 0",
          group="processes"),
    _call("kcmp", "compare kernel objects of processes", "'kcmp', 1, 1, 0, 0, 0", group="processes"),
    Attempt("proc_mem", "processes", "put code into process 1, which might be allowed more", "proc_mem()",
            _DENIED + "|no more rights", _USER + "; as its own user: process 1 has the same filter and no capabilities"),
    Attempt("proc_environ", "processes", "read the environment of process 1",
            "text = open('/proc/1/environ').read(); print('none') if 'SECRET' not in text else escaped()",
            "none|EACCES|EPERM", "clean environment"),
    Attempt("proc_root", "processes", "leave through /proc/1/root", "os.listdir('/proc/1/root' + OUTSIDE); escaped()",
            _GONE, _MOUNT),
    Attempt("proc_cwd", "processes", "leave through /proc/1/cwd", "os.listdir('/proc/1/cwd' + OUTSIDE); escaped()",
            _GONE, _MOUNT),
    Attempt("overwrite_starter", "processes", "overwrite bubblewrap through /proc/1/exe (CVE-2019-5736)",
            "open('/proc/1/exe', 'r+b'); escaped()", _DENIED, _USER),
    Attempt("overwrite_self", "processes", "overwrite the interpreter through /proc/self/exe",
            "open('/proc/self/exe', 'r+b'); escaped()", "ETXTBSY|" + _DENIED, _RO),
    Attempt("raise_limit", "processes", "raise a resource limit",
            "import resource; n = resource.getrlimit(7)[1]; resource.setrlimit(7, (n + 1, n + 1)); escaped()",
            "ValueError|EPERM", "hard limits, " + _BITS),
    Attempt("raise_priority", "processes", "a higher priority", "os.setpriority(0, 0, -5); escaped()", _DENIED, _BITS),
    Attempt("protect_from_oom", "processes", "hide from the killer of the memory limit",
            "open('/proc/self/oom_score_adj', 'wb', 0).write(b'-900'); escaped()", _DENIED, _BITS),
    Attempt("core_dump", "processes", "start a handler of core dumps",
            "import resource; resource.setrlimit(4, (1 << 20, 1 << 20)); escaped()", "ValueError|EPERM", "core limit of 1"),
    Attempt("environment", "processes", "a secret in the environment",
            "print('none') if 'SECRET_FOR_TEST' not in os.environ else escaped()", "none", "clean environment"),
    # namespaces and mounts
    _call("user_namespace", "a user namespace (unshare)", "'unshare', 0x10000000", group="namespaces and mounts"),
    _call("clone_namespace", "a user namespace (clone)", "'clone', 0x10000011, 0, 0, 0, 0", group="namespaces and mounts"),
    _call("mount_namespace", "a mount namespace", "'unshare', 0x00020000", group="namespaces and mounts"),
    _call("time_namespace", "a time namespace", "'unshare', 0x00000080", group="namespaces and mounts"),
    Attempt("clone3", "namespaces and mounts", "clone3, whose flags a filter cannot see", "call('clone3', 0, 0)",
            "ENOSYS", _FILTER),
    _call("setns", "join a namespace", "'setns', os.open('/proc/self/ns/mnt', 0), 0", group="namespaces and mounts"),
    Attempt("mount", "namespaces and mounts", "mount a file system",
            "libc_call(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))", "EPERM", _FILTER),
    Attempt("remount", "namespaces and mounts", "make /usr writable",
            "libc_call(libc.mount(b'none', b'/usr', None, 32 | 4096, None))", "EPERM", _FILTER),
    Attempt("unmount", "namespaces and mounts", "uncover .git", "libc_call(libc.umount2(b'.git', 2))", "EPERM", _FILTER),
    _call("pivot_root", "pivot_root", "'pivot_root', b'.', b'.'", group="namespaces and mounts"),
    _call("open_tree", "clone a mount (open_tree)", "'open_tree', -100, b'/', 1", group="namespaces and mounts"),
    _call("move_mount", "move a mount", "'move_mount', -100, b'/usr', -100, b'/tmp', 0", group="namespaces and mounts"),
    _call("fsopen", "the newer mount calls", "'fsopen', b'tmpfs', 0", group="namespaces and mounts"),
    _call("mount_setattr", "change a mount's attributes", "'mount_setattr', -100, b'/usr', 0, 0, 0",
          group="namespaces and mounts"),
    Attempt("chroot", "namespaces and mounts", "chroot", "os.mkdir('x'); os.chroot('x'); escaped()", "EPERM", _FILTER),
    _call("file_handle", "open a file by its inode (shocker)", "'open_by_handle_at', 3, 0, 0",
          group="namespaces and mounts"),
    _call("file_handle_name", "name a file's handle", "'name_to_handle_at', -100, b'/', 0, 0, 0",
          group="namespaces and mounts"),
    # kernel interfaces
    _call("io_uring", "io_uring, which passes filters by", "'io_uring_setup', 8, (ctypes.c_char * 256)()"),
    _call("userfaultfd", "userfaultfd", "'userfaultfd', 1"),
    _call("bpf", "bpf", "'bpf', 0, 0, 0"),
    _call("perf", "perf_event_open", "'perf_event_open', 0, 0, -1, -1, 0"),
    _call("keyctl", "the kernel's keyrings", "'keyctl', 0, -4, 0"),
    _call("add_key", "add a key", "'add_key', b'user', b'x', b'y', 1, -4"),
    _call("kexec", "another kernel", "'kexec_load', 0, 0, 0, 0"),
    _call("module", "a kernel module", "'init_module', 0, 0, b''"),
    _call("reboot", "reboot", "'reboot', 0xfee1dead, 672274793, 0, 0"),
    _call("swap", "swapon", "'swapon', b'x', 0"),
    _call("personality", "switch address randomisation off", "'personality', 0x0040000"),
    _call("clock", "set the clock", "'settimeofday', 0, 0"),
    _call("hostname", "set the host's name", "'sethostname', b'x', 1"),
    _call("syslog", "read the kernel's log", "'syslog', 3, 0, 0"),
    Attempt("x32", "kernel", "the x32 table of system calls", "libc.syscall(0x40000000 + 39); escaped()",
            "signal 31|not x86", _FILTER),
    Attempt("i386", "kernel", "the i386 table of system calls (int 0x80)", "int80()", "signal (31|11)|not x86", _FILTER),
    Attempt("openat2", "kernel", "openat2, whose mode a filter cannot see", "call('openat2', -100, b'x', 0, 0)", "ENOSYS",
            _FILTER),
    # terminal
    Attempt("type_into_terminal", "terminal", "TIOCSTI (CVE-2017-5226)", "fcntl.ioctl(0, 0x5412, b'x'); escaped()",
            "EPERM", _FILTER),
    Attempt("type_high_bits", "terminal", "TIOCSTI with bits above the 32nd",
            "call('ioctl', 0, ctypes.c_ulong((1 << 32) | 0x5412), b'x')", "EPERM", _FILTER),
    Attempt("paste_into_console", "terminal", "TIOCLINUX (CVE-2023-28100)",
            "fcntl.ioctl(0, 0x541C, b'\\2'); escaped()", "EPERM", _FILTER),
    Attempt("controlling_terminal", "terminal", "open the controlling terminal", "open('/dev/tty', 'r+b', 0); escaped()",
            "ENXIO|ENOENT|EACCES", "new session, pipes"),
    # /proc, /sys, /dev
    _write("core_pattern", "/proc/sys/kernel/core_pattern", "read-only mount", "/proc, /sys, /dev"),
    _write("sysctl", "/proc/sys/vm/overcommit_memory", "read-only mount", "/proc, /sys, /dev"),
    _write("sysrq", "/proc/sysrq-trigger", "read-only mount", "/proc, /sys, /dev"),
    Attempt("kcore", "/proc, /sys, /dev", "read the kernel's memory", "open('/proc/kcore', 'rb').read(1); escaped()",
            _GONE, _USER),
    Attempt("sys", "/proc, /sys, /dev", "use /sys", "os.listdir('/sys/kernel'); escaped()", "ENOENT", "not there"),
    Attempt("cgroup", "/proc, /sys, /dev", "leave the control group",
            "open('/sys/fs/cgroup/cgroup.procs', 'w').write('0'); escaped()", "ENOENT|EROFS", "not there"),
    Attempt("dev_mem", "/proc, /sys, /dev", "read physical memory", "open('/dev/mem', 'rb'); escaped()", "ENOENT",
            "own /dev"),
    Attempt("dev_kmsg", "/proc, /sys, /dev", "read the kernel's log", "open('/dev/kmsg', 'rb'); escaped()", "ENOENT",
            "own /dev"),
    Attempt("dev_kvm", "/proc, /sys, /dev", "start a virtual machine", "open('/dev/kvm', 'r+b'); escaped()", "ENOENT",
            "own /dev"),
    Attempt("dev_fuse", "/proc, /sys, /dev", "serve a file system", "open('/dev/fuse', 'r+b'); escaped()", "ENOENT",
            "own /dev"),
    Attempt("block_devices", "/proc, /sys, /dev", "read a disk",
            "disks = [d for d in os.listdir('/dev') if d.startswith(('sd', 'vd', 'nvme', 'loop', 'dm-'))]\n"
            "print('none') if not disks else escaped()", "none", "own /dev"),
    Attempt("mknod", "/proc, /sys, /dev", "make a disk's device file",
            "os.mknod('disk', 0o60600, os.makedev(254, 0)); open('disk', 'rb').read(1); escaped()", _DENIED, _BITS),
    Attempt("fill_dev", "/proc, /sys, /dev", "put files in /dev, which has no bound", "open('/dev/x', 'w'); escaped()",
            "EROFS|EACCES", _RO),
    # files of the host
    Attempt("read_home", "files of the host", "read ssh keys", "open(OUTSIDE + '/.ssh/id').read(); escaped()", _GONE,
            _MOUNT),
    Attempt("read_state", "files of the host", "read the state file", "open(OUTSIDE + '/state.db').read(); escaped()",
            _GONE, _MOUNT),
    Attempt("read_root", "files of the host", "list root's home", "os.listdir('/root'); escaped()", _GONE, _MOUNT),
    Attempt("read_shadow", "files of the host", "read /etc/shadow", "open('/etc/shadow').read(); escaped()", _GONE,
            _MOUNT),
    Attempt("read_var", "files of the host", "read logs", "os.listdir('/var/log'); escaped()", _GONE, _MOUNT),
    Attempt("read_run", "files of the host", "Docker's socket", "os.stat('/run/docker.sock'); escaped()", _GONE, _MOUNT),
    _write("write_usr", "/usr/bin/evil", "read-only mount", "files of the host"),
    _write("write_root", "/evil", "read-only mount", "files of the host"),
    _write("write_passwd", "/etc/passwd", "read-only mount", "files of the host"),
    _write("preload", "/etc/ld.so.preload", "read-only mount", "files of the host"),
    Attempt("symlink_out", "files of the host", "write through a link that the host made",
            "open('link_out/new', 'w'); escaped()", "ENOENT|EACCES|EROFS", _MOUNT),
    Attempt("symlink_made", "files of the host", "make a link to /usr and write through it",
            "os.symlink('/usr/lib', 'to_usr'); open('to_usr/evil', 'w'); escaped()", "EROFS|EACCES", _RO),
    Attempt("dotdot", "files of the host", "climb with ..", "open('../' * 40 + OUTSIDE[1:] + '/.ssh/id'); escaped()",
            _GONE, _MOUNT),
    Attempt("sibling", "files of the host", "see the folder beside the project",
            "others = set(os.listdir('..')) - {os.path.basename(os.getcwd())}\n"
            "print('none') if not others else escaped()", "none", _MOUNT),
    Attempt("symlink_race", "files of the host", "swap a folder for a link a thousand times while writing in it",
            "race()", "no luck", _MOUNT),
    Attempt("hard_link_usr", "files of the host", "hard link to a system file", "os.link('/usr/bin/env', 'env'); escaped()",
            "EXDEV|EPERM|EROFS", _MOUNT),
    Attempt("null_byte", "files of the host", "a name with a NUL", "open('.git/config\\0.txt', 'w'); escaped()",
            "ValueError", "the kernel ends names there"),
    # rights
    Attempt("become_root", "rights", "setuid(0)", "os.setuid(0); escaped()", "EPERM|EINVAL", _BITS),
    Attempt("setuid_program", "rights", "a set-user-id program",
            "import subprocess\nr = subprocess.run(['su', '-c', 'id -u'], capture_output=True, text=True, timeout=5)\n"
            "print('refused') if r.stdout.strip() != '0' else escaped()", "refused|ENOENT", "no_new_privs"),
    Attempt("capabilities", "rights", "any capability, now or later",
            "status = open('/proc/self/status').read()\n"
            "left = [w for w in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb') if w + ':\\t' + '0' * 16 not in status]\n"
            "print('none') if not left else escaped(left)", "none", _BITS),
    Attempt("new_privileges", "rights", "take no_new_privs back",
            "libc_call(libc.prctl(38, 0, 0, 0, 0))", "EINVAL", "the kernel"),
    Attempt("make_setuid", "rights", "leave a set-user-id file behind",
            "open('suid', 'w').close(); os.chmod('suid', 0o4755); escaped()", "EPERM", _FILTER),
    Attempt("make_setuid_open", "rights", "the same with the mode of open",
            "os.umask(0); os.open('suid2', os.O_CREAT | os.O_WRONLY, 0o6755)\n"
            "print('plain') if not os.stat('suid2').st_mode & 0o6000 else escaped()", "EPERM", _FILTER),
    Attempt("make_setuid_fchmodat2", "rights", "the same with the newest call",
            "open('suid3', 'w').close(); call('fchmodat2', -100, b'suid3', 0o4755, 0)", "EPERM|ENOSYS", _FILTER),
    Attempt("make_setgid", "rights", "leave a set-group-id folder behind", "os.mkdir('g'); os.chmod('g', 0o2777); escaped()",
            "EPERM", _FILTER),
    Attempt("file_capability", "rights", "leave a file with capabilities behind",
            "open('cap', 'w').close()\nos.setxattr('cap', 'security.capability', bytes.fromhex('01000002ff' + '00' * 15))\n"
            "escaped()", "EPERM|EINVAL|ENOTSUP", _BITS),
    Attempt("chown", "rights", "give a file to root", "open('own', 'w').close(); os.chown('own', 0, 0); escaped()",
            "EPERM|EINVAL|EOVERFLOW", _BITS),
    # repositories and other files that run later
    _write("git_hook", ".git/hooks/pre-commit"),
    _write("git_config", ".git/config"),
    _write("git_info", ".git/info/attributes"),
    Attempt("git_renamed", "repository", "rename .git", "os.rename('.git', 'git-old'); escaped()", "EBUSY|EPERM|EROFS",
            "protected path, read-only"),
    Attempt("git_removed", "repository", "remove .git", "import shutil; shutil.rmtree('.git'); escaped()", "EROFS|EBUSY",
            "protected path, read-only"),
    Attempt("git_linked", "repository", "hard link to .git/config, to write through it",
            "os.link('.git/config', 'config2'); escaped()", "EXDEV|EROFS|EPERM", "protected path, read-only"),
    Attempt("git_chmod", "repository", "make a hook executable", "os.chmod('.git/hooks/sample', 0o755); escaped()",
            "EROFS|EPERM", "protected path, read-only"),
    _write("git_nested", "vendor/lib/.git/hooks/post-checkout"),
    _write("git_pointer", "worktree/.git"),
    _write("git_pointed_to", "sub_git/config"),
    _write("git_hooks_path", "my_hooks/pre-commit"),
    _write("git_included", "shared.gitconfig"),
    _write("bare_repository", "bare/config"),
    _write("git_attributes", ".gitattributes"),
    _write("editor_tasks", ".vscode/tasks.json"),
    _write("shell_start", ".bashrc"),
    _write("environment_file", ".envrc"),
)  # fmt: skip

#: What is tried against a limit: name, words, code, the limits, and what ends it or what it says.
_EAT = "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1\nescaped()"
_BOMB = "while True:\n    try: os.fork()\n    except OSError: print('refused', flush=True); time.sleep(0.2)"


@dataclass(frozen=True)
class Greed:
    """One attempt to use up the machine: `ends` is a pattern of the limit that ends it, or of what it says."""

    name: str
    words: str
    code: str
    limits: dict[str, float]
    ends: str
    stopped_by: str
    slow: bool = False


GREED = (
    Greed("wall_time", "sleep for ever", "time.sleep(60); escaped()", {"wall_s": 0.4}, "by wall", "wall clock"),
    Greed("ignore_signals", "ignore every signal",
          "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 14, 15)]; time.sleep(60); escaped()", {"wall_s": 0.4},
          "by wall", "SIGKILL, to the whole process namespace"),
    Greed("close_streams", "close the streams and go on", "os.closerange(0, 3); time.sleep(60)", {"wall_s": 0.4},
          "by wall", "wall clock"),
    Greed("cpu_time", "compute for ever", "while True: pass", {"wall_s": 20, "cpu_s": 1}, "by cpu",
          "processor time, in all processes", True),
    Greed("cpu_time_of_many", "compute in many processes, each for a short time",
          "while True:\n    if os.fork() == 0:\n        end = time.process_time() + 0.2\n"
          "        while time.process_time() < end: pass\n        os._exit(0)\n    os.wait()",
          {"wall_s": 20, "cpu_s": 1}, "by cpu", "processor time, in all processes", True),
    Greed("memory", "take memory", _EAT, {"wall_s": 20, "memory_bytes": 128 << 20}, "by memory|MemoryError",
          "control group, else limit for each process"),
    Greed("memory_of_many", "take memory in many processes",
          "for _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(60 << 20)\n"
          "        for i in range(0, 60 << 20, 4096): x[i] = 1\n        time.sleep(3); print('one', flush=True); os._exit(0)\n"
          "time.sleep(4)", {"wall_s": 20, "memory_bytes": 200 << 20}, "met memory|by memory",
          "control group, else a watch on the sum", True),
    Greed("memory_in_tmpfs", "fill /tmp, which is memory",
          "f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(1 << 20))", {"wall_s": 20, "disk_bytes": 8 << 20},
          "ENOSPC", "bounded file system"),
    Greed("memory_in_shm", "fill /dev/shm", "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(bytes(1 << 20))",
          {"wall_s": 20, "disk_bytes": 8 << 20}, "ENOSPC", "bounded file system"),
    Greed("memory_in_memfd", "take memory that belongs to no process",
          "f = [os.memfd_create('x') for _ in range(100)]\nfor n in f: os.write(n, bytes(8 << 20))\nescaped()",
          {"wall_s": 20, "memory_bytes": 128 << 20}, "by memory|EPERM", "control group, else system-call filter"),
    Greed("memory_in_ipc", "take memory in System V segments",
          "for _ in range(40):\n    n = libc.shmget(0, 8 << 20, 0o1600)\n    libc_call(n) if n < 0 else None\n"
          "    libc.shmat.restype = ctypes.c_void_p; at = libc.shmat(n, None, 0); ctypes.memset(at, 1, 8 << 20)\n"
          "    libc.shmdt(ctypes.c_void_p(at))\nescaped()",
          {"wall_s": 20, "memory_bytes": 128 << 20}, "by memory|EPERM|ENOSPC", "control group, else system-call filter"),
    Greed("memory_in_page_tables", "touch one byte in each of many distant pages",
          "m = mmap.mmap(-1, 1 << 38, flags=0x4022)\nfor at in range(0, 1 << 38, 1 << 21): m[at]\nescaped()",
          {"wall_s": 20, "memory_bytes": 128 << 20}, "by memory|ENOMEM|met memory", "control group, else limit for each process",
          True),
    Greed("fork_bomb", "fork for ever", _BOMB, {"wall_s": 1, "processes": 30}, "refused(.|\\n)*by wall",
          "control group and limit of processes"),
    Greed("thread_bomb", "start threads for ever",
          "while True:\n    try: threading.Thread(target=time.sleep, args=(60,)).start()\n"
          "    except RuntimeError: print('refused', flush=True); os._exit(3)", {"wall_s": 5, "processes": 30}, "refused",
          "control group and limit of processes"),
    Greed("one_large_file", "write one large file", "open('big', 'wb', 0).write(bytes(8 << 20)) < 8 << 20 or escaped()\n"
          "open('big', 'ab', 0).write(b'x')", {"wall_s": 20, "file_bytes": 1 << 20}, "EFBIG|by file", "file size limit"),
    Greed("sparse_file", "make a file with a hole of a terabyte", "os.truncate(os.open('hole', 65), 1 << 40); escaped()",
          {"wall_s": 20, "file_bytes": 1 << 20}, "EFBIG|by file", "file size limit"),
    Greed("many_files", "fill the disk with many files",
          "for n in range(4000):\n    open(f'f{n}', 'wb').write(bytes(1 << 18)); time.sleep(0.002)\nescaped()",
          {"wall_s": 30, "disk_bytes": 8 << 20}, "by disk", "a watch on the folder's growth"),
    Greed("many_inodes", "fill the disk with empty files",
          "for n in range(100000):\n    os.close(os.open(f'f{n}', 65))\n    time.sleep(0.0005)\nescaped()",
          {"wall_s": 30, "inodes": 200}, "by inodes", "a watch on the number of files"),
    Greed("many_inodes_in_tmp", "make empty files in /tmp without end",
          "for n in range(100000):\n    os.close(os.open(f'/tmp/f{n}', 65))\n    time.sleep(0.0005)\nescaped()",
          {"wall_s": 30, "inodes": 200}, "by inodes", "a watch on the number of files"),
    Greed("open_files", "open files without end", "f = []\nwhile True: f.append(os.open('/dev/null', 0))",
          {"wall_s": 20, "open_files": 64}, "EMFILE", "open files limit"),
    Greed("output", "write output without end", "while True: os.write(1, b'x' * 65536)",
          {"wall_s": 20, "output_bytes": 200_000}, "by output", "output limit"),
    Greed("error_output", "write errors without end", "while True: os.write(2, b'x' * 65536)",
          {"wall_s": 20, "output_bytes": 200_000}, "by output", "output limit"),
    Greed("orphan", "leave a process behind (double fork, setsid, closed streams)",
          "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.closerange(0, 3)\n"
          "        while True: time.sleep(0.05); open('alive', 'w').write(str(time.time()))\n    os._exit(0)\n"
          "time.sleep(0.3); print('left')", {"wall_s": 20}, "left", "process namespace ends with the program"),
    Greed("core_file", "leave a core dump", "os.abort()", {"wall_s": 20}, "exit 134", "core limit"),
)  # fmt: skip

_NUMBERS = {
    "x86_64": {
        "socket": 41, "ioctl": 16, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
        "unshare": 272, "clone": 56, "setns": 308, "pivot_root": 155, "open_by_handle_at": 304,
        "name_to_handle_at": 303, "userfaultfd": 323, "bpf": 321, "perf_event_open": 298, "keyctl": 250,
        "add_key": 248, "kexec_load": 246, "init_module": 175, "reboot": 169, "swapon": 167, "personality": 135,
        "settimeofday": 164, "sethostname": 170, "syslog": 103,
    },
    "aarch64": {
        "socket": 198, "ioctl": 29, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "unshare": 97, "clone": 220, "setns": 268, "pivot_root": 41, "open_by_handle_at": 265,
        "name_to_handle_at": 264, "userfaultfd": 282, "bpf": 280, "perf_event_open": 241, "keyctl": 219,
        "add_key": 217, "kexec_load": 104, "init_module": 105, "reboot": 142, "swapon": 224, "personality": 92,
        "settimeofday": 170, "sethostname": 161, "syslog": 116,
    },
}  # fmt: skip
_EVERYWHERE = {
    "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "clone3": 435, "openat2": 437,
    "pidfd_getfd": 438, "mount_setattr": 442, "fchmodat2": 452,
}  # fmt: skip

#: Runs inside: every attempt in a fork, its output through a pipe, one JSON line for each.
INSIDE = """
import ctypes, errno, fcntl, json, mmap, os, select, signal, socket, struct, sys, threading, time
work = json.loads(sys.stdin.readline())
globals().update(work["names"])
libc = ctypes.CDLL(None, use_errno=True)
machine = os.uname().machine
def escaped(*words):
    print("ESCAPED", *words)
def libc_call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    escaped(result)
def call(name, *arguments):
    number = work["numbers"].get(name) or work["by_machine"].get(machine, {})[name]
    result = libc.syscall(number, *arguments)
    if result == 0 and name == "clone":
        os._exit(0)
    libc_call(result)
def ours(pid):
    try:
        return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]) in (1, 2, os.getppid()) or int(pid) < 400
    except OSError:
        return True
def int80():
    if machine != "x86_64":
        print("not x86")
        return
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes.fromhex("b814000000cd80c3"))  # getpid of i386
    at = ctypes.addressof(ctypes.c_char.from_buffer(code))
    result = ctypes.CFUNCTYPE(ctypes.c_long)(at)()
    escaped(result)
def proc_mem():
    open("/proc/1/mem", "r+b", 0)
    status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
    rights = [status[name] for name in ("CapEff", "CapPrm", "CapAmb", "Seccomp", "NoNewPrivs")]
    print("no more rights") if rights == ["0" * 16] * 3 + ["2", "1"] else escaped(rights)
def race():
    done = []
    os.makedirs("swap/a", exist_ok=True)
    def swap():
        for n in range(1000):
            try:
                os.rename("swap/a", "swap/b")
                os.symlink(OUTSIDE, "swap/a")
                os.unlink("swap/a")
                os.rename("swap/b", "swap/a")
            except OSError:
                pass
        done.append(1)
    thread = threading.Thread(target=swap)
    thread.start()
    while not done:
        try:
            open("swap/a/raced", "w").write("x")
            if os.path.exists("swap/a/state.db"):
                escaped()
        except OSError:
            pass
    thread.join()
    print("no luck")
for name, code in work["attempts"]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        fcntl.fcntl(1, fcntl.F_GETFD)
        sys.stdout = open(write, "w")
        signal.alarm(20)
        try:
            exec(code, globals())
        except OSError as error:
            print(type(error).__name__, errno.errorcode.get(error.errno, error.errno), error.strerror)
        except BaseException as error:
            print(type(error).__name__, error)
        sys.stdout.flush()
        os._exit(0)
    os.close(write)
    text = b""
    while piece := os.read(read, 65536):
        text += piece
    os.close(read)
    status = os.waitpid(child, 0)[1]
    said = text.decode(errors="replace").strip()
    if os.WIFSIGNALED(status):
        said += f" signal {os.WTERMSIG(status)}"
    print(json.dumps([name, said]), flush=True)
"""


def greedy(folder: Path, greed: Greed) -> dict[str, Any]:
    """Run one attempt in a sandbox of its own: what it said and how it ended, as text, and the process's use."""
    from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox, relay

    root = folder / greed.name
    root.mkdir()
    given, out, err = (os.memfd_create(name) for name in ("in", "out", "err"))
    work = {"names": {}, "numbers": _EVERYWHERE, "by_machine": _NUMBERS, "attempts": []}
    os.write(given, json.dumps(work).encode() + b"\n")
    os.lseek(given, 0, os.SEEK_SET)
    sandbox = Sandbox(Grant(root), Limits(**greed.limits))  # type: ignore[arg-type]
    with sandbox.start(["/usr/bin/python3", "-I", "-S", "-c", INSIDE + _ALONE, greed.code]) as process:
        ended = relay.carry(sandbox, process, given, out, err)
    texts = [os.pread(n, 1 << 16, 0).decode(errors="replace") for n in (out, err)]
    for descriptor in (given, out, err):
        os.close(descriptor)
    words = f"exit {ended.exit_code} by {ended.stopped_by} " + " ".join(f"met {name}" for name in ended.limits_met)
    return {"name": greed.name, "said": "".join(texts)[-2000:] + "\n" + words, "ended": asdict(ended)}


_ALONE = """
try:
    exec(sys.argv[1], globals())
except OSError as error:
    print(type(error).__name__, errno.errorcode.get(error.errno, error.errno), error.strerror, flush=True)
    os._exit(1)
except MemoryError:
    os.write(1, b"MemoryError")
    os._exit(1)
"""


def prepared(folder: Path) -> Path:
    """A project with everything that must be protected, and beside it what must not be seen."""
    root = folder / "project"
    for name in (".git/hooks", ".git/info", "vendor/lib/.git/hooks", ".vscode", "worktree", "sub_git", "my_hooks",
                 "bare/objects", "bare/refs"):  # fmt: skip
        (root / name).mkdir(parents=True)
    (root / ".git/hooks/sample").write_text("#!/bin/sh\n")
    (root / ".git/info/attributes").write_text("")
    (root / ".git/config").write_text("[core]\n\thooksPath = my_hooks\n[include]\n\tpath = ../shared.gitconfig\n")
    (root / "worktree/.git").write_text("gitdir: ../sub_git\n")
    for name in (
        "sub_git/config",
        "shared.gitconfig",
        "bare/config",
        "bare/HEAD",
        ".gitattributes",
        ".bashrc",
        ".envrc",
    ):
        (root / name).write_text("# as it was\n")
    (folder / "outside/.ssh").mkdir(parents=True)
    (folder / "outside/.ssh/id").write_text("secret")
    (folder / "outside/state.db").write_text("secret")
    (root / "link_out").symlink_to(folder / "outside")
    return root


def run(folder: Path, attempts: tuple[Attempt, ...] = TABLE) -> dict[str, Any]:
    """Run attempts in one sandbox: what each said, how it ended, and what is in the folder and beside it afterwards."""
    from roadmap_cli.agent.sandbox import Grant, Limits, Sandbox, relay

    root = prepared(folder)
    kept = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}
    os.environ["SECRET_FOR_TEST"] = "1"
    with ExitStack() as stack:
        secret = os.open(folder / "outside/state.db", os.O_RDONLY)
        os.set_inheritable(secret, True)
        stack.callback(os.close, secret)
        abstract = f"\0roadmap-{os.getpid()}"
        for family, kind, address in ((2, 1, ("127.0.0.1", 0)), (1, 1, str(root / "host.sock")),
                                      (1, 2, str(root / "host.dgram")), (1, 1, abstract)):  # fmt: skip
            server = stack.enter_context(socket.socket(family, kind))
            server.bind(address)
            if kind == 1:
                server.listen()
            if family == 2:
                port = server.getsockname()[1]
        names = {"PORT": port, "OUTSIDE": str(folder / "outside"), "PID": os.getpid(), "GROUP": os.getpgrp(),
                 "ABSTRACT": abstract}  # fmt: skip
        work = {"names": names, "numbers": _EVERYWHERE, "by_machine": _NUMBERS,
                "attempts": [(attempt.name, attempt.code) for attempt in attempts]}  # fmt: skip
        given, out, err = (os.memfd_create(name) for name in ("in", "out", "err"))
        os.write(given, json.dumps(work).encode() + b"\n")
        os.lseek(given, 0, os.SEEK_SET)
        sandbox = Sandbox(Grant(root), Limits(wall_s=120))
        with sandbox.start(["/usr/bin/python3", "-I", "-S", "-c", INSIDE]) as process:
            ended = relay.carry(sandbox, process, given, out, err)
        said = dict(json.loads(line) for line in os.pread(out, 1 << 22, 0).splitlines())
        errors = os.pread(err, 1 << 20, 0).decode()
        aside = [str(path.relative_to(root)) for path in sandbox.leftovers()]
        for descriptor in (given, out, err):
            os.close(descriptor)
    changed = [str(path.relative_to(folder)) for path, was in kept.items()
               if not path.is_file() or path.read_bytes() != was]  # fmt: skip
    outside = sorted(str(path.relative_to(folder)) for path in (folder / "outside").rglob("*"))
    marked = [str(path.relative_to(root)) for path in root.rglob("*") if path.lstat().st_mode & 0o6000]
    return {"said": said, "ended": asdict(ended), "errors": errors, "set_aside": aside, "changed": changed,
            "outside": outside, "set_id": marked, "protections": sandbox.protections, "uid": os.getuid()}  # fmt: skip


_PAGE = r""".\" SPDX-License-Identifier: Apache-2.0
.\" Made by tests/unit/agent/escapes.py --page from the table that the tests run.
.Dd November 27, 2026
.Dt ROADMAP-SANDBOX 7
.Os roadmap-cli
.Sh NAME
.Nm roadmap-sandbox
.Nd what is tried against the sandbox, and what stops it
.Sh DESCRIPTION
.Xr agent-sandbox 1
and
.Xr agent-loop 1
run programs in a sandbox of Linux's own means: namespaces and mounts made by
.Xr bwrap 1 ,
a system-call filter, resource limits, control groups where the user may make them, and an unprivileged user without
capabilities, also if it is started by root.
Without one of these there is no sandbox and nothing runs; only control groups have a substitute.
.Sh PROTECTIONS
The record of a run names what was in force.
.Bl -tag -width Ds
.It Li cgroup_v2_memory , cgroup_v1_memory , cgroup_v2_processes , cgroup_v1_processes
Memory and processes of the whole sandbox are bounded by the kernel.
.It Li memory_limit_per_process , memory_watchdog , no_uncounted_memory
Instead of a control group: address space is bounded for each process, the sum of resident memory and of the file
systems in memory is looked at ten times a second, and memory that belongs to no process
.Pq memfd, System V segments
is refused.
Between two looks, many processes together may go over the limit.
.It Li unprivileged_user , user_namespace , no_nested_namespaces
Started by root the program runs under an unused user id; started by another user, in a user namespace that can make no
others.
.It Li protected_paths
In the project folder
.Pa .git
at any depth, what it leads to (hooks, included configuration, a folder that a pointer file names), folders that look
like a bare repository, and at the top files that shells, editors, debuggers and agents run or obey are read-only.
Those that the program makes anew, or puts in the place of another by renaming a folder around it, are renamed to
.Pa NAME.untrusted
when it ends.
.El
.Sh LIMITS OF THE SANDBOX
It shares the kernel with the machine: a hole in the kernel is one in the sandbox.
.Pp
It does not judge what the program writes into the project.
.Pa Makefile , package.json , setup.py , conftest.py
and the like are the project itself: look at
.Ql agent-snapshot diff
before you run them outside.
.Pp
A file of the project that is a hard link to one outside of it is one file, and is written as such.
.Pp
If the command itself is killed with SIGKILL, protected files that the program made are not renamed.
If the command is killed with SIGKILL within the first milliseconds, before bubblewrap asked to die with it, the program
may run on in its sandbox, bounded by its limits, until the next sandbox of the same user starts and ends it; that needs
control groups.
.Pp
A program in one sandbox that renames folders just while another sandbox starts in the same project may make the other
one show, read-only, a
.Pa .git
from elsewhere.
Do not run two that you trust differently in one folder at once.
.Pp
There is no network, unless hosts are named with
.Fl Fl allow-host
of
.Xr agent-sandbox 1
or were approved for a run of
.Xr agent-loop 1 .
Then the network namespace still holds nothing but its own loopback; the one socket that listens there was made before
the program started and is answered outside of the sandbox, by a proxy that leads to those hosts only, resolves their
names itself, refuses names that stand for this machine, and writes each connection down.
What passes through a tunnel to such a host is the program's own affair: do not name a host that everybody can write to
if the program must not tell what it reads.
.Sh ATTEMPTS
Each line was tried by the tests inside the sandbox, as root and as an ordinary user.
"""


def page() -> str:
    """The manual page roadmap-sandbox(7): every attempt and what stops it."""
    lines = [_PAGE]
    groups = dict.fromkeys(attempt.group for attempt in TABLE)
    for group in groups:
        lines.append(f".Ss {group[0].upper()}{group[1:]}\n.Bl -tag -width Ds -compact\n")
        lines += [_item(each.words, each.stopped_by) for each in TABLE if each.group == group]
        lines.append(".El\n")
    lines.append(".Ss Using up the machine\n.Bl -tag -width Ds -compact\n")
    lines += [_item(each.words, each.stopped_by) for each in GREED]
    lines.append(".El\n.Sh SEE ALSO\n.Xr agent-sandbox 1 ,\n.Xr agent-snapshot 1 ,\n.Xr roadmap 7\n")
    return "".join(lines)


def _item(words: str, stopped_by: str) -> str:
    def plain(text: str) -> str:
        text = text.replace("\\", "\\e")
        return "\\&" + text if text[0] in ".'" else text

    head = " ".join(f"\\&{word}" if len(word) <= 2 else word for word in words.split(" "))
    return f".It {head}\n{plain(stopped_by)}\n"


if __name__ == "__main__":
    if sys.argv[1] == "--page":
        sys.stdout.write(page())
        sys.exit()
    chosen = sys.argv[2:]
    json.dump([greedy(Path(sys.argv[1]), greed) for greed in GREED if greed.name in chosen] if chosen
              else run(Path(sys.argv[1])), sys.stdout)  # fmt: skip
