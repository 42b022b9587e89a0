"""S3, Amazon's or another's, as a remote: ListObjectsV2, GetObject, PutObject, DeleteObject; no conditional writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from roadmap_cli.core import markup
from roadmap_cli.core.errors import CannotCreate, ConfigError, Unavailable
from roadmap_cli.slm.sync import segment
from roadmap_cli.slm.sync.remotes import sigv4
from roadmap_cli.slm.sync.remotes.place import PURPOSE, Missing, length

if TYPE_CHECKING:
    from roadmap_cli.net.response import Response
    from roadmap_cli.net.transport import Transport


def listed(data: bytes) -> tuple[list[tuple[str, int]], str]:
    """Keys and sizes of one page of a list, and the token of the next; "" if there is none. Raises ValueError."""
    tree = markup.root(data)
    space = tree.tag.partition("}")[0] + "}" if tree.tag.startswith("{") else ""
    page = [
        (each.findtext(f"{space}Key", ""), length(each.findtext(f"{space}Size", "")))
        for each in tree.iter(f"{space}Contents")
    ]
    is_cut = tree.findtext(f"{space}IsTruncated") == "true"
    return page, tree.findtext(f"{space}NextContinuationToken", "") if is_cut else ""


class S3:
    """Objects below a prefix in a bucket. `in_path`: the bucket's name stands in the path, not in the host."""

    is_remote = True

    def __init__(
        self,
        address: str,
        region: str,
        credentials: Mapping[str, str],
        transport: Transport,
        now: Callable[[], datetime],
        in_path: bool,
    ):
        parts = urlsplit(address)
        path = parts.path.strip("/")
        bucket, _, prefix = path.partition("/") if in_path else ("", "", path)
        self.base = f"{parts.scheme}://{parts.netloc}" + (f"/{bucket}" if bucket else "")
        self.prefix = f"{prefix}/" if prefix else ""
        self.region = region
        self.credentials = credentials
        self.transport = transport
        self.now = now

    def files(self) -> dict[str, int]:
        """The segments that are there."""
        found: dict[str, int] = {}
        token = ""
        while True:
            query = f"list-type=2&prefix={quote(self.prefix + 'v1/', safe='')}"
            if token:
                query = f"continuation-token={quote(token, safe='')}&{query}"
            answer, data = self._ask("GET", f"{self.base}/?{query}")
            self._expect(answer, data, 200)
            try:
                page, following = listed(data)
            except ValueError as error:
                raise Unavailable(f"{self._host()!r} does not answer as S3 does: it {error}", code="not_s3") from None
            for key, size in page:
                name = key.removeprefix(self.prefix)
                if segment.NAME.match(name):
                    found[name] = size
            if not following:
                return found
            if following == token or not page:  # a server that turns in a circle is not followed
                raise Unavailable(f"{self._host()!r} does not answer as S3 does: its list has no end", code="not_s3")
            token = following

    def get(self, name: str) -> bytes:
        """The bytes of a segment."""
        answer, data = self._ask("GET", self._url(name), most_bytes=segment.MOST_BYTES)
        if answer.status == 404:
            raise Missing("it is missing", where=self._url(name))
        self._expect(answer, data, 200)
        return data

    def put(self, name: str, data: bytes, kinds: Sequence[str]) -> None:
        """Write a segment. The server compares its bytes with the hash that is signed."""
        answer, said = self._ask("PUT", self._url(name), data, kinds)
        self._expect(answer, said, 200, 201, 204)

    def delete(self, name: str) -> None:
        """Remove a segment."""
        answer, said = self._ask("DELETE", self._url(name))
        self._expect(answer, said, 200, 204, 404)

    def _url(self, name: str) -> str:
        return f"{self.base}/{quote(self.prefix + name, safe='/-._~')}"

    def _ask(
        self, method: str, url: str, data: bytes = b"", kinds: Sequence[str] = (), *, most_bytes: int = 64 << 20
    ) -> tuple[Response, bytes]:
        digest = sha256(data).hexdigest()
        headers = {"x-amz-content-sha256": digest}
        if token := self.credentials.get("session_token"):
            headers["x-amz-security-token"] = token
        headers = sigv4.signed(
            method,
            url,
            headers=headers,
            payload_sha256=digest,
            key_id=self.credentials["access_key_id"],
            secret=self.credentials["secret_access_key"],
            region=self.region,
            service="s3",
            at=self.now(),
        )
        return self.transport.request(
            method,
            url,
            purpose=PURPOSE,
            kinds=kinds,
            headers=headers,
            content=data,
            repeatable=True,
            most_bytes=most_bytes,
        )

    def _expect(self, answer: Response, data: bytes, *wanted: int) -> None:
        if answer.status in wanted:
            return
        host, status = self._host(), answer.status
        said = data[:2000].decode("utf-8", "replace")
        code = said.partition("<Code>")[2].partition("</Code>")[0][:60] or str(status)
        if status in (401, 403):
            raise ConfigError(
                f"{host!r} does not let this device in ({code})",
                hint="check the keys, the region and the bucket's policy",
                code="not_let_in",
            )
        if code == "NoSuchBucket":
            raise ConfigError(f"there is no such bucket at {host!r}", hint="make the bucket first", code="no_bucket")
        if status in (413, 507):
            raise CannotCreate(f"{host!r} has no space left ({code})", hint="free some space there", code="remote_full")
        raise Unavailable(f"{host!r} answers {status} ({code})", hint="check the endpoint and the region")

    def _host(self) -> str:
        return urlsplit(self.base).netloc
