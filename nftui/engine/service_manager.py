"""What systemd is told by a service: that it is ready, how it is, that it ends, and that it still moves.

sd_notify(3) in full: a datagram of `NAME=value` lines to the UNIX socket that `NOTIFY_SOCKET` names, where a leading
`@` stands for the abstract name space. Without systemd there is no such socket, and nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class ServiceManager:
    """The manager that started this process, if there is one. For any thread.

    Args:
        environment: where `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked up.

    Attributes:
        watchdog_seconds: a sign of life is expected at least so often, None when it is not.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        name = given.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_seconds: float | None = None
        pid, microseconds = given.get("WATCHDOG_PID", ""), given.get("WATCHDOG_USEC", "")
        if self._address and microseconds.isdecimal() and pid in {"", str(os.getpid())}:
            self.watchdog_seconds = int(microseconds) / 1_000_000

    def tell(self, **values: str | int) -> None:
        """Send values, such as `READY=1, STATUS="listening"`; a manager that does not listen is no error."""
        if not self._address:
            return
        lines = "\n".join(f"{name}={str(value).splitlines()[0]}" for name, value in values.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(lines.encode(), self._address)
