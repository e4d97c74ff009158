"""`nftui serve`: the screen in a browser."""

from __future__ import annotations

import errno
import ipaddress
import shlex
import socket
import sys

import click

from nftui.cli.diagnostics import say
from nftui.errors import ListenError, UsageError

EPILOG = """\b
Examples:
  nftui serve                               on this machine, at the address that is printed
  nftui serve -- --read-only --store flows  options of the screen stand after --
  nftui serve --port 8080 -- demo           the demo

\b
From another machine, through SSH, without opening a port:
  ssh -L 8000:127.0.0.1:8000 HOST           then open the printed address there

Every browser tab is a process of its own: the first one collects, the others look at its store. Whoever has the
printed address can use the screen; it holds a secret that is new with every start. Nothing is encrypted: listen on
other addresses than loopback only behind something that does.
"""


@click.command(epilog=EPILOG)
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Address to listen on. [127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, metavar="N", help="Port to listen on. [8000]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(host: str, port: int, arguments: tuple[str, ...]) -> int:
    """Show the screen in a browser, on this machine unless told otherwise."""
    try:
        from nftui.cli.web_server import WebServer
    except ModuleNotFoundError as error:
        raise UsageError(f"the screen in a browser needs {error.name}: pip install 'nftui[web]'") from None
    loopback = _is_loopback(host)
    _require_free(host, port)
    # `exec`: without it the shell in between would live on when the server ends.
    command = "exec " + shlex.join([sys.executable, "-m", "nftui", *arguments])
    server = WebServer(command, host, port)
    say(f"nftui: the screen is at {server.address()}")
    if loopback:
        say(f"nftui: from another machine: ssh -L {port}:{host}:{port} HOST, then open the same address there")
    else:
        say("nftui: not encrypted, and open to everybody who learns this address")
    server.serve()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise UsageError(f"--host {host!r}: an address such as 127.0.0.1 or ::1, not a name") from None


def _require_free(host: str, port: int) -> None:
    """Say in one line that a port is taken, before anything starts."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            hint = "; --port takes another one" if error.errno == errno.EADDRINUSE else ""
            raise ListenError(f"{host} port {port}: {error.strerror}{hint}") from error
