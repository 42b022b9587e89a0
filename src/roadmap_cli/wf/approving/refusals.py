"""A transaction whose refusal is logged: what was tried and not allowed stands in the audit log.

The rule kept here: a refusal undoes all that was done on the way to it, and is then written down by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.wf import people
from roadmap_cli.wf.audit import log

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection, State


@contextmanager
def logged(
    state: State, *, action: str, user: str, resource: str, at: datetime,
    is_known: Callable[[Connection], bool] = lambda tx: False,
) -> Iterator[Connection]:  # fmt: skip
    """A write transaction; if a Negative or DataError leaves it, it is rolled back and the refusal logged.

    `is_known` tells, and may note, in the transaction of the entry, whether this refusal is in the log already.
    """
    try:
        with state.write() as tx:
            yield tx
    except (Negative, DataError) as error:
        with state.write() as tx:
            if not is_known(tx):
                log.append(
                    tx, action=f"{action}.refused", user=f"user:{people.spelled(user)}", resource=resource[:256],
                    outcome="refused", why=error.message, at=at, code=error.code,
                )  # fmt: skip
        raise
