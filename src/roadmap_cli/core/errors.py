"""The exit codes, and one exception for each: the only way a failure travels.

Family code raises one of these; `cli.execution` is the one place that turns it into words and a number.
Numbers 65 to 78 are those of BSD sysexits.h, used where a script can act differently on them.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Every exit code a command can end with. Codes are added, never changed."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    PARTIAL = 3
    DATA = 65
    NOINPUT = 66
    UNAVAILABLE = 69
    INTERNAL = 70
    CANTCREATE = 73
    TEMPFAIL = 75
    CONFIG = 78
    NOEXEC = 126
    NOTFOUND = 127
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


#: What each code means and what a script should do: printed in every man page.
MEANING: dict[Exit, tuple[str, str]] = {
    Exit.OK: ("Done.", "go on"),
    Exit.NEGATIVE: ("The answer is no: nothing found, a check failed, or things differ.", "branch on it"),
    Exit.USAGE: ("Wrong options or arguments.", "fix the call"),
    Exit.PARTIAL: ("Some records failed and were skipped or emitted as errors.", "look at stderr"),
    Exit.DATA: ("The input is not what it should be.", "fix the data"),
    Exit.NOINPUT: ("A named file cannot be read.", "fix the path"),
    Exit.UNAVAILABLE: ("A program, model or service is missing.", "install or start it"),
    Exit.INTERNAL: ("A bug in the command.", "report it"),
    Exit.CANTCREATE: ("Output cannot be written.", "fix the place"),
    Exit.TEMPFAIL: ("Busy, locked or rate-limited.", "try again later"),
    Exit.CONFIG: ("Settings, key or state file do not fit.", "fix the set-up"),
    Exit.NOEXEC: ("The program named to be run cannot be run.", "fix the program"),
    Exit.NOTFOUND: ("There is no command of that name.", "fix the name"),
    Exit.INTERRUPTED: ("Ended by SIGINT.", ""),
    Exit.PIPE: ("The reader of the output went away.", "usually nothing"),
    Exit.TERMINATED: ("Ended by SIGTERM.", ""),
}


class RoadmapError(Exception):
    """A failure with words for a person: lower case, no full stop, the offending value quoted.

    `where` is a position such as ``FILE:LINE``; `hint` is what to type next; `code` a stable snake_case name
    that goes into an ``error`` record.
    """

    exit: Exit = Exit.INTERNAL
    default_code = "internal"

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None, code: str | None = None):
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(RoadmapError):
    """Wrong options or arguments (exit 2)."""

    exit = Exit.USAGE
    default_code = "usage"


class DataError(RoadmapError):
    """Input is not what it should be (exit 65). Inside `Run.item` it is one record's failure, not the command's."""

    exit = Exit.DATA
    default_code = "bad_data"


class InputMissing(RoadmapError):
    """A named file cannot be read (exit 66)."""

    exit = Exit.NOINPUT
    default_code = "no_input"


class Unavailable(RoadmapError):
    """A program, model or service is missing (exit 69)."""

    exit = Exit.UNAVAILABLE
    default_code = "unavailable"


class CannotCreate(RoadmapError):
    """Output cannot be written (exit 73)."""

    exit = Exit.CANTCREATE
    default_code = "cannot_create"

    @classmethod
    def of(cls, error: OSError, where: object) -> CannotCreate:
        """What the system says of a file, named as the user named it."""
        return cls(f"cannot write: {(error.strerror or str(error)).lower()}", where=str(where))


class TryLater(RoadmapError):
    """Busy, locked or rate-limited (exit 75)."""

    exit = Exit.TEMPFAIL
    default_code = "try_later"


class ConfigError(RoadmapError):
    """Settings, key or state file do not fit: locked, too new, damaged (exit 78)."""

    exit = Exit.CONFIG
    default_code = "config"


class Negative(RoadmapError):
    """The answer is no (exit 1): with a message if there is something to say, else silent."""

    exit = Exit.NEGATIVE
    default_code = "negative"

    def __init__(self, message: str = "", **words: str | None):
        super().__init__(message, **words)
