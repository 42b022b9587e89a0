"""How a fact is looked up: files under a root and programs with a time-out. Nothing here ever raises.

A root other than ``/`` is a tree with the files of another machine (``--sysroot``). Its D-Bus is asked only if the tree
has a bus socket; programs come from PATH.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Value = bool | int | float | str | list[str] | list[int]

#: Most bytes read of a file: those of the kernel are far shorter.
LONGEST_FILE = 1 << 20
#: How long a program may take: termux-* programs hang for ever if the Termux:API app is missing.
PATIENCE_S = 3.0


class Fact(NamedTuple):
    """One thing known, or not known and why. `confidence` is 0 to 1: 1 is read as it stands, 0 is unknown."""

    name: str
    value: Value | None
    source: str
    confidence: float
    reason: str


class Answer(NamedTuple):
    """What a file or a program said: `text`, or None and the `reason` why there is none."""

    text: str | None
    reason: str


#: Runs a program (argument list, more environment) and gives what it wrote; never raises.
Runner = Callable[[Sequence[str], Mapping[str, str]], Answer]


def unknown(name: str, reason: str, source: str = "none") -> Fact:
    """A fact that is not known."""
    return Fact(name, None, source, 0.0, reason)


def run_program(words: Sequence[str], environ: Mapping[str, str]) -> Answer:
    """What a program writes within `PATIENCE_S`, or why there is nothing. It never gets the terminal."""
    import shutil
    import signal
    import subprocess

    program = shutil.which(words[0], path=environ.get("PATH", os.defpath))
    if program is None:
        return Answer(None, f"there is no program {words[0]}")
    try:
        process = subprocess.Popen(
            [program, *words[1:]], env={**environ, "LC_ALL": "C"}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        return Answer(None, f"{words[0]} does not start: {error.strerror}")
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            process.kill()
        process.communicate()
        return Answer(None, f"{words[0]} said nothing for {PATIENCE_S:g} s")
    if process.returncode != 0:
        return Answer(None, f"{words[0]} ended with {process.returncode}")
    return Answer(output[:LONGEST_FILE].decode("utf-8", "replace"), words[0])


@dataclass(frozen=True, slots=True)
class Machine:
    """Where facts are looked up: a tree of files, the environment, and a way to run programs."""

    root: Path
    environ: Mapping[str, str]
    run: Runner = run_program

    @property
    def is_here(self) -> bool:
        """Whether this is the machine the process runs on."""
        return self.root == Path("/")

    @property
    def is_termux(self) -> bool:
        """Whether this is a phone with Termux."""
        return "TERMUX_VERSION" in self.environ or (self.root / "data/data/com.termux").is_dir()

    def read(self, place: str) -> Answer:
        """The text of a file, without blanks around it; `place` is absolute, as on the machine."""
        path = self.root / place.lstrip("/")
        try:
            with path.open("rb") as file:
                return Answer(file.read(LONGEST_FILE).decode("utf-8", "replace").strip("\0 \t\r\n"), place)
        except FileNotFoundError:
            return Answer(None, f"there is no {place}")
        except PermissionError:
            return Answer(None, f"{place} may not be read")
        except OSError as error:
            return Answer(None, f"{place} cannot be read: {(error.strerror or str(error)).lower()}")

    def number(self, place: str) -> int | None:
        """The whole number in a file, or None."""
        text = self.read(place).text
        try:
            return int(text, 0) if text else None
        except ValueError:
            return None

    def names(self, place: str) -> list[str]:
        """The names in a folder, sorted; none if it cannot be read."""
        try:
            return sorted(path.name for path in (self.root / place.lstrip("/")).iterdir())
        except OSError:
            return []

    def has(self, place: str) -> bool:
        """Whether there is a file or folder."""
        try:
            return (self.root / place.lstrip("/")).exists()
        except OSError:
            return False

    def ask(self, *words: str) -> Answer:
        """What a program writes."""
        try:
            return self.run(words, self.environ)
        except (OSError, ValueError) as error:
            return Answer(None, f"{words[0]}: {error}")

    def bus(self, service: str, path: str, interface: str, name: str) -> Answer:
        """A property on the machine's system D-Bus, as text: ``true``, ``4``, ``73.0`` or a name.

        By busctl, else gdbus. A service that does not run is not started.
        """
        socket = next((place for place in ("/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket")
                       if self.has(place)), None)  # fmt: skip
        if socket is None:
            return Answer(None, "there is no system D-Bus")
        address = f"unix:path={self.root / socket.lstrip('/')}"
        environ = {**self.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}
        answer = self.run(
            ["busctl", f"--address={address}", "--auto-start=no", "--timeout=2", "get-property", service, path,
             interface, name],
            environ,
        )  # fmt: skip
        if answer.text is not None:
            return Answer(answer.text.strip().partition(" ")[2].strip('"'), f"{service} {name}")
        if "there is no program" in answer.reason:
            other = self.run(
                ["gdbus", "call", "--system", "--timeout", "2", "-d", service, "-o", path, "-m",
                 "org.freedesktop.DBus.Properties.Get", interface, name],
                environ,
            )  # fmt: skip
            if other.text is not None:
                bare = other.text.strip().strip("(),<>").rpartition(" ")[2].strip("'\"<>")
                return Answer(bare, f"{service} {name}")
            if "there is no program" in other.reason:
                return Answer(None, "neither busctl nor gdbus is there to ask D-Bus")
        return Answer(None, f"{service} does not answer on D-Bus")
