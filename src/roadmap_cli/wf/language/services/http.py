"""Action ``http``: one request through the guarded transport.

The rule kept here: the template says where a request goes. A value that is put into a URL stays within its part of the
path or its parameter, whatever signs it holds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.language.services import fields

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READING = frozenset({"GET", "HEAD"})
#: Most bytes of an answer that are taken.
MOST_BYTES = 512 * 1024
_FIELDS = (
    "method", "url", "query", "headers", "body", "form", "secret", "idempotent", "redirects", "expect", "most_bytes",
)  # fmt: skip
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]{0,252})(:[0-9]{1,5})?\Z")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
#: Headers that decide how the request travels; they are the transport's.
_FORBIDDEN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive",
     "proxy-authorization", "authorization", "cookie", "idempotency-key"}
)  # fmt: skip


def read(reader: Reader, value: Any, way: Way) -> Record:
    """The request: ``method``, ``origin``, ``path`` (its parts), ``query``, ``headers``, ``body`` or ``form``, …"""
    table = reader.table(value, way, _FIELDS, ("url",))
    method = fields.choice(reader, table, way, "method", METHODS, "GET")
    found: Record = {"method": method, **_url(reader, table, way)}
    extra: dict[str, Any] = reader.take(table, way, "query", dict, {})
    found["query"] = [*found["query"], *([str(key), each] for key, each in extra.items())]
    headers: dict[str, Any] = reader.take(table, way, "headers", dict, {})
    for key, each in headers.items():
        if not _HEADER.match(str(key)) or str(key).lower() in _FORBIDDEN_HEADERS:
            hint = "; use 'secret'" if str(key).lower() in ("authorization", "cookie") else ""
            reader.fault((*way, "headers", key), "bad_header", f"a step may not set header {str(key)[:60]!r}{hint}")
        if isinstance(each, dict | list | bool) or each is None:
            reader.fault((*way, "headers", key), "wrong_type", f"header {str(key)[:60]!r} must be text")
    if headers:
        found["headers"] = {str(key): str(each) for key, each in headers.items()}
    if "body" in table and "form" in table:
        reader.fault(way, "bad_body", "'body' and 'form' exclude each other")
    if "body" in table:
        found["body"] = table["body"]
    elif "form" in table:
        found["form"] = reader.take(table, way, "form", dict, {})
    if "secret" in table:
        found["secret"] = _secret(reader, table["secret"], (*way, "secret"))
    found["idempotent"] = reader.take(table, way, "idempotent", bool, method in (*READING, "PUT", "DELETE"))
    found["redirects"] = reader.take(table, way, "redirects", bool, False)
    found["most_bytes"] = int(reader.number(table, way, "most_bytes", 0, MOST_BYTES, 256 * 1024))
    expect = [int(each) for each in reader.texts(table, way, "expect") if each.isdigit() and len(each) == 3]
    if "expect" in table:
        found["expect"] = expect
    return found


def _url(reader: Reader, table: dict[str, Any], way: Way) -> Record:
    url: str = reader.take(table, way, "url", str, "")
    nothing: Record = {"origin": "", "path": [], "folder": False, "query": []}
    # A placeholder has no '/', '?' or '#' in its name, so the parts of a URL can be told before values are put in.
    try:
        parts = urlsplit(url.strip())
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        reader.fault((*way, "url"), "bad_url", f"not a URL: {url[:100]!r}")
        return nothing
    if any(True for _ in placeholders.names(origin)) or not _ORIGIN.match(origin):
        message = f"'url' must begin with http:// or https:// and a host, both as text: {url[:100]!r}"
        reader.fault((*way, "url"), "bad_url", message)
        return nothing
    is_folder = parts.path.endswith("/")
    path = [unquote(each) for each in parts.path.split("/")[1 : -1 if is_folder else None]]
    if any(each in ("", ".", "..") for each in path):
        reader.fault((*way, "url"), "bad_url", f"'//', '.' and '..' have no place in a URL: {url[:100]!r}")
        return nothing
    query = [part.partition("=") for part in parts.query.split("&") if part]
    return {
        "origin": origin,
        "path": path,
        "folder": is_folder,
        "query": [[unquote(key.replace("+", " ")), unquote(each.replace("+", " "))] for key, _, each in query],
    }


def _secret(reader: Reader, value: Any, way: Way) -> Record:
    if isinstance(value, str):
        value = {"name": value}
    table = reader.table(value, way, ("name", "header", "prefix"), ("name",))
    header: str = reader.take(table, way, "header", str, "Authorization")
    if not _HEADER.match(header) or header.lower() in _FORBIDDEN_HEADERS - {"authorization", "cookie"}:
        reader.fault((*way, "header"), "bad_header", f"a secret may not go into header {header[:60]!r}")
        header = "Authorization"
    prefix = fields.literal(reader, table, way, "prefix", "it goes before a secret", "Bearer ")
    return {"name": fields.name(reader, table, way, "name"), "header": header, "prefix": prefix}


def settled(spec: Record) -> Record:
    """The request with its values; they are held against their places when it is built."""
    return spec


def needed(spec: Record) -> list[str]:
    """The host it talks to, and the secret it uses."""
    secret = [f"secret:{spec['secret']['name']}"] if "secret" in spec else []
    return [f"connect:{_host(spec)}", *secret]


def resources(spec: Record) -> list[str]:
    """The host, with its port if it is not that of the scheme."""
    return [f"host:{_host(spec)}"]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Network; what is not GET or HEAD changes something there."""
    if spec["method"] in READING:
        return [("network",)]
    return [("network",), ("delete",) if spec["method"] == "DELETE" else ("message", "change", "access", "money")]


def _host(spec: Record) -> str:
    parts = urlsplit(spec["origin"])
    usual = 443 if parts.scheme == "https" else 80
    host = (parts.hostname or "").lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"
