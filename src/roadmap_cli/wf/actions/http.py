"""Sending the request of an ``http`` step, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from roadmap_cli.core.errors import DataError, RoadmapError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import Context, once, succeeded
from roadmap_cli.wf.actions import connections as known
from roadmap_cli.wf.actions.connections import Secret
from roadmap_cli.wf.actions.watching import over_network
from roadmap_cli.wf.language import placeholders, scope
from roadmap_cli.wf.language.services import fields
from roadmap_cli.wf.language.services import http as asked

#: For which use the user's permission of a host must be.
PURPOSE = "workflow"
#: Headers of an answer that later steps may want.
_TOLD = (
    "content-type", "etag", "last-modified", "location", "retry-after", "x-request-id", "x-ratelimit-remaining",
    "link", "date",
)  # fmt: skip
#: Statuses beyond those of the transport after which another try may succeed (RFC 9110, RFC 8470).
_TRANSIENT = frozenset({408, 425})


def perform(spec: Record, step: Record, context: Context) -> Record:
    """The outcome of the request; what is not idempotent is sent at most once for the key of the step."""
    secrets = _secrets(spec, context)
    url, headers, content = _built(spec, context, secrets)

    def work(transport: Transport) -> Any:
        return _exchange(transport, spec, step, context, url, headers, content, secrets)

    def over() -> Any:
        return over_network(context, work, timeout_s=step["timeout_s"])

    if spec["method"] in asked.READING:
        return succeeded(over())
    return once.send(spec, step, context, work=over, resources=asked.resources(spec), is_repeatable=spec["idempotent"])


def _exchange(
    transport: Transport,
    spec: Record,
    step: Record,
    context: Context,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    secrets: list[Secret],
) -> Any:
    judge = _Judge(spec, context)
    with transport.stream(
        spec["method"], url, purpose=PURPOSE, headers=headers, content=content,
        timeout_s=min(step["timeout_s"], 300.0), attempts=1, judge=judge,
    ) as response:  # fmt: skip
        data = bytearray()
        for chunk in response.chunks():
            data += chunk
            if len(data) > spec["most_bytes"]:
                raise DataError(f"the answer is longer than {spec['most_bytes']} bytes", code="too_long")
        status, told = response.status, {key: response.headers[key] for key in _TOLD if key in response.headers}
    is_expected = status in spec["expect"] if "expect" in spec else 200 <= status < 300
    body = _read(bytes(data), told.get("content-type", ""))
    if not is_expected:
        raise _refusal(urlsplit(url).hostname or "", status, known.redacted(body, secrets), told)
    output = {"status": status, "headers": told} | ({} if spec["method"] == "HEAD" else {"body": body})
    return known.redacted(output, secrets)


class _Judge:
    """What a redirect must keep to: it is asked for, stays in the scope, and takes no secret elsewhere."""

    def __init__(self, spec: Record, context: Context):
        self._spec, self._context = spec, context

    def __call__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or "?"
        if not self._spec["redirects"]:
            what = f"the answer is a redirect to {host!r}"
            raise DataError(what, hint="write 'redirects: true' if it shall be followed", code="redirected")
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        scope.refuse_outside(asked.resources({"origin": origin}), self._context.scope)
        if "secret" in self._spec and origin != self._spec["origin"]:
            raise DataError(f"a redirect to {host!r} would take a secret along", code="redirected")


def _refusal(host: str, status: int, body: Any, headers: Mapping[str, str]) -> RoadmapError:
    said = " ".join(placeholders.as_text(body).split())[:200] if body not in ("", None) else ""
    words = f"{host!r} answers {status}" + (f": {said}" if said else "")
    if status in _TRANSIENT:
        return TryLater(words, code=f"http_{status}")
    if status >= 500:
        return DataError(words, code=f"http_{status}")
    return once.Refusal(words, code=f"http_{status}")


def _secrets(spec: Record, context: Context) -> list[Secret]:
    if "secret" not in spec:
        return []
    host = asked.resources(spec)[0].removeprefix("host:")
    return [known.load(context.environ).secret(spec["secret"]["name"], host)]


def _built(spec: Record, context: Context, secrets: list[Secret]) -> tuple[str, dict[str, str], bytes]:
    """URL, headers and content. Raises DataError for values that have no place in them."""
    parts = []
    for part in spec["path"]:
        text = fields.plain(part, "a part of the URL's path")
        if text in ("", ".", ".."):
            raise DataError(f"{text!r} has no place in the path of a URL", code="bad_url")
        parts.append(quote(text, safe="!$&'()*+,;=:@~"))
    url = "/".join([spec["origin"], *parts]) + ("/" if spec["folder"] or not parts else "")
    if spec["query"]:
        url += "?" + urlencode(
            [(fields.plain(key, "the query"), fields.plain(each, "the query")) for key, each in spec["query"]]
        )
    headers = {"User-Agent": "roadmap-wf", "Accept": "application/json, */*;q=0.5"}
    for name, value in spec.get("headers", {}).items():
        headers[name] = header(value, name)
    content = b""
    if "form" in spec:
        form = [(str(key), fields.plain(each, "the form")) for key, each in spec["form"].items()]
        content = urlencode(form).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    elif "body" in spec:
        is_text = isinstance(spec["body"], str)
        content = spec["body"].encode(errors="replace") if is_text else _json(spec["body"])
        headers.setdefault("Content-Type", "text/plain; charset=utf-8" if is_text else "application/json")
    if spec["method"] not in asked.READING:
        headers["Idempotency-Key"] = context.key
    for each in secrets:
        headers[spec["secret"]["header"]] = spec["secret"]["prefix"] + each.value
    return url, headers, content


def header(value: Any, name: str) -> str:
    """A value as that of a header. Raises DataError for line breaks and what is not Latin-1 (RFC 9110, 5.5)."""
    text = fields.plain(value, f"header {name!r}")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in text if sign != "\t") or not _is_latin(text):
        raise DataError(f"header {name!r} would hold a sign that no header holds", code="bad_header")
    return text.strip()


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _json(value: Any) -> bytes:
    import orjson

    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise DataError(f"the body is not JSON: {str(error).lower()}", code="bad_body") from None


def _read(data: bytes, sort: str) -> Any:
    """JSON if it says so and is; text if it is text; else base64."""
    import base64

    import orjson

    name = sort.partition(";")[0].strip().lower()
    if name == "application/json" or name.endswith("+json"):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
    charset = next((part.partition("=")[2].strip("\" '") for part in sort.split(";")[1:] if "charset" in part), "utf-8")
    try:
        return data.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return {"base64": base64.b64encode(data).decode()}
