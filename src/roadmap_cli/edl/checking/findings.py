"""What a rule found: its stable name, how grave it is, words, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_cli.core.records import Record, content_id

#: What a message begins with that says what its cut is or does.
_VERBS = frozenset({"begins", "counts", "ends", "fills", "has", "is", "lies", "plays"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule found. `cut_id` is absent when it concerns the whole plan.

    `frame` is the programme frame it is about, where it is not simply where the cut begins; `evidence` the records it
    rests on.
    """

    rule: str
    severity: str
    message: str
    cut_id: str | None = None
    frame: int | None = None
    evidence: tuple[str, ...] = ()

    def told(self, cuts: Sequence[Record]) -> str:
        """The message with the cut it is about, so that it can stand alone: `cuts` are the plan's, in order."""
        place = next((n for n, cut in enumerate(cuts) if cut.get("id") == self.cut_id), None) if self.cut_id else None
        if place is None:
            return self.message
        return f"cut {place}{'' if self.message.partition(' ')[0] in _VERBS else ':'} {self.message}"

    def record(self, plan: Record, at: str, cuts: Sequence[Record], mend: str | None = None) -> Record:
        """The finding as an edl.finding record; `cuts` are the plan's, in order, `mend` what was done about it."""
        record: Record = {
            "kind": "edl.finding",
            "id": content_id(
                "edl.finding", plan_id=plan["id"], rule=self.rule, cut_id=self.cut_id, words=self.message,
                **({} if self.frame is None else {"frame": self.frame}),
            ),
            "at": at,
            "plan_id": plan["id"],
            "rule": self.rule,
            "severity": self.severity,
            "message": self.told(cuts),
        }  # fmt: skip
        record |= {"cut_id": self.cut_id} if self.cut_id else {}
        record |= {"timeline_frame": self.frame} if self.frame is not None else {}
        record |= {"evidence": list(self.evidence)} if self.evidence else {}
        return record | ({"is_mended": True, "mend": mend} if mend else {})


def error(rule: str, message: str, cut: Record | None = None, **more: object) -> Finding:
    """A finding that stops the render."""
    return Finding(rule, "error", message, cut["id"] if cut else None, **more)  # type: ignore[arg-type]


def warning(rule: str, message: str, cut: Record | None = None, **more: object) -> Finding:
    """A finding that explains."""
    return Finding(rule, "warning", message, cut["id"] if cut else None, **more)  # type: ignore[arg-type]
