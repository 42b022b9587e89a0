"""What the user calls by name in templates: secrets, databases, Slack workspaces, Jira sites, mail accounts.

They stand in ``connections.toml`` in the configuration directory::

    [secret.jira-token]
    file = "~/.config/roadmap/jira-token"        # or env = "NAME", or credential = "NAME" (systemd)
    hosts = ["jira.example"]                     # the only hosts it is ever sent to

    [database.orders]
    file = "/srv/orders.db"                      # SQLite; or files = ["/srv/a.csv"]; or url = "postgresql://…"
    tables = ["orders"]                          # SQLite and CSV: all that may be read

    [slack.default]
    token = "slack-token"

    [jira.default]
    url = "https://jira.example"
    user = "robot@example.com"
    token = "jira-token"

    [mail.default]
    url = "smtps://smtp.example"                 # or smtp://smtp.example:587, which is encrypted by STARTTLS
    from = "Robot <robot@example.com>"
    user = "robot"
    password = "mail-password"

The rule kept here: a secret is sent only to the hosts that the user wrote beside it, whatever a template says, and its
value is shown nowhere.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from roadmap_cli.core import paths
from roadmap_cli.core.errors import ConfigError
from roadmap_cli.core.records import Record

FILE = "connections.toml"
_KNOWN: Mapping[str, frozenset[str]] = {
    "secret": frozenset({"file", "env", "credential", "hosts"}),
    "database": frozenset({"file", "files", "url", "password", "tables", "schema", "changes"}),
    "slack": frozenset({"url", "token", "channels", "history"}),
    "jira": frozenset({"url", "user", "token", "browse"}),
    "mail": frozenset({"url", "from", "user", "password"}),
}
_MOST_SECRET, _LEAST_REDACTED = 16 * 1024, 6


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and the hosts it may be sent to."""

    name: str
    hosts: tuple[str, ...]
    value: str = field(repr=False)

    def redacted(self, text: str) -> str:
        """A text without the value; one of a few signs cannot be told from other text, and stays."""
        return text.replace(self.value, f"[secret {self.name}]") if len(self.value) >= _LEAST_REDACTED else text


@dataclass(frozen=True, slots=True)
class Connections:
    """The user's file, looked at when something of it is asked for."""

    place: str
    tables: Mapping[str, Mapping[str, Record]]
    environ: Mapping[str, str] = field(repr=False)

    def get(self, sort: str, name: str) -> Record:
        """The entry ``[sort.name]``. Raises ConfigError if it is not there or holds what nobody knows."""
        found = self.tables.get(sort, {}).get(name)
        if found is None:
            raise ConfigError(
                f"there is no [{sort}.{name}] in {self.place}", hint=f"write it into {self.place}", code="no_connection"
            )
        unknown = sorted(set(found) - _KNOWN[sort])
        if unknown:
            known = ", ".join(sorted(_KNOWN[sort]))
            raise ConfigError(f"[{sort}.{name}] has unknown {unknown[0]!r}; known: {known}", where=self.place)
        return found

    def text(self, sort: str, name: str, key: str, default: str | None = None) -> str:
        """The text of a field. Raises ConfigError if it is missing and has no default."""
        value = self.get(sort, name).get(key, default)
        if not isinstance(value, str) or "\n" in value or "\0" in value:
            raise ConfigError(f"[{sort}.{name}] needs {key!r}, a text", where=self.place)
        return value

    def texts(self, sort: str, name: str, key: str) -> tuple[str, ...]:
        """The list of texts in a field; empty if it is not there."""
        value = self.get(sort, name).get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ConfigError(f"[{sort}.{name}]: {key!r} must be a list of texts", where=self.place)
        return tuple(value)

    def secret(self, name: str, host: str) -> Secret:
        """A secret for a host, spelled as in `Connections.host`. Raises ConfigError if it is not for that host."""
        hosts = tuple(each.lower() for each in self.texts("secret", name, "hosts"))
        if host.lower() not in hosts and host.rpartition(":")[0].lower() not in hosts:
            raise ConfigError(
                f"secret {name!r} is not for {host!r}",
                hint=f"add the host to 'hosts' of [secret.{name}] in {self.place} if it is meant",
                code="secret_refused",
            )
        value = self._value(name)
        if not value or not value.isprintable() or len(value) > _MOST_SECRET:
            raise ConfigError(f"secret {name!r} is empty or holds line breaks", where=self.place, code="bad_secret")
        return Secret(name, hosts, value)

    def _value(self, name: str, *, private: bool = True) -> str:
        entry = self.get("secret", name)
        given = [key for key in ("file", "env", "credential") if key in entry]
        if len(given) != 1:
            raise ConfigError(f"[secret.{name}] needs one of file, env and credential", where=self.place)
        word = self.text("secret", name, given[0])
        if given[0] == "env":
            if not self.environ.get(word):
                raise ConfigError(f"the variable {word} that should hold secret {name!r} is not set", code="no_secret")
            return self.environ[word].strip()
        if given[0] == "credential":
            folder = self.environ.get("CREDENTIALS_DIRECTORY", "")
            if not folder or "/" in word:
                raise ConfigError(f"no credential {word!r} for secret {name!r} from systemd", code="no_secret")
            return _content(Path(folder) / word, name, private=False)
        return _content(expanded(word, self.environ), name, private=private)

    def path(self, sort: str, name: str, key: str) -> Path:
        """A file of the user's. Raises ConfigError if it is not named absolutely."""
        found = expanded(self.text(sort, name, key), self.environ)
        if not found.is_absolute():
            raise ConfigError(f"[{sort}.{name}]: {key!r} must begin with / or ~", where=self.place)
        return found


