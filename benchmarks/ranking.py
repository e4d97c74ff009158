"""Keeping a ranking of talkers: sortedcontainers.SortedKeyList against NumPy selection.

Run: python benchmarks/ranking.py

A table of groups whose octets change: each tick a part of the groups gets new values, then the first 200 by octets
and the rank of one group are asked for. One order is kept; a screen that
sorts by any of ten columns would have to keep ten, or sort anew when the column changes.
"""

from __future__ import annotations

import time

import numpy as np
from sortedcontainers import SortedKeyList

from nftui.engine.live.grouping import best, rank

TICKS = 5
ROWS = 200


def sorted_list(values: np.ndarray, changes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, list[int]]:
    octets = values.tolist()
    ranking = SortedKeyList(range(len(octets)), key=lambda row: (-octets[row], row))
    start = time.process_time()
    for rows, amounts in changes:
        for row, amount in zip(rows.tolist(), amounts.tolist(), strict=True):
            ranking.remove(row)
            octets[row] += amount
            ranking.add(row)
        top = list(ranking[:ROWS])
        ranking.index(len(octets) // 2)
    return (time.process_time() - start) / TICKS, top


def selection(values: np.ndarray, changes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, list[int]]:
    octets = values.copy()
    keys = np.arange(len(octets))
    pool = np.arange(len(octets))
    start = time.process_time()
    for rows, amounts in changes:
        octets[rows] += amounts
        levels = [(octets, True), (keys, False)]
        top = best(levels, ROWS, pool)
        rank(levels, len(octets) // 2, pool)
    return (time.process_time() - start) / TICKS, top.tolist()


def main() -> None:
    rng = np.random.default_rng(3)
    print(f"{'groups':>9} {'changed':>9} {'SortedKeyList':>14} {'NumPy':>9}   (CPU ms per tick)")
    for groups, changed in ((1_000, 500), (10_000, 5_000), (100_000, 20_000), (100_000, 100_000), (1_000_000, 100_000)):
        values = (rng.pareto(1, groups) * 1000).astype(np.int64)
        changes = [
            (rng.permutation(groups)[:changed], rng.integers(1, 10_000, changed, dtype=np.int64)) for _ in range(TICKS)
        ]
        slow, expected = sorted_list(values, changes)
        fast, found = selection(values, changes)
        assert found == expected
        print(f"{groups:9d} {changed:9d} {slow * 1e3:14.1f} {fast * 1e3:9.2f}")


if __name__ == "__main__":
    main()
