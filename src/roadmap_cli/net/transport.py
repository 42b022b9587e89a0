"""The one guarded HTTP transport: nothing is sent that is not permitted, and nothing without a row in the audit.

Each attempt and each hop of a redirect is a request of its own: judged, written down, sent, completed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import ConfigError, RoadmapError, TryLater, Unavailable
from roadmap_cli.net import addresses, audit, backoff, permissions, routes
from roadmap_cli.net.response import Response, first_line, host_of

if TYPE_CHECKING:
    from roadmap_cli.state.store import State

RETRIED = frozenset({429, 500, 502, 503, 504})
#: Statuses after which a request may be repeated whatever its method: the server says it did nothing.
UNDONE = frozenset({429, 503})
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "api-key"})


@dataclass(frozen=True, slots=True)
class _Call:
    """What stays the same over the attempts and hops of one request."""

    purpose: str
    kinds: tuple[str, ...]
    timeout_s: float
    most_bytes: int
    named_by_user: bool
    judge: Callable[[str], None] | None = None


class Busy(TryLater):
    """A server asks to come again: after `retry_after_s` seconds, if it says so."""

    retry_after_s: float | None = None


class Transport:
    """Requests on behalf of one command.

    `named_by_user` in a request says that the user wrote this very host in the command being run: the command is the
    authorisation then, and is recorded as such. Otherwise a stored permission must cover host, purpose and kinds.
    This machine itself needs no permission. Everything is audited.
    """

    def __init__(
        self,
        state: State | None,
        *,
        command: str,
        offline: bool,
        now: Clock,
        environ: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._state = state
        self._command = command
        self._offline = offline
        self._now = now
        self._environ = environ or {}
        self._sleep = sleep
        self._dry_run = state is not None and state.dry_run
        self._clients: dict[tuple[str, str, int], Any] = {}
        self._own_state = False

    def separate(self) -> Transport:
        """A transport for another thread: the same rules and the same book, over a connection of its own to the state.

        Raises ValueError where there is none to be had: in a dry run, or without a state.
        """
        if self._state is None:
            raise ValueError("a transport without a state has no others beside it")
        other = Transport(
            self._state.sibling(), command=self._command, offline=self._offline, now=self._now, environ=self._environ,
            sleep=self._sleep,
        )  # fmt: skip
        other._own_state = True
        return other

    @property
    def may_separate(self) -> bool:
        """Whether `separate` can be used."""
        return self._state is not None and not self._dry_run and self._state.mode == "write"

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections kept open."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._own_state and self._state is not None:
            self._state.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        kinds: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout_s: float = 60.0,
        attempts: int = 4,
        repeatable: bool | None = None,
        most_bytes: int = 64 << 20,
        named_by_user: bool = False,
    ) -> tuple[Response, bytes]:
        """Send a request and read the whole answer.

        As `stream`, and an answer that breaks off is asked for again if the request is repeatable.
        """
        again = method in IDEMPOTENT if repeatable is None else repeatable
        for attempt in range(1, attempts + 1):
            try:
                with self.stream(
                    method,
                    url,
                    purpose=purpose,
                    kinds=kinds,
                    headers=headers,
                    content=content,
                    timeout_s=timeout_s,
                    attempts=attempts - attempt + 1,
                    repeatable=repeatable,
                    most_bytes=most_bytes,
                    named_by_user=named_by_user,
                ) as response:
                    return response, response.read()
            except Unavailable as error:
                if error.code != "cut_off" or not again or attempt == attempts:
                    raise
                self._sleep(backoff.pause(attempt, None, self._now()))
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        kinds: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout_s: float = 60.0,
        attempts: int = 4,
        repeatable: bool | None = None,
        most_bytes: int = 64 << 20,
        named_by_user: bool = False,
        judge: Callable[[str], None] | None = None,
    ) -> Iterator[Response]:
        """Send a request; the answer's body is read inside the `with` block.

        429, 5xx and failed connections are tried again after an exponential pause with jitter, or what Retry-After
        asks for; a request that is not `repeatable` (by default: POST and PATCH) only if the server did nothing.
        Statuses below 500 other than 429 are the caller's to judge. `judge` is called with the URL of each redirect
        before it is followed, and raises what it has against it.

        Raises ConfigError (not permitted, address refused), Unavailable (offline, no connection, answer broke off)
        and TryLater (429 or 5xx to the end, timed out).
        """
        call = _Call(purpose, tuple(kinds), timeout_s, most_bytes, named_by_user, judge)
        again = method in IDEMPOTENT if repeatable is None else repeatable
        attempt = 1
        while True:
            try:
                sent = self._follow(method, url, dict(headers or {}), content, call)
            except (Unavailable, TryLater) as error:
                undone = error.code == "no_connection"
                if attempt >= attempts or not (undone or (again and error.code == "timed_out")):
                    raise
                self._sleep(backoff.pause(attempt, None, self._now()))
                attempt += 1
                continue
            row_id, response = sent
            if response.status not in RETRIED:
                break
            asked = response.headers.get("retry-after")
            self._finish(row_id, response, "busy")
            wait_s = backoff.pause(attempt, asked, self._now())
            may_repeat = again or response.status in UNDONE
            if attempt >= attempts or not may_repeat or wait_s > backoff.LONGEST_PAUSE_S:
                raise _busy(response, asked, wait_s)
            self._sleep(wait_s)
            attempt += 1
        outcome = "failed"
        try:
            yield response
            outcome = "done"
        except RoadmapError as error:
            outcome = error.code if error.code == "cut_off" else "done"
            raise
        finally:
            self._finish(row_id, response, outcome)

    @contextmanager
    def by_program(
        self,
        program: str,
        *,
        host: str,
        what: str,
        purpose: str,
        kinds: Sequence[str] = (),
        bytes_out: int = 0,
        named_by_user: bool = True,
    ) -> Iterator[Callable[..., None]]:
        """Audit a network access that another program makes because the user's command asked for it.

        `host` is the host if it is known, else words for it. Unless it is `named_by_user` a stored permission must
        cover it, as in `stream`. Yields a function to call with the bytes received and, if they become known only
        later than `bytes_out`, those sent.
        Raises Unavailable when offline, ConfigError if not permitted.
        """
        received, sent = 0, bytes_out

        def note(count: int, out: int = bytes_out) -> None:
            nonlocal received, sent
            received, sent = count, out

        call = _Call(purpose, tuple(kinds), 0.0, 0, named_by_user)
        self._refuse_if_shut(host, program, what, call, bytes_out)
        permission_id = self._permission(host, 0, program, what, call, bytes_out)
        row_id = self._begin(host, program, what, call, bytes_out, "sending", permission_id)
        outcome = "failed"
        try:
            yield note
            outcome = "done"
        finally:
            if self._state is not None:
                audit.finish(self._state, row_id, outcome=outcome, status=None, bytes_in=received, bytes_out=sent)

    def admit(
        self, host: str, port: int, *, method: str, url: str, purpose: str, kinds: Sequence[str]
    ) -> tuple[Mapping[str, str], Callable[[str, int, int], None]]:
        """Let a connection that is no HTTP be opened (`net.stream`): judge it and commit its row in the audit.

        Returns the environment, and a function to be called once with outcome, bytes received and bytes sent.
        Raises ConfigError (not permitted) and Unavailable (offline, dry run), as `stream` does.
        """
        call = _Call(purpose, tuple(kinds), 0.0, 0, named_by_user=False)
        self._refuse_if_shut(host, method, url, call, 0)
        permission_id = self._permission(host, port, method, url, call, 0)
        row_id = self._begin(host, method, url, call, 0, "sending", permission_id)

        def done(outcome: str, received: int, sent: int) -> None:
            if self._state is not None:
                audit.finish(self._state, row_id, outcome=outcome, status=None, bytes_in=received, bytes_out=sent)

        return self._environ, done

    def _follow(
        self, method: str, url: str, headers: dict[str, str], content: bytes, call: _Call
    ) -> tuple[str, Response]:
        for _ in range(MAX_REDIRECTS + 1):
            row_id, response = self._send(method, url, headers, content, call)
            target = response.headers.get("location")
            if response.status not in REDIRECTS or not target:
                return row_id, response
            self._finish(row_id, response, "redirected")
            onward = urljoin(url, target)
            if call.judge:
                call.judge(onward)
            old, new = urlsplit(url), urlsplit(onward)
            if old.scheme == "https" and new.scheme != "https":
                raise ConfigError(
                    f"{old.hostname!r} redirects to an address without encryption: {audit.bare_url(onward)}"
                )
            if (old.scheme, old.hostname, old.port) != (new.scheme, new.hostname, new.port):
                if call.named_by_user and (new.scheme != "https" or call.kinds or content):
                    raise ConfigError(
                        f"{old.hostname!r} redirects to {new.hostname!r}, which the command did not name",
                        code="not_permitted",
                    )
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, content = "GET", b""
                headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
            url = onward
        raise Unavailable(f"{host_of(url)!r} redirects without end")

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, call: _Call
    ) -> tuple[str, Response]:
        import httpx

        parts = urlsplit(url)
        host, port = _place(url)
        self._refuse_if_shut(host, method, url, call, len(content))
        permission_id = self._permission(host, port, method, url, call, len(content))
        row_id = self._begin(host, method, url, call, len(content), "sending", permission_id)
        proxy = routes.proxy(parts.scheme, host, self._environ)
        try:
            client = self._client(parts.scheme, host, port, proxy)
            places = [host] if proxy else addresses.resolve(host, port)
            raw = self._connect(client, method, url, host, places, headers, content, call.timeout_s)
        except ConfigError:
            self._fail(row_id, "address_refused")
            raise
        except httpx.ConnectTimeout as error:
            self._fail(row_id, "no_connection")
            raise TryLater(f"{host!r} takes no connection", code="no_connection") from error
        except httpx.TimeoutException as error:
            self._fail(row_id, "timed_out")
            raise TryLater(f"{host!r} did not answer in {call.timeout_s:g} s", code="timed_out") from error
        except (httpx.ConnectError, httpx.ProxyError, OSError) as error:
            self._fail(row_id, "no_connection")
            raise Unavailable(f"no connection to {host!r}: {first_line(error)}", code="no_connection") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            self._fail(row_id, "cut_off")
            raise Unavailable(f"{host!r} broke off: {first_line(error)}", code="cut_off") from error
        return row_id, Response(url, raw.status_code, raw.headers, raw, call.most_bytes)

    def _connect(
        self,
        client: Any,
        method: str,
        url: str,
        host: str,
        places: Sequence[str],
        headers: Mapping[str, str],
        content: bytes,
        timeout_s: float,
    ) -> Any:
        """Send to the first address that takes the connection, under the name the user wrote."""
        import httpx

        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0))
        target = httpx.URL(url)
        lasting: Exception = httpx.ConnectError(f"no address for {host!r}")
        for place in places:
            request = client.build_request(
                method,
                target.copy_with(host=place),
                headers={**headers, "Host": target.netloc.decode().rpartition("@")[2]},
                content=content or None,
                timeout=timeout,
                extensions={"sni_hostname": host.strip("[]")},
            )
            try:
                return client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                lasting = error
        raise lasting

    def _permission(self, host: str, port: int, method: str, url: str, call: _Call, size: int) -> str | None:
        if addresses.is_loopback(host) or call.named_by_user or self._state is None:
            return None
        with self._state.read() as tx:
            found = permissions.find(tx, host=host, port=port, purpose=call.purpose, kinds=call.kinds, at=self._now())
        if found is not None:
            return found.id
        self._begin(host, method, url, call, size, "refused", None)
        raise ConfigError(
            f"no permission to send {_kinds(call.kinds)} to {host!r} for {call.purpose!r}",
            hint=f"roadmap-permit add {host} --purpose {call.purpose}"
            + "".join(f" --kind {kind}" for kind in call.kinds),
            code="not_permitted",
        )

    def _refuse_if_shut(self, host: str, method: str, url: str, call: _Call, size: int) -> None:
        if self._state is None:
            raise ConfigError(f"no state file to write a request to {host!r} into", code="not_audited")
        if addresses.is_loopback(host):
            return
        if self._offline:
            self._begin(host, method, url, call, size, "offline", None)
            raise Unavailable(f"offline: {host!r} is not asked", hint="leave out --offline", code="offline")
        if self._dry_run:
            raise Unavailable(f"a dry run sends nothing to {host!r}", hint="leave out --dry-run", code="dry_run")

    def _begin(
        self, host: str, method: str, url: str, call: _Call, size: int, outcome: str, permission_id: str | None
    ) -> str:
        if self._state is None:
            raise ConfigError(f"no state file to write a request to {host!r} into", code="not_audited")
        return audit.begin(
            self._state,
            at=self._now(),
            command=self._command,
            host=host,
            method=method,
            url=url,
            purpose=call.purpose,
            kinds=call.kinds,
            bytes_out=size,
            outcome=outcome,
            permission_id=permission_id,
        )

    def _finish(self, row_id: str, response: Response, outcome: str) -> None:
        received = response.close()
        if self._state is not None:
            audit.finish(
                self._state,
                row_id,
                outcome=outcome,
                status=response.status,
                bytes_in=received,
            )

    def _fail(self, row_id: str, outcome: str) -> None:
        if self._state is not None:
            audit.finish(self._state, row_id, outcome=outcome, status=None, bytes_in=0)

    def _client(self, scheme: str, host: str, port: int, proxy: str | None) -> Any:
        """One client for each origin: a connection opened under one name never carries another's requests."""
        import httpx

        key = (scheme, host, port)
        if key not in self._clients:
            trust: Any = routes.trust(self._environ) if scheme == "https" else False
            transport = httpx.HTTPTransport(verify=trust, proxy=proxy, trust_env=False)
            self._clients[key] = httpx.Client(transport=transport, trust_env=False, follow_redirects=False)
        return self._clients[key]


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise ConfigError(f"not a web address: {audit.bare_url(url) if port != -1 else url!r}", code="bad_url")
    return permissions.host_name(_bracket(parts.hostname)), port or (443 if parts.scheme == "https" else 80)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _busy(response: Response, asked: str | None, wait_s: float) -> Busy:
    host = host_of(response.url)
    words = "is asked too often" if response.status == 429 else "cannot answer now"
    hint = f"it asks to wait: {asked}" if asked else None
    busy = Busy(f"{host!r} {words} ({response.status})", hint=hint, code=f"http_{response.status}")
    busy.retry_after_s = wait_s if asked else None
    return busy


def _kinds(kinds: Sequence[str]) -> str:
    return ", ".join(kinds) if kinds else "anything"
