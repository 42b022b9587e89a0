"""A loopback page with the metrics, for a Prometheus that scrapes; read-only, one answer at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from roadmap_cli.wf import loopback

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def serving(place: tuple[str, int], text: Callable[[], str]) -> Iterator[tuple[int, Callable[[], None]]]:
    """The port, and what answers one request (waiting at most half a second for it). Raises CannotCreate if taken."""
    handler = type("Handler", (_Handler,), {"text": staticmethod(text)})
    server = loopback.server(place, handler)
    try:
        yield server.server_address[1], server.handle_request
    finally:
        server.server_close()


class _Handler(loopback.Handler):
    text: Callable[[], str]

    def do_GET(self) -> None:
        """``/metrics``, and nothing else."""
        if self.path.partition("?")[0] != "/metrics":
            self._reply(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "there is only /metrics\n")
            return
        self._reply(HTTPStatus.OK, CONTENT_TYPE, type(self).text())

    def _reply(self, status: int, sort: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", sort)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
