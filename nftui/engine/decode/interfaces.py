"""Interfaces of exporters by their counter samples: the latest counters of each, and rates between two samples.

Format: structure `if_counters` of "sFlow Version 5" section 5, the counters of RFC 2863; names from `port_name`.
"""

from __future__ import annotations

import numpy as np

from nftui import text
from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.status import InterfaceStatus
from nftui.engine.limits import Limits

GENERIC, PORT_NAME = 1, 1005
"""Counter record formats of enterprise 0 that are used."""
GENERIC_BYTES = 88

_WIRE = np.dtype(
    [
        ("index", ">u4"), ("type", ">u4"), ("speed", ">u8"), ("direction", ">u4"), ("status", ">u4"),
        ("in_octets", ">u8"), ("in_unicast", ">u4"), ("in_multicast", ">u4"), ("in_broadcast", ">u4"),
        ("in_discards", ">u4"), ("in_errors", ">u4"), ("in_unknown", ">u4"), ("out_octets", ">u8"),
        ("out_unicast", ">u4"), ("out_multicast", ">u4"), ("out_broadcast", ">u4"), ("out_discards", ">u4"),
        ("out_errors", ">u4"), ("promiscuous", ">u4"),
    ]
)  # fmt: skip
_UNKNOWN_64 = (1 << 64) - 1
_UNKNOWN_32 = (1 << 32) - 1
_WIDE = ("in_octets", "out_octets")
_NARROW = (
    "in_unicast", "in_multicast", "in_broadcast", "in_discards", "in_errors", "out_unicast", "out_multicast",
    "out_broadcast", "out_discards", "out_errors",
)  # fmt: skip


class InterfaceTable:
    """Interfaces keyed by agent slot and interface index, bounded in all and for each agent."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tables: dict[int, dict[int, InterfaceStatus]] = {}
        self._names: dict[int, dict[int, str]] = {}
        self._count = 0

    def learn(self, wire: Wire, at: Ints, agents: Ints, uptime: Ints, received_ms: Ints) -> Ints:
        """Take generic interface counters.

        A counter sample comes every few seconds to minutes for each interface, so that one by one is fast enough.

        Args:
            wire: the arena.
            at: position of each record of `GENERIC_BYTES`.
            agents: its agent slot.
            uptime: milliseconds by the agent's clock.
            received_ms: reception.

        Returns:
            Places of the records that found no room.
        """
        image = wire.images(at, _WIRE.itemsize).view(_WIRE)
        refused = []
        rows = zip(image.tolist(), agents.tolist(), uptime.tolist(), received_ms.tolist(), strict=True)
        for place, (values, agent, up, now) in enumerate(rows):
            record = dict(zip(_WIRE.names or (), values, strict=True))
            table = self._tables.setdefault(agent, {})
            before = table.get(record["index"])
            if before is None:
                if len(table) >= self._limits.interfaces_per_exporter or self._count >= self._limits.interfaces:
                    refused.append(place)
                    continue
                self._count += 1
            table[record["index"]] = _status(record, before, up, now, self._names.get(agent, {}))
        return np.array(refused, np.int64)

    def name(self, agent: int, index: int, raw: bytes) -> None:
        """Take the name of an interface; bounded like the interfaces themselves."""
        names = self._names.setdefault(agent, {})
        if index in names or len(names) < self._limits.interfaces_per_exporter:
            names[index] = text.clean(raw, self._limits.text_bytes)

    def forget(self, agent: int) -> None:
        """Forget the interfaces of an agent."""
        self._count -= len(self._tables.pop(agent, {}))
        self._names.pop(agent, None)

    def of_agent(self, agent: int) -> list[InterfaceStatus]:
        """Interfaces of an agent by index."""
        table = self._tables.get(agent, {})
        return [table[index] for index in sorted(table)]


def _known(value: int, unknown: int) -> int | None:
    return None if value == unknown else value


def _status(
    record: dict[str, int], before: InterfaceStatus | None, uptime: int, now_ms: int, names: dict[int, str]
) -> InterfaceStatus:
    counters = {name: _known(record[name], _UNKNOWN_64) for name in _WIDE}
    counters |= {name: _known(record[name], _UNKNOWN_32) for name in _NARROW}
    rates: dict[str, int | None] = {}
    for way in ("in", "out"):
        value = counters[f"{way}_octets"]
        last = getattr(before, f"{way}_octets") if before is not None else None
        passed = uptime - before.uptime_ms if before is not None else 0
        if value is None or last is None or passed <= 0 or value < last:
            rates[f"{way}_bits_per_second"] = None
        else:
            rates[f"{way}_bits_per_second"] = (value - last) * 8000 // passed
    status = record["status"]
    return InterfaceStatus(
        index=record["index"], name=names.get(record["index"], ""), type=record["type"], speed=record["speed"],
        direction=record["direction"], admin_up=bool(status & 1), oper_up=bool(status & 2), uptime_ms=uptime,
        updated_ms=now_ms, **counters, **rates,
    )  # fmt: skip
