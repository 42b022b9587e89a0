"""Python packages that are not there, and the command that brings them."""

from __future__ import annotations

import sys
from pathlib import Path


def mend(package: str) -> str:
    """What to type for packages: in a checkout its own set-up, which knows versions and flags, elsewhere pip.

    An environment without a pip of its own, as `make install` makes it, is served by another's.
    """
    import importlib.util
    import shlex
    import shutil

    checkout = Path(__file__).parents[3]
    if (checkout / "tools" / "setup.sh").is_file():
        first = "" if shutil.which("make") else "sudo apt-get install make && "
        return f"{first}make -C {shlex.quote(str(checkout))} setup"
    python = shlex.quote(sys.executable)
    own = importlib.util.find_spec("pip") is not None
    return f"{python} -m pip install {package}" if own else f"python3 -m pip --python {python} install {package}"
