"""Programs that need a closer look than the table gives: which of their words are files, hosts, commands."""

from __future__ import annotations

from collections.abc import Callable

from roadmap_cli.agent.scan.shell import programs
from roadmap_cli.agent.scan.shell.call import Call
from roadmap_cli.agent.scan.shell.special import files, launching, machine, network

#: What looks at a program, by its name.
LOOKS: dict[str, Callable[[Call], None]] = {
    **dict.fromkeys(
        ("head", "tail", "jq", "grep", "egrep", "fgrep", "rg", "ag", "awk", "gawk", "mawk", "sed"), files.pattern_first
    ),
    **dict.fromkeys(("find", "fd", "locate"), files.find),
    "rm": files.remove,
    "dd": files.dd,
    **dict.fromkeys(("cp", "mv", "ln", "install", "rename", "ditto"), files.copy),
    **dict.fromkeys(("tar", "unzip", "zip", "gzip", "bzip2", "xz", "7z", "cpio"), files.archive),
    **dict.fromkeys(("curl", "wget", "fetch", "aria2c", "axel"), network.transfer),
    **dict.fromkeys(("http", "https", "httpie", "lynx", "w3m", "links", "elinks"), network.transfer),
    **dict.fromkeys(("nc", "ncat", "netcat", "socat", "telnet", "ftp", "tftp", "sftp"), network.talk),
    **dict.fromkeys(("ssh", "mosh", "rsh", "rlogin", "autossh", "sshpass"), network.talk),
    **dict.fromkeys(("scp", "rsync"), network.remote_copy),
    **dict.fromkeys(("git", "hg", "svn", "openssl", *programs.INSTALLERS), network.packages),
    **dict.fromkeys(
        ("systemctl", "service", "initctl", "launchctl", "rc-service", "supervisorctl", "pm2"), machine.services
    ),
    **dict.fromkeys(("printenv", "env", "export", "set", "declare"), machine.surroundings),
    **dict.fromkeys(("sudo", "su", "doas", "pkexec", "gosu", "runuser", "setpriv"), machine.privileged),
    "sysctl": machine.sysctl,
    **dict.fromkeys(("crontab", "at", "batch", "atrm", "incrontab", "anacron"), machine.timetable),
    **dict.fromkeys(("history", "fc"), machine.history),
    **dict.fromkeys(("alias", "trap"), launching.alias),
    **dict.fromkeys(("source", "."), launching.source),
    **dict.fromkeys(("eval", "busybox", *programs.SHELLS), launching.shell),
    **dict.fromkeys(programs.INTERPRETERS, launching.interpreter),
    **dict.fromkeys(programs.WRAPPERS, launching.wrapper),
}


def look(call: Call) -> None:
    """Judge a program by what its operands are; one that nobody knows how to look at is told as a program."""
    special = LOOKS.get(call.name)
    if special is not None:
        special(call)
    else:
        call.judge.program(call.name, call.spot, line=call.whole.name)
