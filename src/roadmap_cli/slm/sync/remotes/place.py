"""What a place must be able to do, which is little, and how a place is named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from roadmap_cli.core.errors import DataError, UsageError

PURPOSE = "sync"


class Missing(DataError):
    """There is no file of that name, although it was listed or just written."""

    default_code = "missing"


def length(text: str) -> int:
    """A size in bytes as servers write it; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


class Place(Protocol):
    """Somewhere to put files. Names are as in ``v1/<device>/<segment>``; none is ever written with other bytes."""

    #: Whether it is reached through the network.
    is_remote: bool

    def files(self) -> dict[str, int]:
        """The files by name, with their sizes in bytes."""

    def get(self, name: str) -> bytes:
        """The bytes of a file. Raises Missing if it is not there."""

    def put(self, name: str, data: bytes, kinds: Sequence[str]) -> None:
        """Write a file. `kinds` are those of the records in it, for permission and audit."""

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens if it is not there."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote as the user named it: ``url`` and what it needs besides (endpoint, region, credentials file)."""

    name: str
    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    added_at: str = ""

    @property
    def type(self) -> str:
        """folder, webdav, s3 or rclone."""
        return type_of(self.url)

    @property
    def host(self) -> str | None:
        """The host a permission must name; None for a folder."""
        if self.type == "folder":
            return None
        if self.type == "rclone":
            return rclone_host(self.url)
        return urlsplit(web_address(self)).netloc.lower()


def type_of(url: str) -> str:
    """The type of remote a URL names. Raises UsageError if it names none."""
    scheme = url.partition(":")[0]
    if scheme in ("http", "https"):
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise UsageError(
                "a password does not belong in an address",
                hint="put user = … and password = … into a file of mode 0600 and name it with --credentials",
            )
        if not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"not the address of a folder: {url!r}")
        return "webdav"
    if scheme == "s3" and re.match(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\Z)", url):
        return "s3"
    if scheme == "rclone" and re.match(r"rclone:[\w.+@][\w.+@ -]*:", url):
        return "rclone"
    if url.startswith("/"):
        return "folder"
    raise UsageError(
        f"not a place to sync through: {url!r}",
        hint="give a folder, https://HOST/PATH (WebDAV), s3://BUCKET/PREFIX or rclone:REMOTE:PATH",
    )


def web_address(remote: Remote) -> str:
    """The URL requests go to: WebDAV's own, or the bucket at its endpoint (path style), or at Amazon's."""
    if remote.type == "webdav":
        return remote.url.rstrip("/")
    parts = urlsplit(remote.url)
    prefix = parts.path.strip("/")
    if endpoint := remote.options.get("endpoint"):
        base = f"{endpoint.rstrip('/')}/{parts.netloc}"
    else:
        region = remote.options.get("region", "us-east-1")
        base = f"https://{parts.netloc}.s3.{region}.amazonaws.com"
    return f"{base}/{prefix}" if prefix else base


def rclone_host(url: str) -> str:
    """The word that stands for an rclone remote in a permission."""
    name = url.split(":", 2)[1].lower()
    return "rclone-" + re.sub(r"[^a-z0-9_.-]", "-", name).rstrip("-.")
