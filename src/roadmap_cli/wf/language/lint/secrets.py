"""Secrets written in a template: known shapes of keys, passwords in addresses, fields that are named like one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from roadmap_cli.wf.language.lint.structure import fault
from roadmap_cli.wf.language.templates import Finding, Template
from roadmap_cli.wf.language.yamlfile import Way

#: Shapes that nothing else has. Sources: the issuers' own descriptions of their tokens.
_SHAPES = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}")),
    ("a Slack webhook", re.compile(r"hooks\.slack\.com/services/[A-Z0-9]{6,}/[A-Z0-9]{6,}/[A-Za-z0-9]{16,}")),
    ("a GitHub token", re.compile(r"\bgh[opsur]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{40,}")),
    ("a GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("an AWS key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a Google key", re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b")),
    ("a Stripe key", re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}")),
    ("a model provider's key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("an Atlassian token", re.compile(r"\bATATT3[A-Za-z0-9_=-]{20,}")),
    ("an age identity", re.compile(r"\bAGE-SECRET-KEY-1[A-Z0-9]{40,}")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@{}]+:[^/\s@{}]+@")),
    ("an authorisation header", re.compile(r"\b(?:[Bb]earer|[Bb]asic) [A-Za-z0-9+/_.=-]{16,}")),
)  # fmt: skip
_NAMED = re.compile(r"(?i)(?:.*[_-])?(?:password|passwd|passphrase|token|api[_-]?key|secret[_-]?key|private[_-]?key)\Z")
_MOST_TEXT = 4096


def findings(template: Template) -> Iterator[Finding]:
    """Every value that is a secret, or stands where one would."""
    for way, what in found(template.document.value):
        message = f"{what} is written in the template; store it and name it with 'secret'"
        yield fault(template, way, "secret_in_template", message)


def found(value: Any) -> Iterator[tuple[Way, str]]:
    """The ways to what looks like a secret in the value of a file, each with what it looks like."""
    for way, text in _texts(value, ()):
        what = next((name for name, shape in _SHAPES if shape.search(text[:_MOST_TEXT])), None)
        last = str(way[-1]) if way else ""
        if what is None and _NAMED.match(last) and text and "${" not in text and way[0] != "inputs":
            what = f"a value for {last!r}"
        if what:
            yield way, what


def _texts(value: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if isinstance(value, str):
        yield way, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*way, key))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _texts(each, (*way, at))
