"""``${inputs.name}`` and ``${steps.name.output}`` in a template: found, and put in as values, never as program text.

The rule kept here: a value that is put in is data. It stays one argument of a command however it is spelled, what
looks like a placeholder in it is not one, and it does not reach the text of a shell step at all. Values are put in
twice, when a plan is made and when a step begins; the first time ``${`` in a value becomes ``$${``, which the second
time makes ``${`` again. ``$${`` in a template is how a literal ``${`` is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from roadmap_cli.core.errors import DataError

#: Gives the value of a name such as ``inputs.service``; `KEEP` leaves the placeholder as it stands.
Lookup = Callable[[str], Any]
#: What a lookup gives for a name whose value comes later. (None is a value: that of a step that was skipped.)
KEEP = object()

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")
_LITERAL = "$${"


def names(value: Any) -> Iterator[str]:
    """The names of all placeholders in a value, however deep; a malformed one gives whatever stands there."""
    if isinstance(value, str):
        for match in _PLACEHOLDER.finditer(value):
            if match[0] != _LITERAL:
                yield match[1] if match[0].endswith("}") else match[0]
    elif isinstance(value, dict):
        for each in value.values():
            yield from names(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from names(each)


def planned(value: Any, lookup: Lookup, later: Sequence[str]) -> Any:
    """A value with its placeholders replaced, but for those whose first word is one of `later`: they stay."""
    return _replaced(value, lambda name: KEEP if name.partition(".")[0] in later else _escaped(lookup(name)), _LITERAL)


def filled(value: Any, lookup: Lookup) -> Any:
    """A planned value with the rest of its placeholders replaced.

    Text that is nothing but one placeholder takes the type of what replaces it.
    """
    return _replaced(value, lookup, "${")


def whole(value: Any) -> str | None:
    """The name in text that is nothing but one placeholder, else None."""
    match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match and match[0] != _LITERAL and match[0].endswith("}") else None


def escaped(value: Any) -> Any:
    """A value as it stands in a plan: what looks like a placeholder in it is none."""
    return _escaped(value)


def refuse_option(part: str, text: str, before: Sequence[str]) -> None:
    """Raise DataError if a value put into an argument would be read as an option, or cannot be an argument.

    That is text that begins with ``-`` where `part`, as the template has it, does not, with no ``--`` `before` it.
    """
    if text.startswith("-") and not part.startswith("-") and "--" not in before:
        what = f"{text[:60]!r} from {part!r} would be read as an option"
        raise DataError(what, hint="put '--' before it in the template", code="option_injection")
    if "\0" in text:
        raise DataError(f"a NUL byte came from {part!r}", code="bad_argument")


def _replaced(value: Any, lookup: Lookup, literal: str) -> Any:
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value)
        if whole and whole[0] != _LITERAL:
            found = lookup(whole[1])
            return value if found is KEEP else found
        return _PLACEHOLDER.sub(lambda match: _part(match, lookup, literal), value)
    if isinstance(value, dict):
        return {key: _replaced(each, lookup, literal) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(each, lookup, literal) for each in value]
    return value


def _part(match: re.Match[str], lookup: Lookup, literal: str) -> str:
    if match[0] == _LITERAL:
        return literal
    found = lookup(match[1])
    return match[0] if found is KEEP else as_text(found)


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("${", _LITERAL)
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list) else value


def as_text(value: Any) -> str:
    """A value as it stands in an argument: text as it is, nothing (None) as none, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def reach(value: Any, path: Sequence[str], name: str) -> Any:
    """The value at a path of keys and positions. Raises DataError that names the whole placeholder."""
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise DataError(f"there is no value for ${{{name}}}", code="missing_value")
    return value
