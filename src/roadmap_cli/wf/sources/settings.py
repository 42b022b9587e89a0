"""What is said about a source: by options for one, in a file for several.

    http = "127.0.0.1:9095"             # where webhooks are served, loopback only

    [[source]]
    name = "alerts"                     # in words, in the position, in the events (listener)
    from = "alertmanager"
    path = "/alertmanager"              # default: / and the name
    bearer_file = "token"

    [[source]]
    name = "tickets"
    from = "jira-poll"
    place = "https://example.atlassian.net"
    user = "bot@example.org"
    secret_file = "jira.token"
    query = "project = OPS"
    pause = "1m"

Files are looked for beside the configuration.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from roadmap_cli.core.errors import ConfigError, InputMissing
from roadmap_cli.wf.sources import FOLLOWED, NAMES, WEBHOOKS, proofs

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]{0,200}\Z")
_EVERY = re.compile(r"([0-9]{1,6})(s|m|h)\Z")
_MOST_SECRET = 4096
_MOST_FILE = 1024 * 1024
_TEXTS = (
    "name", "from", "place", "path", "user", "query", "pattern", "api", "missed", "timezone", "pause",
    "authserv",
    "secret_file", "bearer_file", "hmac_file", "hmac_header", "hmac_prefix", "hmac_algorithm", "hmac_encoding",
    "hmac_timestamp_header", "hmac_joint",
)  # fmt: skip
_FLAGS = ("from_start", "open")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression of five fields, with the name of what it is for."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One source: how it is read, where it is, how a sender proves itself. Secrets are read, not shown."""

    name: str
    reader: str
    place: str = ""
    path: str = ""
    user: str = ""
    query: str = ""
    pattern: str = ""
    api: str = ""
    missed: str = ""
    timezone: str = ""
    authserv: str = ""
    every_s: float = 0.0
    from_start: bool = False
    is_named: bool = False
    proof: proofs.Proof | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    schedules: Sequence[Schedule] = ()

    @property
    def key(self) -> str:
        """What its position is kept under: its name, or else how it is read and where."""
        if self.is_named or not self.place:
            return self.name or self.reader
        return f"{self.reader}-{hashlib.sha256(f'{self.place} {self.user}'.encode()).hexdigest()[:8]}"

    @property
    def is_webhook(self) -> bool:
        """Whether it is sent to us."""
        return self.reader in WEBHOOKS

    @property
    def shown(self) -> str:
        """The address without what may be secret in it."""
        if "://" not in self.place:
            return self.place
        parts = urlsplit(self.place)
        return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


@dataclass(frozen=True, slots=True)
class Settings:
    """All sources, and where webhooks are served."""

    sources: tuple[Setting, ...]
    http: str = ""


