"""What the agent remembers in the state, and how it finds it again.

- `runs`: runs and where they stand, refuted patches, the last five iterations of a run (short-term memory).
- `repairs`: fixes by error signature, for replay.
- `lessons`: what was learned, as sentences: fixes, failures not mended yet, patterns by kind of problem, skills; their
  weight fades with age and refutation, a better one supersedes, and only `forget` deletes.
- `recalling`, `vectors`, `words`: lessons for a failure: by exact and loose signature, by words, by meaning.
- `library`: verified functions found in fixes.
- `learning`: how templates fare in which surroundings.
- `sharing`: lessons from and for other machines.

Every function works inside the caller's transaction; nothing here decides, it only stores and finds.
"""

from __future__ import annotations

from roadmap_cli.agent.memory.learning import note_choice, preference
from roadmap_cli.agent.memory.lessons import Lesson
from roadmap_cli.agent.memory.library import Skill, skills
from roadmap_cli.agent.memory.recalling import consult, recall
from roadmap_cli.agent.memory.repairs import Fix, fixes, learn, note_replay, store_fix, tests_of
from roadmap_cli.agent.memory.runs import (
    Attempt,
    Iteration,
    Run,
    hardcoded,
    note_attempts,
    note_failure,
    note_iteration,
    refuted,
    run,
    set_status,
    short_term,
    start_run,
    unfinished,
)

__all__ = [
    "Attempt",
    "Fix",
    "Iteration",
    "Lesson",
    "Run",
    "Skill",
    "consult",
    "fixes",
    "hardcoded",
    "learn",
    "note_attempts",
    "note_choice",
    "note_failure",
    "note_iteration",
    "note_replay",
    "preference",
    "recall",
    "refuted",
    "run",
    "set_status",
    "short_term",
    "skills",
    "start_run",
    "store_fix",
    "tests_of",
    "unfinished",
]
