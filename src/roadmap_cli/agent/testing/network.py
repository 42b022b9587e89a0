"""Whether a test failed because there is no network in the sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Types and words of errors that only the network gives: name resolution, no route, refused outside the machine.
_TYPES = re.compile(
    r"(?:^|\.)(?:gaierror|URLError|ConnectError|NewConnectionError|MaxRetryError|NameResolutionError"
    r"|ClientConnectorError|ClientConnectorDNSError|ServerNotFoundError)$"
)
_WORDS = re.compile(
    r"temporary failure in name resolution|name or service not known|network is unreachable|no route to host"
    r"|nodename nor servname|getaddrinfo (?:enotfound|eai_again|failed)|could not resolve host"
    r"|dial tcp: lookup|failed to establish a new connection|server misbehaving",
    re.IGNORECASE,
)


def needs_network(error: Mapping[str, Any] | None) -> bool:
    """Whether an error (type and message, as the bench has them) says so."""
    if not error:
        return False
    message = str(error.get("message", ""))
    kind = str(error.get("type", ""))
    return bool(_WORDS.search(message) or (_TYPES.search(kind) and "refused" not in message.lower()))