def load(environ: Mapping[str, str]) -> Connections:
    """Read ``connections.toml``; without one there are none. Raises ConfigError if it cannot be read."""
    path = paths.config_directory(environ) / FILE
    found: dict[str, Any] = {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from None
    for sort, entries in found.items():
        if sort not in _KNOWN or not isinstance(entries, dict) or not all(map(_is_table, entries.values())):
            raise ConfigError(f"not a section of connections: [{sort}]", where=str(path))
    return Connections(str(path), found, environ)


def every(environ: Mapping[str, str]) -> list[Secret]:
    """All secrets that can be read here, the longest first: what must not stand in what is kept. Raises nothing.

    Passwords within the URLs of databases are among them.
    """
    try:
        found = load(environ)
    except ConfigError:
        return []
    values: dict[str, str] = {}
    for name in found.tables.get("secret", {}):
        with suppress(ConfigError):
            values.setdefault(found._value(name, private=False), name)
    for name, entry in found.tables.get("database", {}).items():
        with suppress(ValueError):
            password = urlsplit(str(entry.get("url", ""))).password or ""
            values.setdefault(password, f"of database {name}")
            values.setdefault(unquote(password), f"of database {name}")
    known = [Secret(name, (), value) for value, name in values.items() if value]
    return sorted(known, key=lambda each: -len(each.value))


def redacted_tail(text: str, secrets: Sequence[Secret], *, is_cut: bool) -> str:
    """A text without the values of secrets; of one that `is_cut` off before its end, the rest at the beginning, too."""
    if is_cut:
        ends = (
            (len(each.value) - at, each.name) for each in secrets if len(each.value) >= _LEAST_REDACTED
            for at in range(1, len(each.value)) if text.startswith(each.value[at:])
        )  # fmt: skip
        length, name = max(ends, default=(0, ""))
        text = f"[secret {name}]{text[length:]}" if length else text
    found: str = redacted(text, secrets)
    return found


def redacted(value: Any, secrets: Sequence[Secret]) -> Any:
    """A value, however deep, without the values of secrets."""
    if isinstance(value, str):
        for each in secrets:
            value = each.redacted(value)
        return value
    if isinstance(value, dict):
        return {redacted(key, secrets): redacted(each, secrets) for key, each in value.items()}
    return [redacted(each, secrets) for each in value] if isinstance(value, list) else value


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def expanded(text: str, environ: Mapping[str, str]) -> Path:
    """A path with ``~/`` for the home of the user."""
    return Path(environ.get("HOME") or Path.home(), text[2:]) if text.startswith("~/") else Path(text)


def _content(path: Path, name: str, *, private: bool) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - the mode of exactly the file that is read
            mode = os.fstat(descriptor).st_mode
            value = file.read(_MOST_SECRET + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"secret {name!r} cannot be read: {words}", where=str(path), code="no_secret") from None
    if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"others may read secret {name!r}", where=str(path), hint=f"chmod 600 {path}", code="open_secret"
        )
    return value
