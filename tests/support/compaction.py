"""Compacting a test's store, and asking it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Group, Query, Totals
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.query.statistics import parse_statistic
from nftui.engine.query.time import Window
from nftui.engine.store.compact import compact_hour, due_hours
from nftui.engine.store.writer import StoreWriter

STATISTICS = ("srcip", "dstip", "ip", "srcport", "dstport", "port", "srcas", "dstas", "as", "inif", "outif", "if",
              "proto", "router")  # fmt: skip
"""Those that roll-ups answer."""


def write(root: Path, *batches: FlowBatch) -> None:
    """Store batches, one after the other, in slots of five minutes."""
    writer = StoreWriter(root, 300, ManualClock(int(batches[0].columns["time_received_ms"][0])))
    writer.open()
    for batch in batches:
        writer.append(batch)
    writer.close()
    assert "flows.failed.encoding" not in writer.drain_counts()


def compact_all(root: Path) -> int:
    """Compact every hour; returns the number of files made."""
    limits = replace(DEFAULT, row_group_rows=100)
    return sum(1 for hour in due_hours(root, 1 << 60) for _ in compact_hour(root, hour, limits))


def answers(
    root: Path, window: Window | None = None, scaled: bool = True, limit: int | None = None
) -> tuple[dict[str, list[Group]], Totals, list[Group]]:
    """Groups of all statistics, all or so many, the totals, and the series by minute."""
    window = window or Window()
    session = Session(find_sources([str(root)], window.start_ms, window.end_ms))
    try:
        query = Query(session, parse_filter(""), window, scaled)
        found = {}
        for name in STATISTICS:
            [ranking] = query.rank(parse_statistic(f"{name}/bytes"), limit)
            assert ranking.totals == query.totals(), name
            found[name] = ranking.groups
        return found, query.totals(), query.minutes()
    finally:
        session.close()


def plan(root: Path, statistic: str, window: Window | None = None, condition: str = "") -> str:
    """What `-X` says about a statistic."""
    window = window or Window()
    session = Session(find_sources([str(root)], window.start_ms, window.end_ms))
    try:
        return Query(session, parse_filter(condition), window).plan(parse_statistic(statistic)).text
    finally:
        session.close()
