"""Windows as records: the messages kept, with their places and reasons, and what the window was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roadmap_cli.core.records import Record
from roadmap_cli.slm.window import prompt
from roadmap_cli.slm.window.conversation import KIND
from roadmap_cli.slm.window.session import Moves
from roadmap_cli.slm.window.window import Budget, Conversation, Fate, Window

WINDOW = "slm.window"


def kept(conversation: Conversation, window: Window, sources: Sequence[Record], at: str) -> Iterator[Record]:
    """The messages of a window in its order, each as it came, with what was decided about it."""
    fates = _by_message(window.kept)
    for one in window.shown:
        yield _message(sources[one.message], one.message, at) | {
            "content": one.content,
            "is_whole": one.is_whole,
            **_fate(fates[one.message]),
        }


def archived(conversation: Conversation, window: Window, sources: Sequence[Record], at: str) -> Iterator[Record]:
    """What is not in the window, piece by piece; pieces of one message that stand together are one record."""
    for number, fates in _by_message(window.archived).items():
        content = "".join(conversation.text(fate.part) for fate in fates)
        is_whole = content == conversation.messages[number].content
        yield _message(sources[number], number, at) | {"content": content, "is_whole": is_whole, **_fate(fates)}


def report(window: Window, budget: Budget, *, window_id: str, at: str, moves: Moves | None) -> Record:
    """What a window was, as an ``slm.window`` record."""
    summary = window.in_words(budget)
    return {"kind": WINDOW, "id": window_id, "at": at, "why": summary, **facts(window, budget, moves)}


def facts(window: Window, budget: Budget, moves: Moves | None) -> Record:
    """The figures of a window: its size, what is in it and what is not, and what it has in common with the last one."""
    told: Record = {
        "budget": budget.size,
        "unit": budget.unit,
        "used": window.used,
        "pieces_count": window.pieces_count,
        "kept_count": len(window.order),
        "archived_count": window.archived_count,
    }
    if window.reuse is not None:
        told["prefix_reuse"] = window.reuse
    if moves is not None:
        told |= {"left_count": len(moves.archived), "came_back_count": len(moves.recalled)}
        told["decision_ids"] = moves.decision_ids
    return told


def pieces(window: Window) -> list[Record]:
    """Where each piece is and why, for a prompt: which message of the input, which piece of it."""
    fates = sorted([*window.kept, *window.archived], key=lambda fate: fate.part.key)
    return [{"message": fate.part.message + 1, "part": fate.part.number, **_fate([fate])} for fate in fates]


def messages(conversation: Conversation, window: Window, question: str | None) -> list[dict[str, str]]:
    """What a model is sent."""
    return prompt.messages(window.shown, conversation.messages, question)


def _by_message(fates: Sequence[Fate]) -> dict[int, list[Fate]]:
    found: dict[int, list[Fate]] = {}
    for fate in fates:
        found.setdefault(fate.part.message, []).append(fate)
    return found


def _message(source: Record, number: int, at: str) -> Record:
    head: Record = {"kind": KIND, "id": source.get("id") or f"slm_{number + 1}", "at": source.get("at") or at}
    return head | {name: value for name, value in source.items() if name not in head}


def _fate(fates: Sequence[Fate]) -> Record:
    """Place, reason and score of the best of some pieces."""
    best = max(fates, key=lambda fate: -1e9 if fate.score is None else fate.score)
    told: Record = {"place": best.place, "why": best.why}
    if best.score is not None:
        told["score"] = best.score
    return told
