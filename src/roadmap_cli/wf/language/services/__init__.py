"""What a template may ask of services, one module for each action: its fields, what it touches, needs and does.

A module has ``read(reader, value, way)`` that checks what stands in the template and gives it in one shape,
``needed(spec)`` that names the permissions beyond those of its effects, ``resources(spec)`` that names what it touches
(``host:…``, ``database:…``, ``channel:…``, ``project:…``, ``mailbox:…``, ``file:…``), ``effects(spec)`` that names the
effects the step must declare for it (one of each tuple), and ``settled(spec)`` that checks it once all values are put
in. Nothing is done here: that is `wf.actions` and `wf.agents`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.language.templates import SERVICES

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way


def module(action: str) -> Any:
    """The module of an action, imported when it is first asked for. Raises KeyError for one not among `SERVICES`."""
    if action not in SERVICES:
        raise KeyError(action)
    return importlib.import_module(f"{__name__}.{action}")


def read(reader: Reader, action: str, value: Any, way: Way) -> Record:
    """The fields of an action, checked by its module; nothing after a fault, so that no later rule stumbles on it."""
    before = len(reader.findings)
    found: Record = module(action).read(reader, value, way)
    return found if len(reader.findings) == before else {}


def needed(action: str, spec: Mapping[str, Any]) -> list[str]:
    """The permissions of an action beyond those of its effects."""
    return [str(each) for each in module(action).needed(spec)]


def resources(action: str, spec: Mapping[str, Any]) -> list[str]:
    """What an action touches, each once, in the order of their names."""
    return sorted({str(each) for each in module(action).resources(spec)})


def effects(action: str, spec: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The effects an action surely has: of each tuple at least one."""
    return [tuple(each) for each in module(action).effects(spec)]


def filled(step: Record, lookup: Callable[[str], Any]) -> Record:
    """The spec of a planned step's action with the values of earlier steps put in, each found to fit its place.

    Once only: what looks like a placeholder in a value that was put in is text. Raises DataError.
    """

    def given(name: str) -> Any:
        value = lookup(name)
        return _Null("null") if value is None else value  # None would leave the placeholder as it stands

    spec = placeholders.filled(step[step["action"]], given)
    settled: Record = module(step["action"]).settled(_with_nulls(spec))
    return settled


class _Null(str):
    """Nothing, while values are put in: ``null`` within a text, None where it stands alone."""

    __slots__ = ()


def _with_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nulls(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_nulls(each) for each in value]
    return None if isinstance(value, _Null) else value
