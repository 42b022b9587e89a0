"""The place that a remote names, ready for use: which module reaches it, with which credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.slm.sync.remotes import credentials
from roadmap_cli.slm.sync.remotes.place import Place, Remote, web_address

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import State


def opened(
    remote: Remote, *, transport: Transport, state: State, now: Any, command: str, environ: Mapping[str, str]
) -> Place:
    """The place of a remote, ready for use. Raises ConfigError if something it needs is missing."""
    if remote.type == "folder":
        from roadmap_cli.slm.sync.remotes.folder import Folder

        return Folder(remote.url, state=state, now=now, command=command)
    if remote.type == "rclone":
        from roadmap_cli.slm.sync.remotes.rclone import Rclone

        return Rclone(remote.url, transport=transport, environ=environ)
    address = web_address(remote)
    found = credentials.read(remote, environ)
    local = urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1")
    if found and remote.type == "webdav" and address.startswith("http:") and not local:
        raise ConfigError(
            f"a password would go to {urlsplit(address).hostname!r} in plain text", hint="use an https:// address"
        )
    if remote.type == "webdav":
        from roadmap_cli.slm.sync.remotes.webdav import WebDav

        return WebDav(address, found, transport)
    from roadmap_cli.slm.sync.remotes.s3 import S3

    return S3(
        address, remote.options.get("region", "us-east-1"), found, transport, now, bool(remote.options.get("endpoint"))
    )
