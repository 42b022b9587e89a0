"""A window as messages for a model."""

from __future__ import annotations

from collections.abc import Sequence

from roadmap_cli.slm.window.conversation import Message
from roadmap_cli.slm.window.window import Shown


def messages(shown: Sequence[Shown], spoken: Sequence[Message], question: str | None = None) -> list[dict[str, str]]:
    """What a model is sent: role and content, in the window's order, `question` last.

    Messages of one role that stand together become one, because the templates of many models want the roles in turn;
    who speaks stands before what is said where the messages name speakers.
    """
    made: list[dict[str, str]] = []
    for one in shown:
        name = spoken[one.message].name
        content = f"{name}: {one.content}" if name and not one.content.startswith(f"{name}: ") else one.content
        if made and made[-1]["role"] == one.role:
            made[-1]["content"] += "\n\n" + content
        else:
            made.append({"role": one.role, "content": content})
    if question is not None:
        if made and made[-1]["role"] == "user":
            made[-1]["content"] += "\n\n" + question
        else:
            made.append({"role": "user", "content": question})
    return made
