"""The server behind `nftui serve`: textual-serve with a guard before it.

textual-serve runs one program per browser tab and asks nobody who he is. Any page in the user's browser could open a
WebSocket to it, and any user of the machine could connect to the port. Here a request needs a secret, which the
printed address carries and a cookie then holds, and must come from a page of this server.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

_COOKIE = "nftui"
_MOST_SCREENS = 8
"""Tabs at a time; each is a process."""

_PAGE = Path(__file__).parent / "page"


class WebServer(Server):
    """Serves a command's screen.

    Args:
        command: command line of the program, quoted for the shell that textual-serve starts it by.
        host: address to listen on.
        port: port to listen on.
    """

    def __init__(self, command: str, host: str, port: int) -> None:
        super().__init__(command, host, port, title="nftui", templates_path=_PAGE)
        self.secret = secrets.token_urlsafe(18)
        self._screens = 0

    def address(self) -> str:
        """What is typed into the browser; holds the secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?token={self.secret}"

    def initialize_logging(self) -> None:
        """Log nothing: requests carry the secret."""

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the command line has said it."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard())
        return app

    def _guard(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            typed = request.query.get("token", "")
            if request.path == "/" and self._is_secret(typed):
                answer = web.HTTPFound("/")
                answer.set_cookie(_COOKIE, self.secret, httponly=True, samesite="Strict")
                return answer
            if not self._is_secret(request.cookies.get(_COOKIE, "")):
                raise web.HTTPForbidden(text="Open the address that `nftui serve` printed: it holds a secret.\n")
            if not _same_origin(request):
                raise web.HTTPForbidden(text="Not from a page of another server.\n")
            if request.path != "/ws":
                return await handler(request)
            if self._screens >= _MOST_SCREENS:
                raise web.HTTPServiceUnavailable(text=f"{_MOST_SCREENS} screens are open already.\n")
            self._screens += 1
            try:
                return await handler(request)
            finally:
                self._screens -= 1

        return guard

    def _is_secret(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self.secret.encode())


def _same_origin(request: web.Request) -> bool:
    """Whether the page that asks came from here; a browser always says so for a WebSocket."""
    origin = request.headers.get("Origin", "")
    if not origin:
        return request.path != "/ws"
    return urlsplit(origin).netloc == request.host
