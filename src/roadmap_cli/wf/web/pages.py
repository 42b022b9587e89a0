"""The pages: runs, one run, what waits, the audit log with a proof, and cost. They only read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record
from roadmap_cli.wf.web import asking, graph
from roadmap_cli.wf.web.html import Inside, Markup, put, table, tag

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --faint: #666; --line: #ccc; --link: #0645ad;
 --good: #1a7f37; --bad: #b42318; --slow: #8a5a00; --idle: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --faint: #a0a0a0; --line: #444;
 --link: #8ab4f8; --good: #4ac26b; --bad: #ff8a80; --slow: #e3b341; --idle: #9aa4ae; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
 max-width: 75rem; padding: 0 1rem 3rem; }
a { color: var(--link); } nav ul { list-style: none; padding: 0; display: flex; gap: 1.2rem; flex-wrap: wrap; }
nav a[aria-current] { font-weight: bold; color: var(--ink); text-decoration: none; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; } caption { text-align: left; font-weight: bold; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
 overflow-wrap: break-word; } time { white-space: nowrap; }
thead th { color: var(--faint); font-weight: normal; } tbody th { font-weight: normal; }
code, pre { font: .9em/1.4 ui-monospace, monospace; } pre { overflow-x: auto; } .none, .small { color: var(--faint); }
.succeeded, .ok, .allowed, .done { color: var(--good); } .failed, .error, .refused, .critical { color: var(--bad); }
.waiting, .paused, .warning, .asked { color: var(--slow); } .wide { overflow-x: auto; }
svg.graph text { font: 14px system-ui, sans-serif; fill: var(--ink); } svg.graph text.small { font-size: 12px;
 fill: var(--faint); } .edge { fill: none; stroke: var(--faint); } .box { fill: var(--paper); stroke: var(--idle);
 stroke-width: 1.5; } .box.succeeded { stroke: var(--good); } .box.failed { stroke: var(--bad); }
.box.waiting { stroke: var(--slow); } .box.planned { stroke-dasharray: 4 3; } .risk-high { stroke-width: 3; }
svg.bar rect { fill: var(--idle); } svg.bar .ok { fill: var(--good); } svg.bar .error { fill: var(--bad); }
form { margin: 1rem 0; display: flex; gap: .7rem; flex-wrap: wrap; align-items: end; }
"""
_NAVIGATION = (("/", "Runs"), ("/waiting", "Waiting"), ("/audit", "Audit"), ("/cost", "Cost"))
_STATUSES = ("running", "waiting", "paused", "succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is made from: the snapshot, the time, the words of the query, and whether contents may be shown."""

    tx: Connection
    now: datetime
    query: Mapping[str, str]
    shows_payloads: bool

    @property
    def page(self) -> int:
        """The number of the page of a list, from 0."""
        text = self.query.get("page", "")
        return min(int(text), 10**6) if text.isdigit() and text.isascii() else 0


Page = Callable[[Asked], "Markup | None"]


def page(path: str, asked: Asked) -> str | None:
    """The HTML of a page, or None if there is none at a path."""
    found = _PAGES.get(path)
    if found is None and path.startswith("/run/"):
        return _run(asked, path.removeprefix("/run/"))
    if found is None and path.startswith("/audit/"):
        return _proof(asked, path.removeprefix("/audit/"))
    return found(asked) if found else None


def _whole(title: str, at: str, *inside: Inside) -> Markup:
    links = [
        tag("li", tag("a", words, href=place, aria_current="page" if place == at else None))
        for place, words in _NAVIGATION
    ]
    head = tag(
        "head", tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width"),
        tag("title", f"{title} – workflows"), tag("style", Markup(_STYLE)),
    )  # fmt: skip
    body = tag("body", tag("nav", tag("ul", links), aria_label="Pages"), tag("main", tag("h1", title), inside))
    return Markup(f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n")


def _runs(asked: Asked) -> Markup:
    status, workflow = asked.query.get("status", ""), asked.query.get("workflow", "")
    found, count = asking.runs(asked.tx, status, workflow, asked.page)
    rows = [
        (
            tag("a", each["workflow"], href=f"/run/{quote(each['run_id'])}"), _status(each["status"]),
            _moment(each["started_at"]),
            _length(each["started_at"], each["finished_at"], asked.now), each["requested_by"], each["risk"],
        )
        for each in found
    ]  # fmt: skip
    alerts = asking.alarming(asked.tx, asked.now)
    return _whole(
        "Runs", "/",
        table(("Severity", "What"), [(_status(each["severity"]), each["what"]) for each in alerts], "Alerts")
        if alerts else None,
        tag(
            "form", _choice("status", "Status", _STATUSES, status),
            _choice("workflow", "Workflow", asking.workflows(asked.tx), workflow), tag("button", "Show"), method="get",
        ),
        table(("Workflow", "Status", "Began", "Took", "For", "Risk"), rows, f"{count} runs"),
        _pages("/", asked, count),
    )  # fmt: skip


def _choice(name: str, words: str, values: tuple[str, ...] | list[str], chosen: str) -> Markup:
    options = [tag("option", "all", value="")]
    options += [tag("option", each, value=each, selected="selected" if each == chosen else None) for each in values]
    return tag("label", f"{words} ", tag("select", options, name=name))


def _pages(place: str, asked: Asked, count: int) -> Markup | None:
    links: list[Inside] = []
    for number, words, there in (
        (asked.page - 1, "newer", asked.page > 0), (asked.page + 1, "older", (asked.page + 1) * asking.PAGE < count),
    ):  # fmt: skip
        if there:
            links += [tag("a", words, href=f"{place}?{urlencode({**asked.query, 'page': number})}"), " "]
    return tag("p", links) if links else None


def _run(asked: Asked, run_id: str) -> Markup | None:
    from roadmap_cli.wf.measures import spans

    found = asking.run(asked.tx, run_id)
    if found is None:
        return None
    run, plan, decisions = found
    told_spans = spans.of_run(asked.tx, run_id, asked.now)
    order = {each.get("step"): at for at, each in enumerate(told_spans)}
    tries = sorted(asking.attempts(asked.tx, run_id), key=lambda each: order.get(each["step"], 0))
    statuses = {each["step"]: each["status"] for each in tries}
    facts = [
        ("Status", _status(run["status"])), ("Began", _moment(run["started_at"])),
        ("Took", _length(run["started_at"], run["finished_at"], asked.now)), ("For", plan.get("requested_by")),
        ("Risk", plan.get("risk")), ("Run", tag("code", run_id)), ("Plan", tag("code", run["plan_id"])),
        ("Plan hash", tag("code", plan.get("plan_hash", ""))),
    ]  # fmt: skip
    heads = ["Step", "Attempt", "Status", "Took", "Reason"] + (["Output"] if asked.shows_payloads else [])
    rows = [
        [
            each["step"],
            each["attempt"],
            _status(each["status"]),
            f"{each['duration_ms'] / 1000:.2f} s",
            each.get("reason"),
        ]
        + ([tag("pre", _shown(each.get("output")))] if asked.shows_payloads else [])
        for each in tries
    ]
    told = [
        (each["what"], each["why"], each.get("outcome"), each["authorised_by"], _moment(each["at"]))
        for each in decisions
    ]
    return _whole(
        plan.get("workflow", "Run"), "",
        table(("Fact", "Value"), facts, "This run"),
        tag("h2", "Steps"), tag("div", graph.drawn(plan["steps"], statuses), class_="wide"),
        table(heads, rows, "Attempts"),
        _waterfall(told_spans),
        table(("What", "Why", "Outcome", "Allowed by", "When"), told, "Decisions"),
        tag("p", "In a shell: ", tag("code", f"roadmap-why {run['decision_id']}")),
    )  # fmt: skip


def _shown(value: object) -> str:
    import orjson

    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= 4000 else text[:4000] + " …"


def _waterfall(spans: list[Record]) -> Markup:
    begin = min(clock.parse(each["at"]) for each in spans)
    whole = max((max(clock.parse(each["ended_at"]) for each in spans) - begin) / timedelta(milliseconds=1), 1.0)
    rows = []
    for each in spans:
        first = (clock.parse(each["at"]) - begin) / timedelta(milliseconds=1) / whole * 400
        wide = max(each["duration_ms"] / whole * 400, 2)
        bar = tag("rect", x=round(first, 1), y=3, width=round(wide, 1), height=12, class_=each["status"])
        drawing = tag(
            "svg", tag("title", f"{each['duration_ms']} ms"), bar, width=402, height=18, class_="bar", role="img"
        )
        tokens = each["attributes"].get("gen_ai.usage.output_tokens")
        rows.append((each["name"], drawing, f"{each['duration_ms'] / 1000:.2f} s", tokens))
    return table(("Span", "When", "Took", "Tokens written"), rows, "Where the time went")


def _waiting(asked: Asked) -> Markup:
    plans, questions = asking.waiting(asked.tx)
    return _whole(
        "Waiting for a person", "/waiting",
        table(
            ("Workflow", "Risk", "For", "Why it waits", "To allow it, type"),
            [
                (each["workflow"], each["risk"], each["requested_by"], each["why"],
                 tag("code", f"wf-approve --approve {each['plan_id']} --hash {each['plan_hash']}"))
                for each in plans
            ],
            f"{len(plans)} plans",
        ),
        table(
            ("Question", "Sort", "Answers", "Since", "To answer, type"),
            [
                (each["question"] if asked.shows_payloads else f"about step {each['step']}", each["sort"],
                 ", ".join(each["choices"]) or "any text", _moment(each["at"]),
                 tag("code", f"wf-approve --task {each['id']} --answer …"))
                for each in questions
            ],
            f"{len(questions)} questions",
        ),
    )  # fmt: skip


def _audit(asked: Asked) -> Markup:
    found, size = asking.audit(asked.tx, asked.page)
    rows = [
        (tag("a", each["seq"], href=f"/audit/{each['seq']}"), _moment(each["at"]), each["action"], each["user"],
         each.get("agent"), _status(each["outcome"]), each["why"])
        for each in found
    ]  # fmt: skip
    signed = [(each[0], each[1], _moment(each[2])) for each in asking.checkpoints(asked.tx)]
    return _whole(
        "Audit log", "/audit",
        table(("Entries", "Signed by", "When"), signed, "Checkpoints"),
        table(("Entry", "When", "Action", "For", "As", "Outcome", "Why"), rows, f"{size} entries"),
        _pages("/audit", asked, size),
    )  # fmt: skip


def _proof(asked: Asked, number: str) -> Markup | None:
    if not (number.isdigit() and number.isascii() and len(number) < 19):
        return None
    found = asking.proof(asked.tx, int(number))
    if found is None:
        return None
    entry, path, root, size, holds = found
    verdict = "The hashes lead from this entry to the root." if holds else "The hashes do not lead to the root."
    return _whole(
        f"Entry {number}", "",
        tag("p", verdict, class_="ok" if holds else "failed"),
        table(("Field", "Value"), sorted((key, _shown(value)) for key, value in entry.items()), "The entry"),
        table(("From the leaf upwards",), [[tag("code", each)] for each in path], "Proof"),
        tag("p", f"Root over {size} entries: ", tag("code", root)),
        tag("p", "To check it elsewhere: ", tag("code", f"wf-audit prove {number} | wf-audit check --public VKEY")),
    )  # fmt: skip


def _cost(asked: Asked) -> Markup:
    from roadmap_cli.models import budget
    from roadmap_cli.wf.measures import costs

    tables = []
    for by in ("workflow", "agent", "user", "model"):
        rows = [
            (each["name"], each["calls_count"], each["prompt_tokens"], each["completion_tokens"], each["cost_usd"],
             each["unpriced_count"])
            for each in costs.table(asked.tx, by, asked.now)
        ]  # fmt: skip
        heads = (by.capitalize(), "Calls", "Tokens read", "Tokens written", "US dollars", "Without a price")
        tables.append(table(heads, rows, f"By {by}"))
    found = [costs.standing(asked.tx, each, asked.now) for each in budget.budgets(asked.tx)]
    budgets = [
        (each["account"], each["period"], each.get("tokens"), each["spent_tokens"], each.get("money"), each["spent"],
         f"{each['used_ratio']:.0%}")
        for each in found
    ]  # fmt: skip
    columns = ("Account", "Period", "Tokens", "Spent", "Money", "Spent", "Used")
    return _whole("Cost", "/cost", tables, table(columns, budgets, "Budgets"))


def _moment(stamp: str) -> Markup:
    """A time to the second, UTC; whole where a machine reads it."""
    return tag("time", f"{stamp[:10]} {stamp[11:19]}", datetime=stamp)


def _status(text: str) -> Markup:
    return tag("span", text, class_=text if text.isascii() and text.isalpha() else None)


def _length(begun: str, ended: str | None, now: datetime) -> str:
    seconds = round(((clock.parse(ended) if ended else now) - clock.parse(begun)).total_seconds())
    days, seconds = divmod(max(seconds, 0), 86400)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [
        f"{value} {unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if value
    ]
    return " ".join(parts[:2]) or "0 s"


def missing() -> str:
    """What is shown where there is no page."""
    return _whole("Not found", "", tag("p", "There is no such page."))


def unwanted() -> str:
    """What is shown to who has no key."""
    return put(_whole("Not for you", "", tag("p", "Open the address that wf-web has printed: it holds the key.")))


_PAGES: Mapping[str, Page] = {"/": _runs, "/waiting": _waiting, "/audit": _audit, "/cost": _cost}
