"""A store of a month, as the store screen is told of it."""

from __future__ import annotations

from dataclasses import replace

from nftui.engine.store.layout import DAY_MS
from nftui.engine.store.overview import DayOfStore, FilesOfState, OldFile, StoreOverview
from nftui.engine.store.retention import Policy

NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z
SETTINGS = {"store.expire_size": "60G", "store.compact": "True"}


def an_overview(**values: object) -> StoreOverview:
    """31 days of growing traffic, most hours compacted, a limit of size."""
    return replace(
        StoreOverview(
            NOON_MS,
            (FilesOfState("live", 1, 5 << 20), FilesOfState("sealed", 288, 9 << 30),
             FilesOfState("compacted", 48, 20 << 30)),
            tuple(DayOfStore(NOON_MS - n * DAY_MS, 24, (40 - n) << 27, 24, 24 - n % 2) for n in range(30, -1, -1)),
            NOON_MS - 30 * DAY_MS, NOON_MS, 29 << 30, 100 << 30, 500 << 30, 1.2e9, 21.5, 30.0, 27.3,
            Policy(most_bytes=60 << 30),
            (OldFile(NOON_MS - 30 * DAY_MS, 3 << 20, "date=2026-10-22/hour=0/a.parquet"),),
            (OldFile(NOON_MS - 29 * DAY_MS, 3 << 20, "date=2026-10-23/hour=0/b.parquet"),), (), (),
        ), **values
    )  # type: ignore[arg-type]  # fmt: skip
