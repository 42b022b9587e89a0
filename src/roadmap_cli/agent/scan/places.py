"""Where a path or a host is: inside what a run may touch without asking, or outside of it.

Paths are judged as text, never looked up: the code has not run, and its machine may be another one.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from roadmap_cli.agent.sandbox.protected import ANYWHERE, AT_TOP

TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
#: Readable in the sandbox, and with nothing in it that is anybody's: programs, libraries, what the machine is.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ssl", "/etc/pki", "/etc/ca-certificates",
    "/etc/localtime", "/etc/timezone", "/etc/os-release", "/etc/lsb-release", "/etc/debian_version", "/etc/mime.types",
    "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives", "/etc/protocols", "/etc/services",
    "/etc/terminfo", "/etc/zoneinfo", "/etc/default/locale", "/etc/locale.conf", "/etc/locale.alias",
    "/etc/httpd/conf/mime.types", "/etc/apache/mime.types", "/etc/apache2/mime.types",
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/stdin", "/dev/stdout", "/dev/stderr",
    "/dev/fd", "/dev/tty", "/dev/ptmx", "/dev/pts", "/proc/self", "/proc/cpuinfo", "/proc/version",
    "/proc/sys/kernel/random", "/sys/fs/cgroup", "/sys/devices/system", "/opt/homebrew",
    "/System/Library",
    "/Library/Frameworks",
)  # fmt: skip
_WRITABLE_DEVICES = frozenset({"/dev/null", "/dev/full", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/zero"})

#: What a person would not want read: a pattern of the path, and what it is.
SECRETS = (
    ("/etc/shadow*", "password hashes"), ("/etc/gshadow*", "password hashes"), ("/etc/sudoers*", "who may become root"),
    ("*/.ssh/*", "ssh keys"), ("*/.ssh", "ssh keys"), ("*/id_rsa*", "an ssh key"), ("*/id_ed25519*", "an ssh key"),
    ("*/.aws/*", "cloud credentials"), ("*/.azure/*", "cloud credentials"), ("*/.config/gcloud/*", "cloud credentials"),
    ("*/.kube/config", "cluster credentials"), ("*/.docker/config.json", "registry credentials"),
    ("*/.gnupg*", "PGP keys"), ("*/.netrc", "passwords"), ("*/.pgpass", "passwords"), ("*/.git-credentials",
        "passwords"),
    ("*/.pypirc", "registry credentials"), ("*/.npmrc", "registry credentials"), ("*/.password-store*", "passwords"),
    ("*history", "what was typed"), ("*/.mozilla/*", "browser data"), ("*/google-chrome/*", "browser data"),
    ("*/chromium/*", "browser data"), ("*/keyrings/*", "passwords"), ("/proc/*/environ",
        "another program's environment"),
    ("/proc/*/mem", "another program's memory"), ("/etc/ssh/*_key", "the machine's ssh keys"),
    ("/etc/krb5.keytab", "machine credentials"), ("/var/run/secrets/*", "cluster credentials"),
    ("/run/secrets/*", "secrets"),
)  # fmt: skip
#: What runs later, or every day, if written: a pattern of the path, and what it is.
PERSISTENT = (
    ("*/.bashrc", "run by each shell"), ("*/.bash_profile", "run at login"), ("*/.bash_login", "run at login"),
    ("*/.bash_aliases", "run by each shell"), ("*/.bash_logout", "run at logout"), ("*/.profile", "run at login"),
    ("*/.zshrc", "run by each shell"), ("*/.zshenv", "run by each shell"), ("*/.zprofile", "run at login"),
    ("*/config.fish", "run by each shell"), ("/etc/profile*", "run at login"), ("/etc/bash.bashrc",
        "run by each shell"),
    ("/etc/environment", "set at login"), ("/etc/cron*", "run by cron"), ("/var/spool/cron*", "run by cron"),
    ("/etc/systemd/*", "run by systemd"), ("*/.config/systemd/*", "run by systemd"), ("/lib/systemd/*",
        "run by systemd"),
    ("/usr/lib/systemd/*", "run by systemd"), ("/etc/init.d*", "run at boot"), ("/etc/rc*", "run at boot"),
    ("/etc/inittab", "run at boot"), ("*/autostart/*", "run at login"), ("*/authorized_keys*", "opens ssh"),
    ("/etc/ld.so.preload", "loaded by each program"), ("*/sitecustomize.py", "run by each Python"),
    ("*/usercustomize.py", "run by each Python"), ("*.pth", "run by each Python"), ("*/LaunchAgents/*", "run at login"),
    ("*/LaunchDaemons/*", "run at boot"), ("*/.xinitrc", "run at login"), ("*/.vimrc", "run by the editor"),
    ("*/.gitconfig", "obeyed by git"), ("*/.git/hooks/*", "run by git"), ("*/.git/config", "obeyed by git"),
    ("/etc/sudoers*", "who may become root"), ("/etc/passwd", "who may log in"), ("/etc/shadow", "who may log in"),
    ("/etc/hosts", "where names lead"), ("/etc/resolv.conf", "where names lead"), ("/etc/pam.d*", "who may log in"),
    ("/etc/modules*", "loaded by the kernel"), ("/etc/udev/*", "run for devices"), ("/boot/*", "run at boot"),
)  # fmt: skip
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:PASSWORDS?|PASSWD|PASS|PWD|SECRETS?|TOKENS?|CREDENTIALS?|APIKEYS?|PRIVATEKEY)(?:$|_)|(?:API|ACCESS|PRIVATE|"
    r"SECRET|AUTH|ENCRYPTION|SIGNING)_?KEYS?(?:$|_)|(?:^|_)(?:KUBECONFIG|SSH_AUTH_SOCK|DATABASE_URL)$",
    re.I,
)
_PLAIN_VARIABLES = frozenset({"PWD", "OLDPWD", "GETPASS"})
_HOST = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@\s?#]*@)?(\[[0-9a-f:.]+\]|[^/:?#\s]*)(?::(\d+))?", re.I)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is granted without asking: the project's folder, absolute; more folders; hosts, programs, capabilities.

    ``*`` among hosts or programs stands for all of them.
    """

    project: str
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    def has_host(self, host: str | None) -> bool:
        """Whether a host, with or without its port, may be talked to."""
        names = {host, host.rpartition(":")[0]} if host and ":" in host else {host}
        return "*" in self.hosts or bool(names & set(self.hosts))

    def has_program(self, program: str | None) -> bool:
        """Whether a program may be run."""
        return "*" in self.programs or (program is not None and posixpath.basename(program) in self.programs)

    def absolute(self, path: str) -> str:
        """The path from the root, relative ones taken from the project, ``~`` kept as the first part of it."""
        if path.startswith("~"):
            return path
        if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
            return path  # another system's: outside in any case
        return posixpath.normpath(posixpath.join(self.project, path))

    def scope(self, path: str, *, writes: bool = False) -> str:
        """Where a path leads; ``outside`` for all that is not granted."""
        where = self.absolute(path)
        if any(_under(where, folder) for folder in (self.project, *self.writable)):
            return "project"
        if any(_under(where, folder) for folder in TEMPORARY):
            return "temporary"
        if not writes and any(_under(where, folder) for folder in (*SYSTEM, *self.readable)):
            return "system"
        if writes and where in _WRITABLE_DEVICES:
            return "system"
        return "outside"

    def protected(self, path: str) -> bool:
        """Whether a path is one of the project's that other programs run or obey, and so is never written."""
        where = self.absolute(path)
        if not _under(where, self.project):
            return False
        parts = posixpath.relpath(where, self.project).split("/")
        return bool(ANYWHERE.intersection(parts)) or parts[0] in AT_TOP

    def is_whole_project(self, path: str) -> bool:
        """Whether it is the project's folder itself, or one that holds it."""
        where = self.absolute(path)
        return _under(self.project, where)


def _under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def secret(path: str) -> str | None:
    """What secret a path holds, or None."""
    return _first(SECRETS, path)


def persistent(path: str) -> str | None:
    """What runs or obeys a file written there, or None."""
    return _first(PERSISTENT, path)


def _first(table: tuple[tuple[str, str], ...], path: str) -> str | None:
    slashed = path if path.startswith(("/", "~")) else "/" + path
    return next((what for pattern, what in table if fnmatchcase(slashed, pattern)), None)


def secret_variable(name: str) -> bool:
    """Whether a variable of the environment looks like a secret by its name."""
    return name not in _PLAIN_VARIABLES and bool(_SECRET_VARIABLE.search(name))


def host_of(text: str) -> str | None:
    """The host, with its port if one is given, of a URL or of ``host:port``; None if there is none to see."""
    found = _HOST.match(text.strip())
    if found:
        host = found[1].lower()
        return (f"{host}:{found[2]}" if found[2] else host) or None
    return None
