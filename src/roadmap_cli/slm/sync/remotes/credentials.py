"""Names and passwords for a remote: from a file of mode 0600, or the environment; never from an argument."""

from __future__ import annotations

from collections.abc import Mapping

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.slm.sync.remotes.place import Remote
from roadmap_cli.state import identity

#: What each type takes: name in the file → environment variable.
NAMES = {
    "webdav": {"user": "ROADMAP_WEBDAV_USER", "password": "ROADMAP_WEBDAV_PASSWORD", "token": "ROADMAP_WEBDAV_TOKEN"},
    "s3": {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
    },
}
_NEEDED = {"s3": ("access_key_id", "secret_access_key")}


def read(remote: Remote, environ: Mapping[str, str]) -> dict[str, str]:
    """The credentials of a remote, empty if there are none. Raises ConfigError if they cannot be used."""
    names = NAMES.get(remote.type, {})
    path = remote.options.get("credentials")
    if path:
        found = _parsed(
            identity.read_file(path, "credentials", hint=f"slm-sync add-remote {remote.name} --credentials"),
            path,
            names,
        )
    else:
        found = {name: environ[variable] for name, variable in names.items() if environ.get(variable)}
    missing = [name for name in _NEEDED.get(remote.type, ()) if name not in found]
    if missing:
        raise ConfigError(
            f"remote {remote.name!r} needs {' and '.join(missing)}",
            hint=f"put 'NAME = VALUE' lines into a file of mode 0600 and name it with --credentials, or set"
            f" {' and '.join(names[name] for name in missing)}",
            code="no_credentials",
        )
    return found


def _parsed(content: bytes, path: str, names: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith(("#", "[")):
            continue
        name, sign, value = (part.strip() for part in text.partition("="))
        name = name.lower().removeprefix("aws_")
        if not sign or name not in names:
            raise ConfigError(
                f"not a line of credentials: it should be one of {', '.join(names)}, '=', and its value",
                where=f"{path}:{number}",
            )
        found[name] = value
    return found
