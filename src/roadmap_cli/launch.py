"""From a command's name to its module and its main(): what bin/_launch and ``python -m roadmap_cli.launch`` use."""

from __future__ import annotations

import importlib
import keyword
import sys
from collections.abc import Sequence

from roadmap_cli.core import packages
from roadmap_cli.core.errors import Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command whose name is the first argument with the others. An unknown name gives 127."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or [""]
    family, _, verb = name.partition("-")
    word = verb.replace("-", "_")
    module = f"roadmap_cli.commands.{family}.{word}{'_' * keyword.iskeyword(word)}"
    if not family.isidentifier() or not verb.replace("-", "_").isidentifier():
        return _unknown(name)
    try:
        command = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            return _unknown(name)
        return _missing(name, family, error.name or "of its own")
    code: int = command.main(rest)
    return code


def _missing(name: str, family: str, first: str) -> int:
    """Say at once all that is missing for a family, for roadmap-* commands for all of them."""
    import os

    from roadmap_cli.roadmap import doctor

    wanted = tuple(doctor.PACKAGES) if family == "roadmap" else (family,)
    absent, programs = doctor.missing(wanted, os.environ)
    absent = absent or [first]
    several = f"Python packages are missing: {', '.join(absent)}"
    told = several if len(absent) > 1 else f"the Python package {absent[0]!r} is missing"
    told += f"; and programs: {', '.join(programs)}" if programs else ""
    return _say(Exit.UNAVAILABLE, f"{name}: error: {told}", packages.mend(" ".join(absent)))


def _unknown(name: str) -> int:
    return _say(Exit.NOTFOUND, f"roadmap: error: no command {name!r}", "ls bin")


def _say(code: Exit, message: str, hint: str) -> int:
    sys.stderr.write(f"{message}\n{message.partition(':')[0]}: hint: {hint}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
