"""Who somebody is: a name given, or the one the system knows the user by."""

from __future__ import annotations

import os

from roadmap_cli.core.errors import UsageError


def user(name: str | None) -> str:
    """``NAME``, or the login name of the user whose process this is. Raises UsageError for a name that is none."""
    if name is None:
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"uid-{os.getuid()}"
    cleaned = name.strip()
    if not cleaned or not cleaned.isprintable() or len(cleaned) > 128 or cleaned.startswith("policy:"):
        raise UsageError(f"not a name: {name!r}")
    return cleaned.removeprefix("user:")
