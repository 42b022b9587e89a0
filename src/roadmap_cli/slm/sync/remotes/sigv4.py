"""AWS Signature Version 4: who asks, for which request, in a header.

Source: Amazon's "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit


def signed(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    payload_sha256: str,
    key_id: str,
    secret: str,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    """The headers to send: those given, ``x-amz-date`` and ``Authorization``. ``host`` is signed as the URL has it.

    The path is taken as it stands in the URL, encoded once, as S3 wants it.
    """
    parts = urlsplit(url)
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    every = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    every |= {"host": parts.netloc, "x-amz-date": stamp}
    names = ";".join(sorted(every))
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in parse_qsl(parts.query, keep_blank_values=True))
    request = "\n".join(
        (
            method,
            quote(unquote(parts.path or "/"), safe="/-._~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{every[name]}" for name in sorted(every)),
            "",
            names,
            payload_sha256,
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "x-amz-date": stamp, "Authorization": credential}


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
