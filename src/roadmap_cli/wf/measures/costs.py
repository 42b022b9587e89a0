"""What runs cost: whom the calls of models are charged to, what was spent, and what a repetition would have saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.models import budget
from roadmap_cli.models.budget import Budget

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Sorts of accounts, each with what it is called in an account's name.
SORTS = ("workflow", "run", "step", "agent", "user", "model")


def accounts(plan: Record, run_id: str, step: str, role: str) -> tuple[str, ...]:
    """Whom the calls of a step are charged to."""
    return (
        f"run:{run_id}", f"step:{run_id}/{step}", f"workflow:{plan['workflow']}", f"agent:{role}",
        f"user:{plan['requested_by']}",
    )  # fmt: skip


def lay_down(tx: Connection, plan: Record, run_id: str, at: datetime) -> None:
    """Set the budgets that a plan gives its run and its steps, when the run begins."""
    by = f"plan:{plan['id']}"
    wanted = [(f"run:{run_id}", plan.get("budget"))]
    wanted += [(f"step:{run_id}/{each['name']}", each.get("budget")) for each in plan["steps"]]
    for account, given in wanted:
        if given:
            usd = given.get("usd")
            microunits = None if usd is None else round(float(usd) * 1e6)
            budget.set_budget(tx, Budget(account, "ever", given.get("tokens"), microunits), by=by, at=at)


def table(
    tx: Connection, by: str, at: datetime, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Record]:
    """One wf.cost for each workflow, run, step, agent, user or model (`by`), the dearest first."""
    if by == "model":
        name, joined, where = "c.model", "", ""
    elif by == "step":  # the same step of all runs of a workflow
        name = "w.account || '/' || substr(a.account, instr(a.account, '/') + 1)"
        joined = (
            "JOIN model_account a ON a.run_id = c.run_id AND a.account LIKE 'step:%'"
            " JOIN model_account w ON w.run_id = c.run_id AND w.account LIKE 'workflow:%'"
        )
        where = ""
    else:
        name, where = "a.account", ""
        joined = f"JOIN model_account a ON a.run_id = c.run_id AND a.account LIKE '{by}:%'"
    conditions, values = [where] if where else [], list[Any]()
    for condition, moment in (("c.at >= ?", since), ("c.at < ?", until)):
        if moment is not None:
            conditions.append(condition)
            values.append(clock.stamp(moment))
    rows = tx.execute(
        f"SELECT {name} AS name, count(*), sum(coalesce(c.prompt_tokens, 0)), sum(coalesce(c.completion_tokens, 0)),"
        " sum(CASE WHEN c.currency = 'USD' THEN c.price_microunits ELSE 0 END),"
        " count(CASE WHEN c.price_microunits IS NULL OR (c.price_microunits > 0 AND c.currency IS NOT 'USD')"
        " THEN 1 END), sum(coalesce(c.latency_ms, 0)), count(c.error)"
        f" FROM model_call c {joined}{' WHERE ' + ' AND '.join(conditions) if conditions else ''}"
        " GROUP BY name ORDER BY 5 DESC, 3 + 4 DESC, name",
        values,
    ).fetchall()
    for name, calls, read, written, price, unpriced, latency, errors in rows:
        yield {
            "kind": "wf.cost",
            "id": content_id("wf.cost", by=by, name=name, since=_text(since), until=_text(until), at=clock.stamp(at)),
            "at": clock.stamp(at),
            "by": by,
            "name": name.removeprefix("workflow:" if by == "step" else f"{by}:"),
            "calls_count": calls,
            "prompt_tokens": read,
            "completion_tokens": written,
            "cost_usd": f"{(price or 0) / 1e6:.6f}",
            "unpriced_count": unpriced,
            "latency_ms": latency,
            "errors_count": errors,
        }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else clock.stamp(moment)


def standing(tx: Connection, found: Budget, at: datetime) -> Record:
    """A budget as a wf.budget, with what is spent of it."""
    before = budget.spent(tx, found, at)
    record: Record = {
        "kind": "wf.budget",
        "id": content_id("wf.budget", account=found.account, period=found.period),
        "at": clock.stamp(at),
        "account": found.account,
        "period": found.period,
        "currency": found.currency,
        "spent_tokens": before.tokens,
        "spent": f"{before.microunits / 1e6:.6f}",
        "unpriced_count": before.unpriced_count,
    }
    shares = []
    if found.tokens is not None:
        record["tokens"] = found.tokens
        shares.append(before.tokens / max(found.tokens, 1))
    if found.microunits is not None:
        record["money"] = f"{found.microunits / 1e6:.6f}"
        shares.append(before.microunits / max(found.microunits, 1))
    return record | {"used_ratio": round(max(shares, default=0.0), 4)}


def savings(tx: Connection, at: datetime, *, since: datetime | None = None) -> Iterator[Record]:
    """What could be spared, by purpose and model: calls asked twice, beginnings read again, and repeated lines.

    * repeated: a call whose input is that of an earlier one, at temperature 0, gets the same answer
    * prefix: what a prompt shares with the one before it, which a model that keeps its state need not read again
    * compaction: tokens of the prompt that `conversation.economy.compacted` takes out without losing a number or a name
    """
    import orjson

    from roadmap_cli.models.conversation import economy

    groups: dict[tuple[str, str], dict[str, float]] = {}
    seen: set[tuple[str, str, str]] = set()
    last: dict[tuple[str, str], str] = {}
    rows = tx.execute(
        "SELECT model, purpose, input_json, coalesce(prompt_tokens, 0), coalesce(completion_tokens, 0),"
        " coalesce(price_microunits, 0) FROM model_call WHERE at >= ? AND input_json IS NOT NULL ORDER BY at, rowid",
        (_text(since) or "",),
    )
    for model, purpose, text, read, written, price in rows:
        given = orjson.loads(text)
        messages = given.get("messages") if isinstance(given, dict) else None
        if not messages or not read:
            continue
        found = groups.setdefault((model, purpose), dict.fromkeys(_SAVED, 0.0))
        found["calls"] += 1
        found["tokens"] += read + written
        found["microunits"] += price
        if (given.get("options") or {}).get("temperature", 0) == 0 and (model, purpose, text) in seen:
            found["repeated"] += read + written
            found["repeated_microunits"] += price
            continue
        seen.add((model, purpose, text))
        joined = economy.joined(messages)
        found["prefix"] += read * economy.shared_ratio(last.get((model, purpose), ""), joined)
        last[model, purpose] = joined
        found["compaction"] += read * economy.compacted(messages).saved_ratio
    for (model, purpose), found in sorted(groups.items(), key=lambda pair: -pair[1]["tokens"]):
        yield _saving(model, purpose, found, at)


_SAVED = ("calls", "tokens", "microunits", "repeated", "repeated_microunits", "prefix", "compaction")


def _saving(model: str, purpose: str, found: Mapping[str, float], at: datetime) -> Record:
    return {
        "kind": "wf.saving",
        "id": content_id("wf.saving", model=model, purpose=purpose, at=clock.stamp(at)),
        "at": clock.stamp(at),
        "model": model,
        "purpose": purpose,
        "calls_count": int(found["calls"]),
        "tokens": int(found["tokens"]),
        "cost_usd": f"{found['microunits'] / 1e6:.6f}",
        "repeated_tokens": int(found["repeated"]),
        "repeated_usd": f"{found['repeated_microunits'] / 1e6:.6f}",
        "prefix_tokens": round(found["prefix"]),
        "compaction_tokens": round(found["compaction"]),
    }
