"""Task ``classify``: which of the template's choices a text is: a priority, a team, an urgency.

By words that a choice names, and by likeness to its examples; what is not certain enough is said to be unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.agents import likeness
from roadmap_cli.wf.agents.desk import Desk, Work, evidence
from roadmap_cli.wf.language import placeholders

#: What the words of a choice and the likeness to its examples weigh, and how sharply they decide.
_WORDS, _MEANING, _SHARP = 1.0, 1.0, 5.0
MOST_CHOICES = 50


def work(spec: Record, desk: Desk) -> Work:
    """Choose; the words that decided are told."""
    text = placeholders.as_text(spec["text"])[:20_000]
    options = choices(spec["choices"])
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


def choices(value: Sequence[Any]) -> list[dict[str, Any]]:
    """The choices of a template: each with ``name``, and ``words`` or ``examples`` that speak for it."""
    if not 2 <= len(value) <= MOST_CHOICES:
        raise DataError(f"there must be 2 to {MOST_CHOICES} 'choices'", code="bad_choices")
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
            raise DataError("each of 'choices' must be a table with a name", code="bad_choices")
        for key in ("words", "examples"):
            if not isinstance(each.get(key, []), list) or not all(
                isinstance(one, str | int | float) for one in each.get(key, [])
            ):
                raise DataError(f"{key!r} of choice {each['name'][:60]!r} must be a list of texts", code="bad_choices")
    names = [each["name"] for each in value]
    if len(set(names)) != len(names):
        raise DataError("two of 'choices' have the same name", code="bad_choices")
    return list(value)