def load(path: Path) -> Settings:
    """Read a configuration. Raises InputMissing, ConfigError with the file and the place in it."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_FILE + 1)
    except OSError as error:
        raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    if len(data) > _MOST_FILE:
        raise ConfigError("the configuration is larger than 1 MiB", where=str(path))
    try:
        found = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"not TOML: {str(error).lower()}", where=str(path), code="bad_config") from None
    try:
        return from_tables(found, path.resolve().parent)
    except ConfigError as error:
        if not error.where:
            error.where = str(path)
        raise


def from_tables(found: Mapping[str, Any], folder: Path) -> Settings:
    """The settings in parsed TOML. Raises ConfigError, InputMissing."""
    _known(found, ("http", "source"), "the configuration")
    http = found.get("http", "")
    tables = found.get("source", [])
    if not isinstance(http, str):
        raise _wrong("'http' must be text")
    if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
        raise _wrong("there is no [[source]]", "see wf-listen(1) for an example")
    sources = [_source(each, folder) for each in tables]
    for what in ("name", "path"):
        seen: set[str] = set()
        for each in sources:
            value = getattr(each, what) if what == "name" or each.is_webhook else ""
            if value and value in seen:
                raise _wrong(f"two sources have the {what} {value!r}")
            seen.add(value)
    if any(each.is_webhook for each in sources) and not http:
        raise _wrong("webhooks need an 'http' to be served at", 'write http = "127.0.0.1:9095"')
    return Settings(tuple(sources), http)


def _source(table: Mapping[str, Any], folder: Path) -> Setting:
    name = table.get("name")
    place = f"source {name!r}" if isinstance(name, str) else "a source"
    _known(table, (*_TEXTS, *_FLAGS), place)
    for key in _TEXTS:
        if key in table and not isinstance(table[key], str):
            raise _wrong(f"{key!r} of {place} must be text")
    for key in _FLAGS:
        if key in table and not isinstance(table[key], bool):
            raise _wrong(f"{key!r} of {place} must be true or false")
    if not isinstance(name, str) or not NAME.match(name):
        raise _wrong(f"{place} needs a name of small letters, digits, '-' and '_'")
    reader = table.get("from")
    if reader not in NAMES or reader == "jsonl":
        known = ", ".join(each for each in NAMES if each != "jsonl")
        raise _wrong(f"{place} is from {reader!r}, which is not known", f"known are {known}")
    path = table.get("path", f"/{name}")
    if not _PATH.match(path):
        raise _wrong(f"'path' of {place} is no path of a URL: {path!r}")
    place_text = table.get("place", "")
    if reader == "files" and place_text:
        place_text = str(folder / Path(place_text).expanduser())
    if reader in FOLLOWED and not place_text and reader not in ("cron", "slack-socket"):
        raise _wrong(f"{place} needs a 'place'")
    setting = Setting(
        name=name, reader=reader, place=place_text, path=path if reader in WEBHOOKS else "",
        user=table.get("user", ""), query=table.get("query", ""), pattern=table.get("pattern", ""),
        api=_chosen(table, "api", ("cloud", "server"), place), timezone=table.get("timezone", ""),
        authserv=table.get("authserv", ""),
        missed=_chosen(table, "missed", ("once", "all", "none"), place), every_s=every(table.get("pause", ""), place),
        from_start=table.get("from_start", False), is_named=True,
    )  # fmt: skip
    secret = _secret(table, "secret_file", folder)
    proof = _proof(table, reader, secret, folder, place)
    if reader in WEBHOOKS and proof is None and not table.get("open", False):
        raise _wrong(
            f"{place} takes deliveries from anybody",
            "give bearer_file, hmac_file or secret_file, or say open = true",
        )
    return replace(setting, secret=(secret or b"").decode("utf-8", "replace"), proof=proof)


def _proof(
    table: Mapping[str, Any], reader: str, secret: bytes | None, folder: Path, place: str
) -> proofs.Proof | None:
    bearer, keyed = _secret(table, "bearer_file", folder), _secret(table, "hmac_file", folder)
    if sum(each is not None for each in (bearer, keyed, secret if reader == "slack" else None)) > 1:
        raise _wrong(f"{place} has more than one kind of proof")
    if bearer is not None:
        return proofs.Bearer(bearer)
    if reader == "slack" and secret is not None:
        return proofs.Slack(secret)
    if keyed is None and reader in ("jira", "grafana", "webhook") and secret is not None:
        keyed = secret
    if keyed is None:
        return None
    algorithm = table.get("hmac_algorithm", "sha256")
    encoding = table.get("hmac_encoding", "hex")
    if algorithm not in proofs.ALGORITHMS:
        raise _wrong(f"'hmac_algorithm' of {place} must be one of {', '.join(proofs.ALGORITHMS)}")
    if encoding not in ("hex", "base64"):
        raise _wrong(f"'hmac_encoding' of {place} must be hex or base64")
    from roadmap_cli.wf.sources import grafana

    header = table.get("hmac_header", grafana.SIGNATURE if reader == "grafana" else "")
    return proofs.Hmac(
        keyed, header=header, prefix=table.get("hmac_prefix", "" if header else f"{algorithm}="),
        algorithm=algorithm, encoding=encoding, timestamp_header=table.get("hmac_timestamp_header", ""),
        joint=table.get("hmac_joint", ":"),
    )  # fmt: skip


def secret_of(path: Path) -> bytes:
    """The first line of a file that nobody but its owner should read. Raises InputMissing, ConfigError if empty."""
    try:
        with path.open("rb") as file:
            value = file.read(_MOST_SECRET).split(b"\n")[0].strip()
    except OSError as error:
        raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    if not value:
        raise ConfigError("the file with the secret is empty", where=str(path), code="no_secret")
    return value


def every(text: str, place: str = "it") -> float:
    """Seconds of a length of time such as 30s, 5m, 1h; 0 for none. Raises ConfigError."""
    if not text:
        return 0.0
    found = _EVERY.match(text)
    if not found or not 1 <= (seconds := int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]) <= 86400:
        raise _wrong(f"'pause' of {place} is no length of time: {text!r}", "write 30s, 5m or 1h")
    return float(seconds)


def _secret(table: Mapping[str, Any], key: str, folder: Path) -> bytes | None:
    return secret_of(folder / Path(table[key]).expanduser()) if key in table else None


def _chosen(table: Mapping[str, Any], key: str, choices: Sequence[str], place: str) -> str:
    value: str = table.get(key, "")
    if value and value not in choices:
        raise _wrong(f"{key!r} of {place} must be one of {', '.join(choices)}")
    return value


def _known(table: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in table:
        if key not in known:
            raise _wrong(f"unknown word {key!r} in {place}", f"known are {', '.join(known)}")


def _wrong(what: str, hint: str | None = None) -> ConfigError:
    return ConfigError(what, hint=hint, code="bad_config")


def from_options(
    reader: str, place: str, every_text: str, bearer_file: str | None, hmac_file: str | None, secret_file: str | None
) -> Setting:
    """The setting for one source that the options of wf-listen tell of. Raises ConfigError, InputMissing."""
    files = {"bearer_file": bearer_file, "hmac_file": hmac_file, "secret_file": secret_file}
    table = {key: value for key, value in files.items() if value}
    here = Path.cwd()
    secret = _secret(table, "secret_file", here)
    user = ""
    if reader == "jira-poll" and "://" in place and "@" in place:
        parts = urlsplit(place)
        user = unquote(parts.username or "")
        place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    if reader in FOLLOWED and not place and reader not in ("cron", "slack-socket"):
        raise _wrong(f"--from {reader} needs --place", "see 'wf-listen --help'")
    return Setting(
        name="", reader=reader, place=place, user=user, every_s=every(every_text, "the source"),
        proof=_proof(table, reader, secret, here, "the source"), secret=(secret or b"").decode("utf-8", "replace"),
    )  # fmt: skip
