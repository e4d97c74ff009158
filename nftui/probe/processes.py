"""Which local process owns a flow, from /proc (proc_pid_fd(5), proc_pid_net(5)).

Only processes that this user may look at are found: without CAP_SYS_PTRACE those are the user's own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nftui.engine.clock import Clock
from nftui.probe.cache import CacheEntry, CacheSnapshot
from nftui.text import V4_PREFIX, clean

_KEEP_SECONDS = 2.0
_TABLES = {6: ("tcp", "tcp6"), 17: ("udp", "udp6")}

Endpoint = tuple[int, int, int]
"""Protocol, 128-bit address (0: any), port."""


class ProcessNames:
    """Names of processes by the endpoints of their sockets, looked up again every two seconds at most.

    Args:
        clock: time.
        root: where /proc is.
    """

    def __init__(self, clock: Clock, root: Path = Path("/proc")) -> None:
        self._clock = clock
        self._root = root
        self._read_at = -_KEEP_SECONDS
        self._names: dict[Endpoint, str] = {}

    def name(self, snapshot: CacheSnapshot) -> CacheSnapshot:
        """The snapshot with the owner of each flow that has one here."""
        now = self._clock.monotonic()
        if now - self._read_at >= _KEEP_SECONDS:
            self._names = read_endpoints(self._root)
            self._read_at = now
        return replace(snapshot, entries=tuple(self._named(entry) for entry in snapshot.entries))

    def _named(self, entry: CacheEntry) -> CacheEntry:
        for side in (0, 1):
            for place in (entry.address[side], 0):
                name = self._names.get((entry.proto, place, entry.port[side]))
                if name and (place or self._is_local(entry.address[side])):
                    return replace(entry, process=name)
        return entry

    def _is_local(self, value: int) -> bool:
        """Whether a socket that listens on every address can be meant: some socket here has the address."""
        return value >> 24 == (V4_PREFIX | 0x7F000000) >> 24 or any(place == value for _, place, _ in self._names)


def read_endpoints(root: Path) -> dict[Endpoint, str]:
    """Local end of every socket of a process that may be looked at."""
    inodes: dict[int, str] = {}
    for process in root.iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                name = f"{clean((process / 'comm').read_text().strip(), 32)}[{process.name}]"
                for descriptor in os.scandir(process / "fd"):
                    with suppress(OSError):
                        target = os.readlink(descriptor.path)
                        if target.startswith("socket:["):
                            inodes[int(target[8:-1])] = name
    found: dict[Endpoint, str] = {}
    for proto, tables in _TABLES.items():
        for table in tables:
            with suppress(OSError):
                for line in (root / "net" / table).read_text().splitlines()[1:]:
                    words = line.split()
                    if len(words) > 9 and int(words[9]) in inodes:
                        place, _, port = words[1].partition(":")
                        found[proto, _address(place), int(port, 16)] = inodes[int(words[9])]
    return found


def _address(text: str) -> int:
    """An address as the kernel prints it: 32-bit words in the order of the machine."""
    raw = b"".join(int(text[i : i + 8], 16).to_bytes(4, "little") for i in range(0, len(text), 8))
    value = int.from_bytes(raw, "big")
    return (V4_PREFIX | value if value else 0) if len(raw) == 4 else value
