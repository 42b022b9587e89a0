"""A run as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Everything that comes from a project, a test or a model is escaped; the page forbids itself scripts and every request
by a content security policy, should something slip through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from roadmap_cli.agent.runs.history import History, line, more, rivals
from roadmap_cli.core.records import Record

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'none'; base-uri 'none'; form-action 'none'"
_DIFF_LINES = 5000
_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5b6169; --paper: #fcfcfa; --card: #fff; --edge: #dcdfe3;
  --good: #0a6b3d; --bad: #a8261c; --warn: #8a5a00; --add: #e3f5e9; --del: #fdeceb; --hunk: #eef1f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6e9; --soft: #9aa2ac; --paper: #16181b; --card: #1d2024;
  --edge: #33383f; --good: #6fd39b; --bad: #f28b82; --warn: #e6b455; --add: #16321f; --del: #3a1d1c; --hunk:
  #242a33; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .6rem; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; font-size:
  .86rem; }
p.sub { color: var(--soft); margin: 0; overflow-wrap: anywhere; }
.badge { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; border: 1px solid currentColor;
  font-size: .85rem; font-weight: 600; vertical-align: .15rem; margin-left: .4rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem; margin:
  1.25rem 0 0; }
dl.facts div { background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; padding: .55rem
  .8rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; overflow-wrap: anywhere; }
ol.time { list-style: none; margin: 0; padding: 0; border-left: 2px solid var(--edge); }
ol.time li { padding: .3rem 0 .3rem 1rem; position: relative; display: grid; grid-template-columns: 5.5rem 8rem
  1fr; gap: .75rem; }
ol.time li::before { content: ""; position: absolute; left: -5px; top: .85rem; width: 8px; height: 8px;
  border-radius: 50%;
  background: var(--soft); }
ol.time time { color: var(--soft); font-variant-numeric: tabular-nums; font-size: .85rem; }
ol.time b { font-weight: 600; } ol.time span { overflow-wrap: anywhere; white-space: pre-wrap; }
pre.diff { background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; padding: .6rem 0;
  overflow-x: auto;
  margin: 0; line-height: 1.45; tab-size: 4; }
pre.diff span { display: block; padding: 0 .9rem; min-width: max-content; min-height: 1.25em; }
.a { background: var(--add); } .d { background: var(--del); } .h { background: var(--hunk); color: var(--soft); }
.f { font-weight: 600; }
article { background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; padding: .7rem .9rem;
  margin: .6rem 0; }
article p { margin: .2rem 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid var(--edge); vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 500; color: var(--soft); }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
footer { color: var(--soft); font-size: .8rem; margin-top: 3rem; }
@media (max-width: 40rem) { ol.time li { grid-template-columns: 1fr; gap: 0; } }
"""


def page(history: History) -> str:
    """The page."""
    return "".join(_parts(history))


def _parts(history: History) -> Iterator[str]:
    summary, fix = history.summary, history.fix
    name = summary["project"].rstrip("/").rpartition("/")[2] or summary["project"]
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY, quote=True)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: {escape(summary['status'])}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n"
    )
    yield f"<h1>{escape(name)} {_badge(summary['status'])}{_badge(fix['verdict']) if fix else ''}</h1>\n"
    yield f'<p class="sub">{escape(summary["project"])}</p>\n'
    if summary.get("goal"):
        yield f"<h2>Goal</h2>\n<p>{escape(summary['goal'])}</p>\n"
    yield from _facts(history)
    if fix:
        yield f"<h2>Repair</h2>\n<p>{escape(_sentence(fix))}</p>\n"
        yield from _diff(fix["diff"])
        yield from _evidence(fix)
        for words, diff in rivals(fix):
            yield f"<p>{escape(words)}</p>\n"
            yield from _diff(diff)
    yield from _why(history.decisions)
    yield '<h2>Timeline</h2>\n<ol class="time">\n'
    for record in history.records:
        what, says = line(record)
        yield (
            f"<li><time>{escape(record['at'][11:23])}</time><b>{escape(what)}</b>"
            f'<span class="{_tone(record)}">{escape(chr(10).join([says, *more(record)]))}</span></li>\n'
        )
    yield "</ol>\n"
    yield f"<footer>Run <code>{escape(summary['id'])}</code>, begun {escape(summary['at'])}</footer>\n"
    yield "</main>\n</body>\n</html>\n"


