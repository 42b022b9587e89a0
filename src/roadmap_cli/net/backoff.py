"""How long to wait before asking again."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0


def pause(attempt: int, retry_after: str | None, now: datetime) -> float:
    """Seconds to wait before the next attempt: what Retry-After asks for (RFC 9110, 10.2.3), else full jitter.

    The jitter is uniform over the upper half of ``0.5 s * 2^(attempt - 1)``, at most 60 s.
    """
    if retry_after:
        try:
            return max(0.0, float(retry_after))
        except ValueError:
            try:
                moment = parsedate_to_datetime(retry_after)
            except ValueError:
                moment = None
            if moment is not None:
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return max(0.0, (moment - now).total_seconds())
    most = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (attempt - 1))
    return random.uniform(most / 2, most)
