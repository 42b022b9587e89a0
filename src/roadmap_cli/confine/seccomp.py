"""The system-call filter of the sandbox: what no test run needs and every known escape starts from is refused.

The rule it keeps: default allow, a fixed list answers EPERM, sockets are loopback-only families, and a foreign
architecture (i386, x32) ends the process. bubblewrap loads the filter after its own set-up, just before the program.

Files with a set-user-id or set-group-id bit cannot be made, either: written for root they would be root's (systemd's
RestrictSUIDSGID= does the same).
"""

from __future__ import annotations

import functools
import os
import stat
import tempfile

from roadmap_cli.core.errors import Unavailable

#: Calls answered with EPERM: debugging of others, new namespaces and mounts, kernel interfaces with a history.
DENIED = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"),
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "mount_setattr", "move_mount", "open_tree"),
    *("fsopen", "fsmount", "fsconfig", "fspick", "name_to_handle_at", "open_by_handle_at", "fanotify_init"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "bpf", "perf_event_open"),
    *("keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load"),
    *("kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "settimeofday", "clock_settime"),
    *("adjtimex", "clock_adjtime", "sethostname", "setdomainname", "syslog", "vhangup", "lookup_dcookie"),
    *("iopl", "ioperm", "modify_ldt", "nfsservctl", "uselib", "personality", "migrate_pages"),
)
#: Memory that no per-process limit counts; refused where no control group counts it.
UNCOUNTED_MEMORY = ("memfd_create", "memfd_secret", "shmget", "msgget")
#: Newer than some libseccomp: the same number on every architecture.
_BY_NUMBER = {"openat2": 437, "quotactl_fd": 443, "memfd_secret": 447, "fchmodat2": 452, "open_tree_attr": 467}
_CLONE_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_AF_INET, _AF_INET6, _LAST_FAMILY = 2, 10, 46
_ENOSYS, _EPERM, _EAFNOSUPPORT = 38, 1, 97


_SET_ID = (stat.S_ISUID, stat.S_ISGID)
_SOCK_TYPE, _SOCK_DGRAM, _SOCK_RAW = 0xF, 2, 3


def program(*, memory_is_counted: bool = True) -> int:
    """The file descriptor of the filter's BPF program, positioned at the start.

    Raises Unavailable if libseccomp or its binding is missing: there is no sandbox without the filter.
    """
    descriptor = os.memfd_create("seccomp")
    try:
        os.write(descriptor, compiled(memory_is_counted))
    except BaseException:
        os.close(descriptor)
        raise
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@functools.cache
def compiled(memory_is_counted: bool) -> bytes:
    """The filter as BPF instructions, compiled once for each process. Raises Unavailable."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        raise Unavailable(
            "the system-call filter needs libseccomp", hint="apt-get install libseccomp2 && pip install pyseccomp"
        ) from None
    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    refuse = pyseccomp.ERRNO(_EPERM)
    missing = pyseccomp.ERRNO(_ENOSYS)

    def rule(action: int, name: str, *arguments: pyseccomp.Arg) -> None:
        for call in (name, _BY_NUMBER.get(name)):
            try:
                if call is not None:
                    rules.add_rule(action, call, *arguments)
                    return
            except (OSError, RuntimeError, ValueError):
                continue  # a call that neither this architecture nor this libseccomp knows cannot be made

    for name in (*DENIED, *(() if memory_is_counted else UNCOUNTED_MEMORY)):
        rule(refuse, name)
    for flag in _CLONE_NAMESPACES:
        rules.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # These hide what is asked for behind a pointer: without them, libc falls back to clone and openat.
    rule(missing, "clone3")
    rule(missing, "openat2")
    for bit in _SET_ID:
        for name, at in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("creat", 1), ("mknod", 1),
                         ("mknodat", 2), ("mkdir", 1), ("mkdirat", 2)):  # fmt: skip
            rule(refuse, name, pyseccomp.Arg(at, pyseccomp.MASKED_EQ, bit, bit))
        for name, at in (("open", 1), ("openat", 2)):
            for making in (os.O_CREAT, os.O_TMPFILE & ~os.O_DIRECTORY):
                rule(refuse, name, pyseccomp.Arg(at, pyseccomp.MASKED_EQ, making, making),
                     pyseccomp.Arg(at + 1, pyseccomp.MASKED_EQ, bit, bit))  # fmt: skip
    unknown = pyseccomp.ERRNO(_EAFNOSUPPORT)
    for family in set(range(_LAST_FAMILY + 1)) - {_AF_INET, _AF_INET6}:
        rules.add_rule(unknown, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    rules.add_rule(unknown, "socket", pyseccomp.Arg(0, pyseccomp.GT, _LAST_FAMILY))
    for kind in (_SOCK_DGRAM, _SOCK_RAW):  # a pair of these can be connected anew, to a socket of the host
        rules.add_rule(refuse, "socketpair", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, _SOCK_TYPE, kind))
    for request in (_TIOCSTI, _TIOCLINUX):
        rules.add_rule(refuse, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
