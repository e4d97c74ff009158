"""Ports for programs that a test starts: a number that is free now must still be free when the program binds it.

Processes of tests run side by side. Each claims a block of ports for as long as it lives, below those that the
system hands out by itself (ip_local_port_range): no other process of tests, no client and no socket on port 0 gets one.
"""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress

_FIRST = 10_000
_BLOCK = 200
_BLOCKS = 110
"""Up to 31 999; the system's own begin at 32 768."""


def _claim() -> tuple[socket.socket, int]:
    """A name that one process at a time can have, and that goes with it; the first port of the block it stands for."""
    for number in range(_BLOCKS):
        first = _FIRST + (os.getpid() + number) % _BLOCKS * _BLOCK
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0nftui-tests-ports-{first}")
        except OSError:
            claim.close()
        else:
            return claim, first
    raise AssertionError("all blocks of ports are taken")


_CLAIM, _START = _claim()
_NEXT = itertools.cycle(range(_START, _START + _BLOCK))


def free_port() -> int:
    """A port that nobody has, for UDP and TCP over IPv4 and IPv6; it is given again after all others of the block."""
    for port in itertools.islice(_NEXT, _BLOCK):
        if all(_free(kind, port) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return port
    raise AssertionError(f"all ports from {_START} on are taken")


def _free(kind: socket.SocketKind, port: int) -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6, kind) as probe:
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(("::", port))
        return True
    return False
