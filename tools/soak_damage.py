"""One changed bit in a copy of the state, as a failing disk makes it, and how to take it back.

usage: tools/soak_damage.py FOLDER SEED      (FOLDER/state.db is changed; FOLDER/hurt tells where, and what stood there)
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

from helping import tell_help


def hurt(folder: Path, seed: int) -> None:
    """Change one bit of the copy; what is needed to take it back is on the disk first."""
    chance = random.Random(seed)
    with (folder / "state.db").open("r+b") as file:
        at = chance.randrange(os.fstat(file.fileno()).st_size)
        file.seek(at)
        was = file.read(1)[0]
        (folder / "hurt.new").write_text(json.dumps([at, was]))
        (folder / "hurt.new").replace(folder / "hurt")
        file.seek(at)
        file.write(bytes([was ^ 1 << chance.randrange(8)]))


def heal(folder: Path) -> bool:
    """Take the change back; False if none was begun."""
    if not (folder / "hurt").exists():
        return False
    at, was = json.loads((folder / "hurt").read_text())
    with (folder / "state.db").open("r+b") as file:
        file.seek(at)
        file.write(bytes([was]))
    return True


if __name__ == "__main__":
    tell_help(__doc__)
    hurt(Path(sys.argv[1]), int(sys.argv[2]))
