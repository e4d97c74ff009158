"""Distributions: as tables for people, and as records for programs. See docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator

from nftui.engine.query.distributions import ABSENT, DISTRIBUTIONS, Bucket, Distributions, bounds
from nftui.engine.query.format_machine import Value
from nftui.engine.query.format_statistics import percent
from nftui.engine.query.style import Style

_BAR = 30


def distribution_lines(found: Distributions, style: Style) -> Iterator[str]:
    """A table for each value: how many records, packets and bytes lie in each bucket, and how many up to it."""
    for name, title in DISTRIBUTIONS.items():
        if name not in found.buckets:
            continue
        yield f"{title}:"
        yield f"{'from':>12} {'to':>12} {'Records(%)':>16} {'up to':>6} {'Packets(%)':>16} {'Bytes(%)':>16}"
        below = 0
        for place, bucket in found.filled(name):
            below += bucket.records
            share = percent(bucket.records, found.totals.records)
            low, high = ("absent", "") if place == ABSENT else map(style.count, bounds(place))
            yield (
                f"{low:>12} {high:>12} {_share(bucket.records, found.totals.records, style)} "
                f"{percent(below, found.totals.records):6.1f} "
                f"{_share(bucket.amounts.packets, found.totals.packets, style)} "
                f"{_share(bucket.amounts.bytes, found.totals.bytes, style)} {'#' * round(share * _BAR / 100)}"
            ).rstrip()
        yield ""


def _share(part: int, whole: int, style: Style) -> str:
    return f"{style.count(part):>9}({percent(part, whole):5.1f})"


def distribution_records(found: Distributions) -> Iterator[dict[str, Value]]:
    """One record per bucket that has flows."""
    for name, buckets in found.buckets.items():
        for place in sorted(buckets):
            yield {"distribution": name, **_bounds(place), **_amounts(buckets[place])}


def _bounds(place: int) -> dict[str, Value]:
    low, high = (None, None) if place == ABSENT else bounds(place)
    return {"from": low, "to": high}


def _amounts(bucket: Bucket) -> dict[str, Value]:
    return {"records": bucket.records, **bucket.amounts._asdict()}
