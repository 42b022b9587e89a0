"""The way to a host that the user's environment prescribes: proxies, and whose certificates are trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.net import addresses


def proxy(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """The proxy for a host by ``https_proxy``, ``http_proxy``, ``all_proxy`` and ``no_proxy``; never for this machine.

    ``HTTP_PROXY`` in capitals is ignored, as in curl: a CGI request could set it.
    """
    if addresses.is_loopback(host):
        return None
    bypass = [word.strip().removeprefix("*").removeprefix(".") for word in _get(environ, "no_proxy").split(",")]
    if _get(environ, "no_proxy").strip() == "*" or any(
        host == word or host.endswith(f".{word}") for word in bypass if word
    ):
        return None
    own = environ.get("http_proxy", "") if scheme == "http" else _get(environ, f"{scheme}_proxy")
    return own or _get(environ, "all_proxy") or None


def _get(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper(), "")


def trust(environ: Mapping[str, str]) -> Any:
    """The certificates to trust: ``SSL_CERT_FILE`` if set, else the system's and those httpx brings."""
    import ssl

    import certifi

    try:
        if environ.get("SSL_CERT_FILE"):
            return ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
        context = ssl.create_default_context(cafile=certifi.where())
        context.load_default_certs()
    except OSError as error:
        raise ConfigError(f"certificates cannot be read: {error}") from error
    return context
