"""When requests are worked off: together and seldom, unless someone waits, and within what energy and heat allow.

Waking a machine costs more than a short reply. What is in no hurry therefore waits for a moment that all such work
shares: the next slot (quarters of an hour by the clock, the same ones for every program that thinks so), the moment
when a deadline would else be missed, or one when something is done anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from roadmap_cli.slm.device.power import Power
from roadmap_cli.slm.queue.requests import PRIORITIES, Request

NOW, NORMAL, BACKGROUND = range(3)
#: The one reason that goes before what a network costs.
PRESSES = "its deadline presses"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a person may set. Shares of the battery are in per cent.

    slot             how long background work is gathered
    low_percent      below, on battery, only what is in a hurry is done
    critical_percent below, on battery, only what somebody waits for now
    every            how often the queue is looked at: what cannot wait until the next time is done now
    reserve          time left between the end of a burst and the deadline it is for
    reply_s          how long one reply is taken to need, until the ledger shows it
    width            requests answered together when nothing is against it
    """

    slot: timedelta = timedelta(minutes=15)
    low_percent: float = 30.0
    critical_percent: float = 10.0
    every: timedelta = timedelta(minutes=5)
    reserve: timedelta = timedelta(minutes=2)
    reply_s: float = 10.0
    width: int = 8

    def at_pace(self, reply_s: float | None) -> Rules:
        """The same with the time that replies were found to need; None is not known."""
        return self if reply_s is None else replace(self, reply_s=max(0.1, reply_s))


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the device allows now: the highest number of a priority, how many at a time, how much of the time."""

    allows: int
    width: int
    work_share: float
    why: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done now: `due` together, `why` in words, and when to look again for what is left."""

    due: tuple[Request, ...]
    left: tuple[Request, ...]
    conditions: Conditions
    why: str
    next_at: datetime | None


def conditions(power: Power, rules: Rules) -> Conditions:
    """What energy and heat allow. What is not known is taken to be well."""
    percent = power.percent
    on_battery = power.on_battery is True and power.charging is not True
    if power.is_hot:
        told = f"{power.temperature_c:.0f} °C: " if power.temperature_c is not None else ""
        return Conditions(NOW, 1, 0.5, f"{told}the device is hot")
    if on_battery and percent is not None and percent < rules.critical_percent:
        return Conditions(NOW, 1, 1.0, f"on battery with {percent:.0f} %")
    if on_battery and percent is not None and percent < rules.low_percent:
        return Conditions(NORMAL, max(1, rules.width // 4), 1.0, f"on battery with {percent:.0f} %")
    if power.power_saver:
        return Conditions(NORMAL, max(1, rules.width // 4), 1.0, "the power saver is on")
    if on_battery:
        told = f" with {percent:.0f} %" if percent is not None else ""
        return Conditions(NORMAL, max(1, rules.width // 2), 1.0, f"on battery{told}")
    return Conditions(BACKGROUND, rules.width, 1.0, "nothing is against it")


def turn(
    requests: Sequence[Request],
    power: Power,
    rules: Rules,
    now: datetime,
    is_remote: Callable[[str | None], bool] = lambda model: False,
) -> Turn:
    """Decide for the open requests. Those of processes that still work on them are left out by the caller.

    `is_remote` tells of a model's name whether it is asked over the network: where that costs by volume, background
    requests to it wait for another network, or until their deadline presses.
    """
    allowed = conditions(power, rules)
    ready = [each for each in requests if each.is_ready(now)]
    costly = {
        each.id for each in requests if power.is_metered and each.priority == BACKGROUND and is_remote(each.model)
    }
    reasons: dict[str, str] = {}
    for each in ready:
        reason = _reason(each, ready, allowed, rules, now)
        if each.id in costly and reason != PRESSES:
            continue
        if reason:
            reasons[each.id] = reason
    if reasons:  # the machine is awake: what is allowed at all comes along
        for each in ready:
            if each.id in reasons:
                continue
            if each.priority <= allowed.allows and each.id not in costly:
                reasons[each.id] = "comes along"
            elif allowed.allows >= NORMAL and _presses(each, ready, rules, now + rules.slot):
                reasons[each.id] = "its deadline presses within a slot"  # else each would be a burst of its own
    due = tuple(each for each in ready if each.id in reasons)
    left = tuple(each for each in requests if each.id not in reasons)
    return Turn(due, left, allowed, _words(due, reasons, left, allowed, costly), _next(left, allowed, rules, now))


def slot_end(moment: datetime, slot: timedelta) -> datetime:
    """The end of the slot a moment lies in, counted from 1970."""
    begin = datetime.fromtimestamp(0, UTC)
    return begin + ((moment - begin) // slot + 1) * slot


def _latest_start(each: Request, ahead: int, rules: Rules) -> datetime | None:
    """The moment at which a request has to be begun, with as many others before it, to be answered in time."""
    if each.due_at is None:
        return None
    return each.due_at - rules.reserve - timedelta(seconds=rules.reply_s * (ahead + 1) / max(1, rules.width))


def _presses(each: Request, ready: Sequence[Request], rules: Rules, moment: datetime) -> bool:
    """Whether a deadline could be missed if the request was not begun at the moment, but the next time."""
    latest = _latest_start(each, sum(other.due_at is not None for other in ready), rules)
    return latest is not None and latest < moment + rules.every


def _reason(each: Request, ready: Sequence[Request], allowed: Conditions, rules: Rules, now: datetime) -> str:
    """Why a request is to be answered now; empty if it can wait or has to."""
    if each.priority == NOW:
        return "somebody waits for it"
    presses = _presses(each, ready, rules, now)
    if each.priority > allowed.allows:
        return PRESSES if presses and allowed.allows >= NORMAL else ""
    if presses:
        return PRESSES
    if each.priority == NORMAL and allowed.allows == BACKGROUND:
        return "nothing is against it"
    has_come = slot_end(each.at, rules.slot) <= now or each.at > now  # added before the clock was put back
    return "its slot has come" if has_come else ""


def _next(left: Sequence[Request], allowed: Conditions, rules: Rules, now: datetime) -> datetime | None:
    moments = []
    for each in left:
        latest = _latest_start(each, sum(other.due_at is not None for other in left), rules)
        if each.not_before_at is not None and not each.is_ready(now):
            moments.append(each.not_before_at)
        elif each.priority <= allowed.allows:
            moments.append(min(slot_end(each.at, rules.slot), latest or datetime.max.replace(tzinfo=UTC)))
        elif latest is not None and allowed.allows >= NORMAL:
            moments.append(latest)
    return max(now, min(moments)) if moments else None


def _words(
    due: Sequence[Request],
    reasons: dict[str, str],
    left: Sequence[Request],
    allowed: Conditions,
    costly: Collection[str],
) -> str:
    if due:
        counts: dict[str, int] = {}
        for each in due:
            counts[reasons[each.id]] = counts.get(reasons[each.id], 0) + 1
        return "; ".join(f"{count} because {reason}" for reason, count in counts.items())
    held = [each for each in left if each.priority > allowed.allows]
    if held:
        return f"{allowed.why}: {' and '.join(sorted({PRIORITIES[each.priority] for each in held}))} requests wait"
    if any(each.id in costly for each in left):
        return "the network costs by volume: background requests to endpoints wait"
    return "what is left waits for its slot" if left else "nothing waits"
