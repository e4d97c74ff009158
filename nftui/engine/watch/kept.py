"""What the watch keeps over a restart: `STORE/_state/watch.json`, a JSON document of one format only.

    version     1
    saved_ms    when it was written, UTC ms
    since_ms    when the learning of services began, or null
    services    hi, lo, port, last_ms: lists of one length, an entry for each service
    calls       src_hi ... packets, seen: the same for calls that may be part of a beacon
    quiet       list of [kind, rule, subject, since_ms], findings that nobody wants to hear of

It is a memory, not a record: without it services and beacons are learnt anew. So a file that is not understood as a
whole is not used at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nftui import text
from nftui.engine.limits import Limits
from nftui.engine.watch.beacon import KEPT_COLUMNS, WINDOW_MS
from nftui.engine.watch.finding import KINDS
from nftui.engine.watch.known import Identity
from nftui.engine.watch.moment import Bools, Ints
from nftui.engine.watch.service import Services

NAME = "watch.json"
_VERSION = 1
_SERVICE_COLUMNS = ("hi", "lo", "port", "last_ms")
_DAY_MS = 86_400_000
_SERVICE_MS = 30 * _DAY_MS
"""A service that was not seen for so long is new when it comes back."""
QUIET_MS = 90 * _DAY_MS
"""So long nobody is told of a finding that was made quiet on the screen."""
_ABSENT_MS = _DAY_MS
"""After so long services are learnt for a while again: much may have changed meanwhile."""
_LONGEST_NAME = 1000
_RANGES = {"port": (0, 65_535), "dst_port": (0, 65_535), "proto": (0, 255), "bytes": (0, None), "packets": (0, None)}


@dataclass(frozen=True, slots=True)
class Kept:
    """What was learnt and what is quiet.

    Attributes:
        services: known services.
        calls: `KEPT_COLUMNS` to int64[calls].
        quiet: findings that are not told, with the UTC ms since when.
    """

    services: Services
    calls: dict[str, Ints]
    quiet: dict[Identity, int]

    @property
    def size(self) -> int:
        """Number of things kept."""
        return len(self.services.last_ms) + len(self.calls["seen"]) + len(self.quiet)


def encode(kept: Kept, now_ms: int) -> dict[str, object]:
    """The document of a state, with lists of numbers as arrays."""
    services = (*kept.services.words.T, kept.services.last_ms)
    return {
        "version": _VERSION,
        "saved_ms": now_ms,
        "since_ms": kept.services.since_ms,
        "services": dict(zip(_SERVICE_COLUMNS, services, strict=True)),
        "calls": {name: kept.calls[name] for name in KEPT_COLUMNS},
        "quiet": [[*identity, since_ms] for identity, since_ms in kept.quiet.items() if _is_name(*identity[1:])],
    }


def decode(document: object, now_ms: int, limits: Limits) -> Kept:
    """The state of a document, without what is too old by now.

    Raises:
        ValueError: it is not a document of `encode`, or larger than the limits allow.
    """
    fields = ("version", "saved_ms", "since_ms", "services", "calls", "quiet")
    if not isinstance(document, dict) or document.keys() != set(fields) or document["version"] != _VERSION:
        raise ValueError("of another format")
    saved_ms = _number(document["saved_ms"])
    since_ms = None if document["since_ms"] is None else min(_number(document["since_ms"]), now_ms)
    services = _columns(document["services"], _SERVICE_COLUMNS, limits.watched_services)
    calls = _columns(document["calls"], KEPT_COLUMNS, limits.watched_calls)
    last_ms = np.minimum(services["last_ms"], now_ms)
    fresh: Bools = last_ms > now_ms - _SERVICE_MS
    words = np.column_stack([services[name] for name in ("hi", "lo", "port")])
    late: Bools = (calls["seen"] > now_ms - WINDOW_MS) & (calls["seen"] <= now_ms)
    return Kept(
        Services(since_ms if saved_ms > now_ms - _ABSENT_MS else None, words[fresh], last_ms[fresh]),
        {name: values[late] for name, values in calls.items()},
        {
            identity: min(since, now_ms)
            for identity, since in _quiet(document["quiet"], limits.findings).items()
            if since > now_ms - QUIET_MS
        },
    )


def _columns(found: object, names: Sequence[str], most: int) -> dict[str, Ints]:
    if not isinstance(found, dict) or found.keys() != set(names):
        raise ValueError("other columns")
    columns = {name: _integers(found[name], *_RANGES.get(name, (None, None))) for name in names}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1 or max(lengths) > most:
        raise ValueError("columns of different lengths, or too long")
    return columns


def _integers(found: object, low: int | None, high: int | None) -> Ints:
    if not isinstance(found, list) or not all(type(value) is int for value in found):
        raise ValueError("not a list of whole numbers")
    try:
        values = np.array(found, np.int64)
    except OverflowError:
        raise ValueError("numbers beyond 64 bits") from None
    if len(values) and ((low is not None and values.min() < low) or (high is not None and values.max() > high)):
        raise ValueError("numbers that cannot be")
    return values


def _number(found: object) -> int:
    if type(found) is not int or not 0 <= found < 1 << 62:
        raise ValueError("not a time")
    return found


def _quiet(found: object, most: int) -> dict[Identity, int]:
    if not isinstance(found, list) or len(found) > most:
        raise ValueError("not a list of quiet findings, or too long")
    quiet: dict[Identity, int] = {}
    for entry in found:
        if not isinstance(entry, list) or len(entry) != 4 or entry[0] not in KINDS:
            raise ValueError("not a quiet finding")
        kind, rule, subject, since_ms = entry
        if not _is_name(rule, subject):
            raise ValueError("not a name of a finding")
        quiet[kind, rule, subject] = _number(since_ms)
    return quiet


def _is_name(*names: object) -> bool:
    return all(isinstance(name, str) and text.clean(name, _LONGEST_NAME) == name for name in names)
