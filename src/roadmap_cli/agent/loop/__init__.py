"""The loop: plan (run the tests, localise), execute (ask drivers), test (in the sandbox), reflect (store, learn).

The rule it keeps: success is only what the whole suite says, twice; whatever else ends the loop is named, stored with
the run's id, and can be resumed. Each step is in the journal before and after it is done: killed at any time, the next
run goes on behind the last step that was done, and finds out by what is on disk how far an effect had come.

- `world`: what a run may use, and when it must stop; `beginning`: which run this is, on which project.
- `session`: what its phases share; `diary` and `report` keep and make its records.
- `planning`, `searching` with what was `tried`, `settling`, `effects`: the phases; `attempt`: the failure they work on.
- `parting`: several faults, each searched by its own tests; `nearest`: what is told when no repair was found.
"""

from __future__ import annotations

from roadmap_cli.agent.loop.beginning import folder_of, job_of
from roadmap_cli.agent.loop.loop import SUCCESS, Loop
from roadmap_cli.agent.loop.world import Bounds, World

__all__ = ["SUCCESS", "Bounds", "Loop", "World", "folder_of", "job_of"]
