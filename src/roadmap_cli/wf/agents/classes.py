"""Task ``classify``: which of the template's choices a text is: a priority, a team, an urgency.

By words that a choice names, and by likeness to its examples; what is not certain enough is said to be unknown.
"""

from __future__ import annotations

import re
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.agents import likeness
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.evidence import evidence
from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.language.services import tasks

#: What the words of a choice and the likeness to its examples weigh, and how sharply they decide.
_WORDS, _MEANING, _SHARP = 1.0, 1.0, 5.0


def work(spec: Record, desk: Desk) -> Work:
    """Choose; the words that decided are told."""
    text = placeholders.as_text(spec["text"])[:20_000]
    options = tasks.choices(spec["choices"])
    low = text.casefold()
    hits = [[word for word in each.get("words", []) if _stands(str(word).casefold(), low)] for each in options]
    examples = [
        " ".join(map(str, [each["name"], *each.get("words", []), *each.get("examples", [])])) for each in options
    ]
    like = likeness.by_words(text, examples)
    meaning = None
    if any(each.get("examples") for each in options):
        flat = [(at, str(example)) for at, each in enumerate(options) for example in each.get("examples", [])]
        found = likeness.by_meaning(text, [example for _, example in flat], desk.context.environ)
        if found is not None:
            meaning = [
                max((found[at] for at, (place, _) in enumerate(flat) if place == number), default=0.0)
                for number in range(len(options))
            ]
    scores = []
    for at in range(len(options)):
        score = _WORDS * min(len(hits[at]), 3) / 2 + 0.5 * like[at]
        scores.append(score + (_MEANING * max(meaning[at], 0.0) if meaning else 0.0))
    best = max(range(len(options)), key=lambda at: (scores[at], -at))
    certainty = likeness.certainties(scores, _SHARP)[best]
    if scores[best] < 0.15:
        certainty = min(certainty, 1 / len(options))
    is_unknown = certainty < spec.get("least_certainty", 0.5)
    record = evidence("value", desk.step["name"], text[:2000], None, desk.now)
    why = f"it says {', '.join(map(repr, hits[best][:5]))}" if hits[best] else "it is most like its examples"
    output: Record = {
        "choice": "unknown" if is_unknown else options[best]["name"],
        "certainty_ratio": round(certainty, 4),
        "is_unknown": is_unknown,
        "why": why if not is_unknown else "no choice is certain enough",
        "scores": {each["name"]: round(score, 4) for each, score in zip(options, scores, strict=True)},
        "evidence_ids": [record["id"]],
    }
    if desk.model is not None and is_unknown:
        _by_model(output, text, options, desk)
    return Work(output, f"classified as {output['choice']}", output["why"], [record], output["certainty_ratio"])


def _by_model(output: Record, text: str, options: list[dict[str, Any]], desk: Desk) -> None:
    """Where rules do not suffice a model may choose among the choices; it can give no other answer."""
    names = [each["name"] for each in options]
    schema = {
        "type": "object", "additionalProperties": False, "required": ["choice"],
        "properties": {"choice": {"type": "string", "enum": [*names, "unknown"]}},
    }  # fmt: skip
    asked = f"You sort a text into one of: {', '.join(names)}."
    value = desk.model.ask(asked, text, schema, most_tokens=40) if desk.model else None
    if isinstance(value, dict) and value.get("choice") in names:
        output |= {"choice": value["choice"], "is_unknown": False, "why": "a model chose it", "by": "model"}


def _stands(word: str, text: str) -> bool:
    return bool(word) and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
