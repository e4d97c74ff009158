"""The views of this process, each with the identity of its rows: one row has one key, now and in the past.

The live window and what is stored are asked in threads of their own, and a cursor goes from one to the other.
"""

from __future__ import annotations

import threading

from nftui.engine.live.identity import Identity
from nftui.engine.live.keys import TalkerView
from nftui.engine.live.statistic_views import talker_view

_known: dict[str, tuple[TalkerView, Identity]] = {}
_lock = threading.Lock()


def identified_view(name: str) -> tuple[TalkerView, Identity]:
    """How a view groups flows, and what gives its rows their keys. Thread-safe.

    Raises:
        KeyError: there is no such view.
    """
    with _lock:
        if name not in _known:
            view = talker_view(name)
            _known[name] = (view, Identity(view.words))
        return _known[name]
