"""What Linux says about UDP sockets in /proc/net/udp and udp6: datagrams dropped, and who holds a port.

The number that travels with datagrams (SO_RXQ_OVFL) tells of drops only with the next datagram that is queued;
after the last burst of the day that may be never. The table tells at once, by the socket's inode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))


class SocketRow(NamedTuple):
    """One UDP socket of this network namespace. `drops` is the kernel's u32 total."""

    port: int
    inode: int
    drops: int


def sockets(tables: tuple[Path, ...] = TABLES) -> Iterator[SocketRow]:
    """All UDP sockets; none where the system has no such tables."""
    for table in tables:
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                words = line.split()
                with suppress(ValueError, IndexError):
                    yield SocketRow(int(words[1].rpartition(":")[2], 16), int(words[9]), int(words[12]))


def drops_by_inode(tables: tuple[Path, ...] = TABLES) -> dict[int, int]:
    """Datagrams that the kernel dropped, by the socket's inode, modulo 2^32."""
    return {row.inode: row.drops for row in sockets(tables)}


def holder(port: int) -> str | None:
    """Who has bound a UDP port, as `nfcapd, pid 4711`; None when it cannot be seen."""
    wanted = {f"socket:[{row.inode}]" for row in sockets() if row.port == port}
    if not wanted:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(handle.readlink()) in wanted for handle in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()}, pid {process.name}"
    return None


class DropCounter:
    """Adds up a u32 counter that is seen from two sides and wraps."""

    def __init__(self) -> None:
        self._seen = 0

    def observe(self, value: int) -> int:
        """Datagrams dropped since the last call; 0 for a value that is older than the last."""
        step = (value - self._seen) & 0xFFFFFFFF
        if step >= 1 << 31:
            return 0
        self._seen = value & 0xFFFFFFFF
        return step
