"""WebDAV (RFC 4918) as a remote: PROPFIND, GET, PUT, MKCOL and DELETE, and nothing that servers do differently."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from roadmap_cli.core import markup
from roadmap_cli.core.errors import CannotCreate, ConfigError, Unavailable
from roadmap_cli.slm.sync import segment
from roadmap_cli.slm.sync.remotes.place import PURPOSE, Missing, length

if TYPE_CHECKING:
    from roadmap_cli.net.response import Response
    from roadmap_cli.net.transport import Transport

_FIND = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:getcontentlength/>'
    b"<D:resourcetype/></D:prop></D:propfind>"
)
_DAV = "{DAV:}"


class WebDav:
    """Files below an address."""

    is_remote = True

    def __init__(self, address: str, credentials: Mapping[str, str], transport: Transport):
        self.address = address
        self.transport = transport
        self._headers = _authorization(credentials)
        self._made: set[str] = set()

    def files(self) -> dict[str, int]:
        """The segments that are there."""
        found: dict[str, int] = {}
        for folder, size in self._entries("v1"):
            if size is None:
                for name, length in self._entries(f"v1/{folder}"):
                    if length is not None and segment.NAME.match(f"v1/{folder}/{name}"):
                        found[f"v1/{folder}/{name}"] = length
        return found

    def get(self, name: str) -> bytes:
        """The bytes of a segment."""
        answer, data = self._ask("GET", name, most_bytes=segment.MOST_BYTES)
        if answer.status in (404, 410):
            raise Missing("it is missing", where=f"{self.address}/{name}")
        self._expect(answer, 200)
        return data

    def put(self, name: str, data: bytes, kinds: Sequence[str]) -> None:
        """Write a segment, and the folders it stands in."""
        for attempt in (1, 2):
            folder = name.rpartition("/")[0]
            for part in (folder.partition("/")[0], folder):
                self._folder(part)
            answer, _ = self._ask("PUT", name, data, kinds)
            if answer.status not in (404, 409) or attempt == 2:
                break
            self._made.clear()  # the folder was taken away meanwhile
        self._expect(answer, 200, 201, 204)

    def delete(self, name: str) -> None:
        """Remove a segment."""
        answer, _ = self._ask("DELETE", name)
        self._expect(answer, 200, 202, 204, 404, 410)

    def _folder(self, name: str) -> None:
        if name in self._made:
            return
        answer, _ = self._ask("MKCOL", f"{name}/")
        if answer.status == 409 and "/" not in name:  # the folder that the address names is not there yet itself
            self._ask("MKCOL", "")
            answer, _ = self._ask("MKCOL", f"{name}/")
        if answer.status not in (200, 201, 301, 405):  # 405: it is there (RFC 4918, 9.3.1)
            known, _ = self._ask("PROPFIND", f"{name}/", _FIND, headers={"Depth": "0"})
            if known.status != 207:
                self._expect(answer, 201)
        self._made.add(name)

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        """What stands in a folder: names, and sizes of files, None for folders."""
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        answer, data = self._ask("PROPFIND", f"{folder}/", _FIND, headers=headers)
        if answer.status == 404:
            return []
        self._expect(answer, 207)
        base = unquote(urlsplit(f"{self.address}/{folder}").path).strip("/")
        try:
            return entries(data, base, folder)
        except ValueError as error:
            raise Unavailable(
                f"{self._host()!r} does not answer as WebDAV does: it {error}", code="not_webdav"
            ) from None

    def _ask(
        self,
        method: str,
        name: str,
        data: bytes = b"",
        kinds: Sequence[str] = (),
        *,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = 64 << 20,
    ) -> tuple[Response, bytes]:
        return self.transport.request(
            method,
            f"{self.address}/{name}",
            purpose=PURPOSE,
            kinds=kinds,
            headers={**self._headers, **(headers or {})},
            content=data,
            repeatable=True,
            most_bytes=most_bytes,
        )

    def _expect(self, answer: Response, *wanted: int) -> None:
        if answer.status in wanted:
            return
        host, status = self._host(), answer.status
        if status in (401, 403):
            raise ConfigError(
                f"{host!r} does not let this device in ({status})",
                hint="check the user and the password in the credentials file",
                code="not_let_in",
            )
        if status in (413, 507):
            raise CannotCreate(
                f"{host!r} has no space left ({status})", hint="free some space there", code="remote_full"
            )
        raise Unavailable(f"{host!r} answers {status}", hint="is it a WebDAV server, and its address right?")

    def _host(self) -> str:
        return urlsplit(self.address).netloc


def entries(data: bytes, base: str, folder: str) -> list[tuple[str, int | None]]:
    """What a multi-status answer lists of `folder`, whose path is `base`: names and sizes. Raises ValueError."""
    found: list[tuple[str, int | None]] = []
    for each in markup.root(data).iter(f"{_DAV}response"):
        path = unquote(urlsplit(each.findtext(f"{_DAV}href", "")).path).strip("/")
        name = path.rpartition("/")[2]
        if path == base or not path.endswith(f"{folder}/{name}"):
            continue
        is_folder = each.find(f".//{_DAV}resourcetype/{_DAV}collection") is not None
        found.append((name, None if is_folder else length(each.findtext(f".//{_DAV}getcontentlength", ""))))
    return found


def _authorization(credentials: Mapping[str, str]) -> dict[str, str]:
    if "token" in credentials:
        return {"Authorization": f"Bearer {credentials['token']}"}
    if "user" in credentials:
        pair = f"{credentials['user']}:{credentials.get('password', '')}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}
