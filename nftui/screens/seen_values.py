"""Values of fields that occur in the flows, for the filter line: from the live window, then from the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nftui.errors import NftuiError
from nftui.text import clean

if TYPE_CHECKING:
    from nftui.screens.source import Source

_FRESH_SECONDS = 60.0
_FIELDS = 64
_MOST = 100
_LONGEST = 120
_LOOK_BACK_MS = 3_600_000
_PATIENCE_SECONDS = 2.0

_LIVE: dict[str, tuple[str, str]] = {
    "src_addr": ("host", "addr"), "dst_addr": ("host", "addr"), "src_port": ("port", "port"),
    "dst_port": ("port", "port"), "proto": ("proto", "proto"), "src_as": ("as", "as"), "dst_as": ("as", "as"),
    "in_if": ("interface", "if"), "out_if": ("interface", "if"), "sampler_address": ("exporter", "sampler_address"),
}  # fmt: skip
"""View of the live window and its column that has the values of a field."""


class SeenFields:
    """Values that are known, each set for a minute.

    Args:
        now: seconds that only grow.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[tuple[str, ...], tuple[float, list[str]]] = {}
        self._asked: set[tuple[str, ...]] = set()

    def known(self, fields: tuple[str, ...]) -> list[str]:
        """Values of any of the fields, most frequent first, as far as they are known."""
        return self._known.get(fields, (0.0, []))[1]

    def wants(self, fields: tuple[str, ...]) -> bool:
        """Whether to ask for the values; having said so, it does not again before `done`."""
        fresh = fields in self._known and self._now() - self._known[fields][0] <= _FRESH_SECONDS
        if fresh or fields in self._asked:
            return False
        self._asked.add(fields)
        return True

    def put(self, fields: tuple[str, ...], values: list[str]) -> None:
        """Values found, most frequent first; those known already stay behind them."""
        _, before = self._known.pop(fields, (0.0, []))
        joined = dict.fromkeys([*values, *before])
        self._known[fields] = (self._now(), [text for text in joined if len(text) <= _LONGEST][:_MOST])
        while len(self._known) > _FIELDS:
            del self._known[next(iter(self._known))]

    def done(self, fields: tuple[str, ...]) -> None:
        """The question is answered as far as it will be."""
        self._asked.discard(fields)
        self._known.setdefault(fields, (self._now(), []))


def live_values(source: Source, fields: tuple[str, ...]) -> list[str]:
    """Values in the live window; for a worker thread."""
    from nftui.engine.live.snapshot import LiveRequest

    found: dict[str, None] = {}
    for view, column in dict.fromkeys(_LIVE[name] for name in fields if name in _LIVE):
        try:
            snapshot = source.snapshot(LiveRequest(view, limit=_MOST))
        except (NftuiError, LookupError, ValueError):
            continue
        texts = (clean(str(value), _LONGEST) for value in snapshot.values[column])
        found.update(dict.fromkeys(text.lower() if column == "proto" else text for text in texts if text != "-"))
    return list(found)


def stored_values(root: str, fields: tuple[str, ...], now_ms: int) -> list[str]:
    """Values in the last hour of a store, as far as two seconds reach; for a worker thread of its own."""
    from nftui.engine.query.duck import SCREEN_MEMORY, named_errors
    from nftui.engine.query.seen import SeenValues
    from nftui.engine.query.session import Session
    from nftui.engine.query.sources import find_sources
    from nftui.engine.query.time import Window

    start_ms = now_ms - _LOOK_BACK_MS
    try:
        session = Session(find_sources([root], start_ms=start_ms), SCREEN_MEMORY)
    except (NftuiError, OSError):
        return []
    timer = threading.Timer(_PATIENCE_SECONDS, session.interrupt)
    timer.daemon = True
    timer.start()
    try:
        with named_errors():
            return SeenValues(session, Window(start_ms=start_ms), _MOST)(fields)
    except (NftuiError, OSError):
        return []
    finally:
        timer.cancel()
        timer.join()  # it must not interrupt a connection that is closed
        session.close()
