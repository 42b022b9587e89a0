"""How a sender of a webhook proves itself: a token, or a signature over what it sent, and when.

The rule kept here: a proof is compared in constant time, over the bytes as they came, before anything of them is read;
what is too old or from the future is refused though its signature is right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

#: How old a signed request may be (Slack's own rule), in seconds.
TOLERANCE_S = 300.0
ALGORITHMS = ("sha256", "sha512", "sha1")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a sender must show. `check` gives the reason why it does not, or None."""

    secret: bytes

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
        """Why a request is refused (a stable name), or None. `headers` have names in lower case."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Bearer(Proof):
    """A token in the header Authorization (RFC 6750), or as the password of HTTP's Basic scheme (RFC 7617)."""

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
        """See `Proof`."""
        given = headers.get("authorization", "").encode("utf-8", "replace")
        if not given:
            return "no_proof"
        scheme, _, told = given.partition(b" ")
        if scheme.lower() == b"basic":
            try:
                told = base64.b64decode(told, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return "wrong_proof"
        elif scheme.lower() != b"bearer":
            return "wrong_proof"
        return None if hmac.compare_digest(told, self.secret) else "wrong_proof"


@dataclass(frozen=True, slots=True)
class Hmac(Proof):
    """A keyed hash of the body in a header, such as ``X-Hub-Signature-256: sha256=…`` (GitHub, Jira).

    With `timestamp_header` what is signed is ``TIMESTAMP``, `joint`, body (Grafana, Stripe and others), and it must be
    at most `TOLERANCE_S` old. `encoding` is hex or base64.
    """

    header: str = ""
    prefix: str = "sha256="
    algorithm: str = "sha256"
    encoding: str = "hex"
    timestamp_header: str = ""
    joint: str = ":"
    tolerance_s: float = TOLERANCE_S

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
        """See `Proof`."""
        names = (self.header.lower(),) if self.header else ("x-hub-signature-256", "x-hub-signature")
        given = next((headers[name] for name in names if headers.get(name)), "")
        if not given:
            return "no_proof"
        signed = body
        if self.timestamp_header:
            stamp = headers.get(self.timestamp_header.lower(), "")
            if reason := _stale(stamp, now, self.tolerance_s):
                return reason
            signed = f"{stamp}{self.joint}".encode() + body
        expected = self.prefix.encode() + self._encoded(hmac.new(self.secret, signed, self.algorithm).digest())
        return None if hmac.compare_digest(given.encode("utf-8", "replace"), expected) else "wrong_proof"

    def _encoded(self, digest: bytes) -> bytes:
        return base64.b64encode(digest) if self.encoding == "base64" else digest.hex().encode()


@dataclass(frozen=True, slots=True)
class Slack(Proof):
    """Slack's signature, version v0, over ``v0:TIMESTAMP:BODY``.

    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
    """

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
        """See `Proof`."""
        stamp, given = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if not stamp or not given:
            return "no_proof"
        if reason := _stale(stamp, now, TOLERANCE_S):
            return reason
        expected = "v0=" + hmac.new(self.secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()) else "wrong_proof"


def _stale(stamp: str, now: datetime, tolerance_s: float) -> str | None:
    """Why a time of sending, in seconds since 1970, is not taken; None if it is."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return "no_proof"
    return "stale" if abs(now.timestamp() - int(stamp)) > tolerance_s else None
