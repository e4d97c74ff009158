"""OpenMetrics over HTTP: one page, off unless asked for, on loopback unless told otherwise.

One request at a time, each with a deadline: whoever connects and says nothing costs a moment, not a thread.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer

from nftui.engine.ingest.udp import Endpoint, parse_endpoint
from nftui.engine.metrics import CONTENT_TYPE
from nftui.errors import ListenError

LOOPBACK = "127.0.0.1"
PATH = "/metrics"
_DEADLINE_SECONDS = 3.0
_LOOK_SECONDS = 0.2


class MetricsServer:
    """Serves what a function says.

    Args:
        place: `[HOST:]PORT`; without a host on loopback, `*:PORT` is every address.
        text: makes the page.

    Raises:
        UsageError: not an address.
    """

    def __init__(self, place: str, text: Callable[[], str]) -> None:
        self._endpoint = parse_endpoint(place, LOOPBACK)
        self._text = text
        self._server: TCPServer | None = None

    @property
    def label(self) -> str:
        """Where it is, `http://HOST:PORT/metrics`; empty when it is closed."""
        if self._server is None:
            return ""
        host, port = self._server.server_address[:2]
        return f"http://{Endpoint(str(host), int(port)).label}{PATH}"

    def open(self) -> None:
        """Open the port.

        Raises:
            ListenError: it cannot be opened.
        """
        endpoint = self._endpoint
        text = self._text

        class Handler(_Handler):
            page = staticmethod(text)

        class Server(_Server):
            address_family = socket.AF_INET6 if ":" in endpoint.host or not endpoint.host else socket.AF_INET

        try:
            self._server = Server((endpoint.host or "::", endpoint.port), Handler)
        except OSError as error:
            raise ListenError(f"cannot serve metrics on {endpoint.label}: {error.strerror or error}") from error

    def run(self, stopping: threading.Event) -> None:
        """Body of the metrics thread."""
        while self._server is not None and not stopping.is_set():
            self._server.handle_request()

    def close(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.server_close()
            self._server = None


class _Server(TCPServer):
    allow_reuse_address = True
    timeout = _LOOK_SECONDS

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that hung up is no event."""


class _Handler(BaseHTTPRequestHandler):
    page: Callable[[], str]
    timeout = _DEADLINE_SECONDS
    server_version = "nftui"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._deadline = threading.Timer(_DEADLINE_SECONDS, self._cut)
        self._deadline.daemon = True
        self._deadline.start()

    def finish(self) -> None:
        self._deadline.cancel()
        super().finish()

    def do_GET(self) -> None:
        """The one page."""
        if self.path.partition("?")[0] != PATH:
            self.send_error(404)
            return
        body = self.page().encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: standard error belongs to the collector."""

    def _cut(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
