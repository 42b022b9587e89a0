"""What the rules cannot read, read by a language model that may only choose from the axes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import when
from roadmap_cli.edl.feedback.axes import AXES, PLAIN_DEEDS
from roadmap_cli.edl.feedback.wishes import LARGE, PLAIN, SMALL, Wish

if TYPE_CHECKING:
    from roadmap_cli.models.conversation.chat import Chat

_DEGREES = {"small": SMALL, "plain": PLAIN, "large": LARGE}
#: No more wishes than this are taken from one sentence.
_MOST = 4


def read(chat: Chat, words: str) -> tuple[Wish, ...]:
    """The wishes a model finds in words; empty if it finds none. Raises DataError if its reply does not fit."""
    choices = [f"{axis}{sign}" for axis in AXES for sign in "+-" if axis not in PLAIN_DEEDS]
    schema = {
        "type": "object",
        "properties": {
            "wishes": {
                "type": "array",
                "maxItems": _MOST,
                "items": {
                    "type": "object",
                    "properties": {"axis": {"enum": choices}, "degree": {"enum": list(_DEGREES)}},
                    "required": ["axis", "degree"],
                },
            }
        },
        "required": ["wishes"],
    }
    table = "\n".join(
        f"{axis}+ {more}; {axis}- {less}" for axis, (more, less) in AXES.items() if axis not in PLAIN_DEEDS
    )
    asked = (
        "A person says something about a video edit. Name what they wish to be changed, as codes from this list, and "
        f"nothing else. If they wish nothing of it, name none.\n\n{table}\n\nThe person says: {words}"
    )
    reply = chat.complete([{"role": "user", "content": asked}], max_tokens=200, schema=schema, purpose="read-feedback")
    if not isinstance(reply.value, dict) or not isinstance(reply.value.get("wishes"), list):
        raise DataError("the model's reading does not fit", hint="say it in plainer words", code="bad_reply")
    place = when.read(" ".join(words.lower().split()))[0]
    found: dict[str, Wish] = {}
    for each in reply.value["wishes"][:_MOST]:
        code = str(each.get("axis", "")) if isinstance(each, dict) else ""
        if code in choices:
            degree = _DEGREES.get(str(each.get("degree")), PLAIN)
            found.setdefault(code[:-1], Wish(code[:-1], 1 if code[-1] == "+" else -1, degree, place, words.lower()))
    return tuple(found.values())
