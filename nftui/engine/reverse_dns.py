"""Names of addresses by the system's resolver, asked beside everything else, and remembered.

Asking tells a name server which addresses somebody looks at, so that nothing is asked unless the user wants it. A
name is what its owner wrote: it is made harmless here, and nothing but a screen ever sees it.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable

from nftui.engine.limits import DEFAULT, Limits
from nftui.text import clean

_LONGEST = 253
"""Characters of a domain name, RFC 1035 section 2.3.4."""

Resolver = Callable[[str], str]
"""Address to name. Raises OSError where there is none."""


def system_name(address: str) -> str:
    """The name that the system's resolver knows for an address. Raises OSError."""
    return socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]


class ReverseNames:
    """Names of addresses; `name` never waits.

    Args:
        found: called in the worker thread when a name has come, with its address.
        limits: bounds of memory and queue.
        resolver: replaces the system's, for tests.
    """

    def __init__(
        self, found: Callable[[str], None], limits: Limits = DEFAULT, resolver: Resolver = system_name
    ) -> None:
        self._found = found
        self._limits = limits
        self._resolver = resolver
        self._names: OrderedDict[str, str] = OrderedDict()
        self._asked: queue.Queue[str | None] = queue.Queue(limits.names_waiting)
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def name(self, address: str) -> str | None:
        """The name of an address, empty where it has none; None while it is not known, and it is asked for then."""
        with self._lock:
            if address in self._names:
                self._names.move_to_end(address)
                return self._names[address]
            if address in self._waiting:
                return None
            try:
                self._asked.put_nowait(address)
            except queue.Full:  # the resolver is slow: asked again when it is looked at again
                return None
            self._waiting.add(address)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="names", daemon=True)
            self._thread.start()
        return None

    def stop(self) -> None:
        """Ask no more; a question that is under way ends by itself."""
        with self._lock:
            while not self._asked.empty():
                self._asked.get_nowait()
        self._asked.put(None)

    def _run(self) -> None:
        while (address := self._asked.get()) is not None:
            try:
                name = clean(self._resolver(address), _LONGEST)
            except (OSError, UnicodeError):
                name = ""
            with self._lock:
                self._waiting.discard(address)
                self._names[address] = name
                if len(self._names) > self._limits.names_kept:
                    self._names.popitem(last=False)
            self._found(address)
