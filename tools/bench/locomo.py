"""LoCoMo's conversations, and the questions about them that say which turns they rest on. No figures of its own.

The data are JSON (https://github.com/snap-research/locomo, CC BY-NC 4.0: not part of this project). A question counts
if it is not adversarial (categories 1 to 4) and some of its evidence is a turn that exists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import outside

#: The development conversations.
DATA = outside.FOLDER / "locomo-dev.json"


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, with the speaker before it and the caption of a picture behind; on which day, in which session."""

    text: str
    speaker: str
    at: datetime
    session: int

    @property
    def words(self) -> str:
        """What was said, without the speaker."""
        return self.text.removeprefix(f"{self.speaker}: ")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its category, and the places of the turns it rests on."""

    text: str
    category: int
    evidence: list[int]


@dataclass(slots=True)
class Talk:
    """A conversation of two, who of them begins the list of speakers, and the questions about it."""

    name: str
    speaker: str
    turns: list[Turn]
    asked: list[Asked]


def talks(path: Path) -> Iterator[Talk]:
    """The conversations of a file."""
    for sample in json.loads(path.read_text("utf-8")):
        spoken = sample["conversation"]
        turns: list[Turn] = []
        places: dict[str, int] = {}
        number = 1
        while f"session_{number}_date_time" in spoken:
            at = datetime.strptime(spoken[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y")
            for turn in spoken.get(f"session_{number}", []):
                places[turn["dia_id"]] = len(turns)
                caption = f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                turns.append(Turn(f"{turn['speaker']}: {turn['text']}{caption}", turn["speaker"], at, number))
            number += 1
        asked = []
        for each in sample["qa"]:
            named = [name for text in each.get("evidence", []) for name in re.findall(r"D\d+:\d+", text)]
            rests = sorted({places[name] for name in named if name in places})
            if each["category"] != 5 and rests:
                asked.append(Asked(str(each["question"]), int(each["category"]), rests))
        yield Talk(str(sample["sample_id"]), spoken["speaker_a"], turns, asked)
