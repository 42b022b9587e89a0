"""An answer from the network: status and headers at once, the body as it comes in, never more than was allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import Unavailable


@dataclass(slots=True)
class Response:
    """An answer. `status` and `headers` are there at once; the body is read once, by `read` or `chunks`."""

    url: str
    status: int
    headers: Mapping[str, str]
    _raw: Any = field(repr=False)
    _most: int = field(repr=False)
    received: int = 0

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes in. Raises Unavailable if it breaks off, stalls or is longer than allowed."""
        import httpx

        try:
            for chunk in self._raw.iter_bytes():
                self.received += len(chunk)
                if self.received > self._most:
                    raise Unavailable(f"the answer of {host_of(self.url)!r} is longer than {self._most} bytes")
                yield chunk
        except httpx.TransportError as error:
            raise Unavailable(
                f"the answer of {host_of(self.url)!r} broke off: {first_line(error)}", code="cut_off"
            ) from error
        except httpx.DecodingError as error:
            raise Unavailable(f"the answer of {host_of(self.url)!r} is garbled: {first_line(error)}") from error

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def close(self) -> int:
        """End the exchange; return how many bytes of body came over the wire."""
        self._raw.close()
        return int(self._raw.num_bytes_downloaded)


def host_of(url: str) -> str:
    """The host in a URL, for messages."""
    return urlsplit(url).hostname or url


def first_line(error: BaseException) -> str:
    """The words of an error, or its name if it has none."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
