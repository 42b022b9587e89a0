"""The published JSON Schema of templates: what one file may hold, for editors and other programs.

It says of each value alone what it may be. What the values are together (order, references, rights) is said by
`wf-plan --check` only. The file stands beside this module; tests hold it against the reader.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id

#: Version of the template language.
VERSION = 2


@cache
def load() -> dict[str, Any]:
    """The schema."""
    text = (resources.files("roadmap_cli.wf.language") / "template.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def record(at: datetime) -> Record:
    """The wf.template_schema."""
    return {
        "kind": "wf.template_schema",
        "id": content_id("wf.template_schema", version=VERSION, name=load()["$id"]),
        "at": clock.stamp(at),
        "version": VERSION,
        "schema": load(),
    }
