"""What can be wrong with a template as a whole: order, references, rights, and what can never happen.

The rule kept here: whatever a run would stumble over that can be seen in the file is seen here.
"""

from __future__ import annotations

from roadmap_cli.wf.language.lint import limits, reach, references, rights, secrets, structure
from roadmap_cli.wf.language.lint.structure import before, order
from roadmap_cli.wf.language.templates import Finding, Template

__all__ = ["before", "findings", "order"]


def findings(template: Template) -> list[Finding]:
    """The faults of a template whose parts are each well formed."""
    rules = (structure, references, rights, reach, limits, secrets)
    return [finding for rule in rules for finding in rule.findings(template)]
