"""What a log of sign-ins says about an account and an address, how grave it is, and the list of blocked addresses.

Lines as OpenSSH writes them: ``… Failed password for [invalid user] NAME from ADDRESS port …`` and ``… Accepted METHOD
for NAME from ADDRESS …`` (auth.c of OpenSSH). Only lines are counted, never run.
"""

from __future__ import annotations

import ipaddress
import re
import sys

import folder
from folder import Record

LINE = re.compile(r"(Failed|Accepted) (\S+) for (?:invalid user )?(\S+) from (\S+)")
#: Addresses of one's own network (RFC 1918, RFC 4193) and of the machine itself are never blocked.
OWN = tuple(
    ipaddress.ip_network(each)
    for each in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "::1/128",
    )
)
COLUMNS = ("address", "reason", "key")
MOST_SHOWN = 20


def main() -> None:
    """`look LOG USER ADDRESS`, `block LIST ADDRESS REASON`, `unblock LIST ADDRESS`: the answer is JSON."""
    match sys.argv[1:]:
        case ["look", log, user, given]:
            folder.tell(looked(folder.text(log), user, address(given)))
        case ["block", name, given, reason]:
            folder.tell(block(name, address(given), reason))
        case ["unblock", name, given]:
            folder.tell(unblock(name, address(given)))
        case _:
            sys.exit("usage: signin.py look|block|unblock …")


def address(given: str) -> str:
    """An IP address in its usual form; ends the program for anything else."""
    try:
        return str(ipaddress.ip_address(given))
    except ValueError:
        sys.exit(f"{given!r} is no IP address")


def looked(log: str, user: str, source: str) -> Record:
    """Counts, the accounts tried, whether one was entered, and a verdict with its reasons."""
    tried: dict[str, int] = {}
    entered: list[str] = []
    lines: list[Record] = []
    for number, line in enumerate(log.splitlines(), 1):
        found = LINE.search(line)
        if not found or found[4] != source:
            continue
        if found[1] == "Failed":
            tried[found[3]] = tried.get(found[3], 0) + 1
        elif tried:
            entered.append(found[3])
        lines.append({"number": number, "text": line[:200]})
    failures = sum(tried.values())
    is_own = any(ipaddress.ip_address(source) in network for network in OWN)
    reasons = [f"{failures} failed attempts from {source} on {len(tried)} accounts"]
    if entered:
        reasons.append(f"then entered as {', '.join(sorted(set(entered)))}")
    if is_own:
        reasons.append(f"{source} is an address of one's own network")
    many = failures >= 20 or len(tried) >= 5
    severity = "critical" if entered else "high" if many else "medium" if failures else "none"
    return {
        "severity": severity, "failures_count": failures, "accounts": sorted(tried), "entered": sorted(set(entered)),
        "is_named_account": user in tried, "is_own": is_own, "reasons": reasons, "why": "; ".join(reasons),
        "block": severity in ("critical", "high") and not is_own,
        "evidence": lines[-MOST_SHOWN:],
    }  # fmt: skip


def block(name: str, source: str, reason: str) -> Record:
    """Put an address on the list, once."""
    with folder.alone(name):
        rows = folder.rows(name)
        is_new = not any(each["address"] == source for each in rows)
        if is_new:
            row = {"address": source, "reason": reason[:200], "key": folder.key()}
            folder.write_rows(name, COLUMNS, [*rows, row])
    return {"address": source, "is_new": is_new}


def unblock(name: str, source: str) -> Record:
    """Take an address off the list."""
    with folder.alone(name):
        rows = folder.rows(name)
        left = [each for each in rows if each["address"] != source]
        if len(left) != len(rows):
            folder.write_rows(name, COLUMNS, left)
    return {"removed_count": len(rows) - len(left)}


if __name__ == "__main__":
    main()
