"""Whether a step may try its dependency now: a circuit breaker and a token bucket, both as plain arithmetic.

The rule kept here: a clock that is set may make a gate open early or late once; it never makes it stay shut.
Breaker: closed, open, half-open with a single probe (M. Nygard, Release It!, 2007). Bucket: ITU-T I.371, as a meter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 5
OPEN_S = 30.0
MOST_OPEN_S = 600.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a dependency has fared: failures in a row, since when it is shut and for how long, who tries it."""

    failures: int = 0
    opened_at: datetime | None = None
    open_s: float = OPEN_S
    probe: str | None = None
    probe_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Acts that may begin at once, and when that was so."""

    tokens: float
    at: datetime


def try_breaker(breaker: Breaker, who: str, at: datetime, most_s: float) -> tuple[Breaker, float | None]:
    """The breaker after somebody asked, and how long to wait, or None if they may go on.

    In an open breaker whose time is over the first who asks is the probe, for at most `most_s` seconds; all others wait
    for how it fares.
    """
    if breaker.opened_at is None:
        return breaker, None
    shut_s = (at - breaker.opened_at).total_seconds()
    if shut_s < 0:  # the clock was set back: the time begins anew, rather than lasting until the clock is there again
        return replace(breaker, opened_at=at), breaker.open_s
    if shut_s < breaker.open_s:
        return breaker, breaker.open_s - shut_s
    if breaker.probe is not None and breaker.probe != who and breaker.probe_until is not None:
        left_s = (breaker.probe_until - at).total_seconds()
        if 0 < left_s <= most_s + MOST_OPEN_S:
            return breaker, min(left_s, 1.0)
    return replace(breaker, probe=who, probe_until=at + timedelta(seconds=most_s)), None


def after(breaker: Breaker, who: str, failure: str | None, at: datetime) -> Breaker:
    """The breaker after an attempt: `failure` is its class, None for a success.

    Only transient failures count; that something was asked wrongly says nothing about it. A failed probe doubles the
    time it stays shut, up to ten minutes.
    """
    if failure is None:
        return Breaker()
    if failure != "transient":
        return replace(breaker, probe=None, probe_until=None) if breaker.probe == who else breaker
    failures = breaker.failures + 1
    if breaker.opened_at is not None:
        if breaker.probe != who:
            return replace(breaker, failures=failures)  # an attempt from before it opened
        return Breaker(failures, at, min(breaker.open_s * 2, MOST_OPEN_S))
    return Breaker(failures, at if failures >= FAILURES_TO_OPEN else None, breaker.open_s)


def take(bucket: Bucket | None, rate: float, per_s: float, at: datetime) -> tuple[Bucket, float | None]:
    """The bucket after somebody asked for a token, and how long to wait for one, or None if it was given."""
    most = max(rate, 1.0)
    if bucket is None:
        return Bucket(most - 1, at), None
    elapsed_s = max((at - bucket.at).total_seconds(), 0.0)
    tokens = min(bucket.tokens + elapsed_s * rate / per_s, most)
    if tokens >= 1 - 1e-9:
        return Bucket(tokens - 1, at), None
    return Bucket(tokens, at), (1 - tokens) * per_s / rate
