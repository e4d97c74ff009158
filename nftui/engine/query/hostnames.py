"""Host names in filters: looked up once, in a thread of its own, with a time-out."""

from __future__ import annotations

import socket
import threading
from functools import lru_cache

from nftui.text import parse_address

TIMEOUT_SECONDS = 5.0


@lru_cache(maxsize=1024)
def resolve(name: str) -> list[int]:
    """All addresses of a host name as 128-bit integers; empty if there is none or nobody answered in time."""
    found: list[int] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(sorted({parse_address(str(answer[4][0]).partition("%")[0]) for answer in answers}))

    # getaddrinfo has no time-out of its own and cannot be stopped: the thread is left behind.
    thread = threading.Thread(target=look_up, daemon=True, name="resolve")
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    return list(found)