def _badge(word: str) -> str:
    tone = {"fixed": "good", "already_green": "good", "confirmed": "good", "plausible": "warn", "paused": "warn",
            "running": "warn"}.get(word, "bad")  # fmt: skip
    return f'<span class="badge {tone}">{escape(word.replace("_", " "))}</span>'


def _tone(record: Record) -> str:
    if record["kind"] == "agent.test_result":
        return "bad" if record["failed_count"] or not record["finished"] else "good"
    return ""


def _facts(history: History) -> Iterator[str]:
    summary = history.summary
    facts: list[tuple[str, str]] = [("Tests", summary["test"]), ("Candidates", str(summary["candidate_count"]))]
    results = {r["phase"]: r for r in history.records if r["kind"] == "agent.test_result"}
    for phase, word in (("before", "Before"), ("after", "After")):
        if phase in results:
            facts.append((word, f"{results[phase]['passed_count']} pass, {results[phase]['failed_count']} fail"))
    if history.outcomes:
        facts.append(("Of these", ", ".join(f"{count} {name}" for name, count in sorted(history.outcomes.items()))))
    if history.calls:
        facts.append(("Model calls", str(len(history.calls))))
    if summary.get("reason"):
        facts.append(("Stopped by", summary["reason"].replace("_", " ")))
    if history.open_steps:
        facts.append(("Not finished", ", ".join(history.open_steps)))
    yield '<dl class="facts">\n'
    yield from (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n" for name, value in facts)
    yield "</dl>\n"


def _sentence(fix: Record) -> str:
    return f"Found by {fix['driver']} ({fix['template']}). {fix['verdict'].capitalize()}: {fix['verdict_reason']}."


def _diff(text: str) -> Iterator[str]:
    lines = text.split("\n")
    yield '<pre class="diff">'
    for entry in lines[:_DIFF_LINES]:
        yield f'<span class="{_class_of(entry)}">{escape(entry)}</span>'
    yield "</pre>\n"
    if len(lines) > _DIFF_LINES:
        yield f'<p class="sub">{len(lines) - _DIFF_LINES} more lines</p>\n'


def _class_of(entry: str) -> str:
    if entry.startswith(("diff --git", "--- ", "+++ ", "new file", "deleted file", "old mode", "new mode")):
        return "f"
    return {"+": "a", "-": "d", "@": "h"}.get(entry[:1], "")


_FIGURES = {
    "held_out_count": "tests held out, and passing",
    "held_out_failed_count": "of these, failing before",
    "held_out_reaching_count": "of these, running what was changed",
    "overfit_count": "candidates refused by held-out tests",
    "check_count": "calls compared with the version before",
    "changed_on_recorded_count": "inputs of passing tests that give another result now",
    "changed_on_variants_count": "other inputs that give another result now",
    "rival_count": "other edits that pass all tests",
    "disagreement_count": "inputs on which these behave differently",
}


def _evidence(fix: Record) -> Iterator[str]:
    rows = [(words, fix[name]) for name, words in _FIGURES.items() if name in fix]
    if rows:
        yield "<h2>What speaks for it</h2>\n<table>\n"
        yield from (
            f'<tr><th>{escape(words)}</th><td class="n">{escape(str(value))}</td></tr>\n' for words, value in rows
        )
        yield "</table>\n"
    if fix.get("excluded"):
        yield f"<p>Left out of account: {escape(', '.join(fix['excluded']))}</p>\n"


def _why(decisions: Sequence[Record]) -> Iterator[str]:
    if not decisions:
        return
    yield "<h2>Why</h2>\n"
    for decision in decisions:
        outcome = f"<p>Outcome: {escape(decision['outcome'])}</p>" if decision.get("outcome") else ""
        yield (
            f"<article><p><b>{escape(decision['what'])}</b></p><p>{escape(decision['why'])}</p>{outcome}"
            f'<p class="sub">rests on {len(decision["evidence_ids"])} records: '
            f"<code>roadmap-why {escape(decision['id'])}</code></p></article>\n"
        )
