"""The system-call filter of the sandbox: what no test run needs and every known escape starts from is refused.

The rule it keeps: default allow, a fixed list answers EPERM, sockets are loopback-only families, and a foreign
architecture (i386, x32) ends the process. bubblewrap loads the filter after its own set-up, just before the program.
"""

from __future__ import annotations

import os

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
_CLONE_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_AF_INET, _AF_INET6, _LAST_FAMILY = 2, 10, 46
_ENOSYS, _EPERM, _EAFNOSUPPORT = 38, 1, 97


def program() -> int:
    """Compile the filter and return the file descriptor of its BPF program, positioned at the start.

    Raises Unavailable if libseccomp or its binding is missing: there is no sandbox without the filter.
    """
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        raise Unavailable(
            "the system-call filter needs libseccomp", hint="apt-get install libseccomp2 && pip install pyseccomp"
        ) from None
    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    refuse = pyseccomp.ERRNO(_EPERM)
    for name in DENIED:
        try:
            rules.add_rule(refuse, name)
        except (OSError, RuntimeError, ValueError):
            continue  # a call this architecture or this libseccomp does not know cannot be made either
    for flag in _CLONE_NAMESPACES:
        rules.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # clone3 hides its flags behind a pointer: without it, libc falls back to clone.
    rules.add_rule(pyseccomp.ERRNO(_ENOSYS), "clone3")
    unknown = pyseccomp.ERRNO(_EAFNOSUPPORT)
    for family in set(range(_LAST_FAMILY + 1)) - {_AF_INET, _AF_INET6}:
        rules.add_rule(unknown, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    rules.add_rule(unknown, "socket", pyseccomp.Arg(0, pyseccomp.GT, _LAST_FAMILY))
    for request in (_TIOCSTI, _TIOCLINUX):
        rules.add_rule(refuse, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    descriptor = os.memfd_create("seccomp")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        rules.export_bpf(file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
