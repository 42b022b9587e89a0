"""Which address a name may stand for, and a connection to exactly the address that was judged.

A name is resolved once and connected to by number, so that a second answer of the name server (DNS rebinding)
reaches nothing. Only ``localhost`` and numeric addresses may lead to the machine itself.
"""

from __future__ import annotations

import ipaddress
import socket

from roadmap_cli.core.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def number(host: str) -> Address | None:
    """The address a host is written as, or None if it is a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether a host is, by its spelling, this machine: ``localhost``, ``127.0.0.0/8`` or ``::1`` (RFC 6761)."""
    address = number(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def judge(host: str, address: Address) -> None:
    """Raise ConfigError if a host must not be reached at this address."""
    if is_loopback(host):
        if not address.is_loopback:
            raise ConfigError(f"{host!r} stands for {address}, which is not this machine", code="address_refused")
    elif number(host) is not None:
        if address.is_unspecified or address.is_multicast:
            raise ConfigError(f"not an address to connect to: {address}", code="address_refused")
    elif address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        raise ConfigError(
            f"{host!r} stands for {address}, an address a name from outside must not stand for",
            hint="write the number itself if it is meant",
            code="address_refused",
        )


def resolve(host: str, port: int) -> list[str]:
    """The addresses to try for a host, each judged. Raises OSError if there are none, ConfigError if one is refused."""
    written = number(host)
    if written is not None:
        judge(host, written)
        return [str(written)]
    found = []
    for _, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = number(str(place[0]))
        if address is not None and str(address) not in found:
            judge(host, address)
            found.append(str(address))
    return found
