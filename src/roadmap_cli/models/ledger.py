"""The ledger: every call of a model is a row with what went in, what came out, what it cost and who asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from roadmap_cli.core.clock import Clock, stamp
from roadmap_cli.core.records import Record, run_id

if TYPE_CHECKING:
    from pathlib import Path

    from roadmap_cli.state.store import State

_COLUMNS = (
    "id, at, command, run_id, model, provider, purpose, input_json, output_json, prompt_tokens, completion_tokens,"
    " latency_ms, price_microunits, currency, finish, error"
)


class Call(NamedTuple):
    """One call. `price_microunits` is in millionths of the currency; what is unknown is None."""

    model: str
    provider: str
    purpose: str
    input: Any
    output: Any
    latency_ms: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    price_microunits: int | None = None
    currency: str | None = None
    finish: str | None = None
    error: str | None = None


class Ledger:
    """Writes calls on behalf of one command and run, each in a transaction of its own.

    With `held`, calls are kept until `flush`: for a command that commits many records at once. `state` may be what
    opens it, asked when the first call is written, if `place` says where it is.
    """

    __slots__ = ("_is_charged", "_state", "_waiting", "accounts", "command", "held", "now", "place", "run_id")

    def __init__(
        self,
        state: State | Callable[[], State],
        command: str,
        now: Clock,
        run_id: str | None = None,
        held: bool = False,
        place: Path | None = None,
        accounts: Sequence[str] = (),
    ) -> None:
        """`accounts` are whom the calls are charged to, and whose budgets they must not go beyond (see `budget`)."""
        if accounts and run_id is None:
            raise ValueError("calls that are charged to somebody belong to a run")
        self._state = state
        self.accounts = tuple(accounts)
        self._is_charged = not self.accounts
        self.command = command
        self.now = now
        self.run_id = run_id
        self.held = held
        self.place = place if callable(state) else state.path
        self._waiting: list[tuple[str, datetime, Call]] = []

    @property
    def state(self) -> State:
        """The state that the calls go into, opened when first asked for."""
        if callable(self._state):
            self._state = self._state()
        return self._state

    def allow(self, tokens: int, price: tuple[int | None, str | None]) -> None:
        """Before a call: raise if it could go beyond a budget, with at most so many tokens at such a price.

        Raises Negative or TryLater, as `budget.check` says. Costs nothing where no accounts are charged.
        """
        if not self.accounts or self.run_id is None:
            return
        from roadmap_cli.models import budget

        self.flush()  # what was spent counts
        if not self._is_charged:
            with self.state.write() as tx:
                budget.charge(tx, self.run_id, self.accounts)
            self._is_charged = True
        with self.state.read() as tx:
            budget.check(tx, self.accounts, tokens=tokens, price=price, at=self.now())

    def record(self, call: Call) -> str:
        """Write a call down, or keep it for `flush`; return the id of its row."""
        at = self.now()
        row_id = new_id(at)
        self._waiting.append((row_id, at, call))
        if not self.held:
            self.flush()
        return row_id

    def separate(self) -> Ledger:
        """A ledger for another thread, which keeps its calls until they are brought back by `join`."""
        other = Ledger(lambda: self.state, self.command, self.now, self.run_id, held=True, place=self.place)
        other.accounts, other._is_charged = self.accounts, self._is_charged
        return other

    def join(self, other: Ledger) -> None:
        """Take over the calls that another ledger keeps."""
        self._waiting += other._waiting
        other._waiting.clear()

    def flush(self) -> None:
        """Commit what was kept, in one transaction."""
        if not self._waiting:
            return
        with self.state.write() as tx:
            for row_id, at, call in self._waiting:
                record_call(tx, call, row_id=row_id, command=self.command, at=at, run_id=self.run_id)
        self._waiting.clear()


def record_call(
    tx: Any, call: Call, *, command: str, at: datetime, run_id: str | None = None, row_id: str | None = None
) -> str:
    """Insert one call and return its id, a new one if none is given."""
    row_id = row_id or new_id(at)
    values = (
        *(row_id, stamp(at), command, run_id, call.model, call.provider, call.purpose),
        *(_json(call.input), _json(call.output), call.prompt_tokens, call.completion_tokens, call.latency_ms),
        *(call.price_microunits, call.currency, call.finish, call.error),
    )
    tx.execute(f"INSERT INTO model_call ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
    return row_id


def calls(tx: Any, *, run_id: str | None = None, limit: int | None = None) -> Iterator[Record]:
    """The calls as ``model.call`` records, oldest first; `limit` keeps the newest ones."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM (SELECT rowid AS place, * FROM model_call WHERE ?1 IS NULL OR run_id = ?1"
        " ORDER BY at DESC, rowid DESC LIMIT ?2) ORDER BY at, place",
        (run_id, -1 if limit is None else limit),
    ).fetchall()
    import json

    names = [name.strip() for name in _COLUMNS.split(",")]
    for row in rows:
        values = dict(zip(names, row, strict=True))
        record: Record = {"kind": "model.call", "id": values.pop("id"), "at": values.pop("at")}
        for name in ("input_json", "output_json"):
            values[name.removesuffix("_json")] = json.loads(values.pop(name) or "null")
        yield record | {name: value for name, value in values.items() if value is not None}


def new_id(at: datetime) -> str:
    """An id for a call; it sorts by time."""
    return run_id("model.call", at)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
