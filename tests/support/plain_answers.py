"""What the conformance suite's questions must answer, computed flow by flow in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from every_flow import Row, counter, passes, value_of

from nftui.engine.query.parser import parse_filter
from nftui.engine.query.statistics import STATISTICS

Totals = list[Any]
"""First start, last end, flows, packets, bytes, records."""


def filtered(rows: Sequence[Row], texts: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """The answer of `conformance.ask_filters`."""
    out = {}
    for text in texts:
        node = parse_filter(text).tree
        numbers = [row["flow_id"] for row in rows if passes(node, row)]
        out[text] = (len(numbers), sum(numbers), sum(number * number for number in numbers))
    return out


def passing(rows: Sequence[Row], text: str) -> list[Row]:
    """The flows that pass a filter."""
    node = parse_filter(text).tree
    return [row for row in rows if passes(node, row)]


def totals(rows: Sequence[Row]) -> Totals:
    """Sums over flows."""
    return [
        min((row["time_flow_start_ms"] for row in rows), default=None),
        max((row["time_flow_end_ms"] for row in rows), default=None),
        sum(row["flows"] for row in rows),
        sum(counter("packets", row) or 0 for row in rows),
        sum(counter("bytes", row) or 0 for row in rows),
        len(rows),
    ]


def grouped(rows: Sequence[Row], keys: Callable[[Row], Iterable[Any]]) -> dict[Any, Totals]:
    """Sums by key; a flow counts once under each of its keys."""
    members: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        for key in dict.fromkeys(keys(row)):
            members[key].append(row)
    return {key: totals(some) for key, some in members.items()}


def statistic(rows: Sequence[Row], name: str) -> dict[Any, Totals]:
    """All groups of a statistic."""
    fields = STATISTICS[name].fields
    return grouped(rows, lambda row: ((row.get(field),) for field in fields))


def listed(rows: Sequence[Row], order: str, limit: int) -> list[Any]:
    """The values by which a list is ordered, of its first flows."""
    values = [order_value(order, row) for row in rows]
    known = sorted((value for value in values if value is not None), reverse=order not in {"tstart", "tend"})
    return [*known, *(None for value in values if value is None)][:limit]


def order_value(order: str, row: Row) -> Any:
    """What a flow is ordered by."""
    return value_of({"tstart": "time_flow_start_ms", "tend": "time_flow_end_ms"}.get(order, order), row)


def masked(address: int | None) -> int | None:
    """An address as `srcip4/24,srcip6/64` has it."""
    if address is None:
        return None
    return address >> 8 << 8 if address >> 32 == 0xFFFF else address >> 64 << 64


def series(rows: Sequence[Row], step: int) -> dict[str, list[int]]:
    """Flows, packets and bytes by the number of their bin since 1970, each flow spread evenly over its life."""
    bins: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        start, end = row["time_flow_start_ms"], row["time_flow_end_ms"]
        bins[start // step][0] += row["flows"]
        amounts = [counter(name, row) or 0 for name in ("packets", "bytes")]
        if start == end:
            bins[start // step] = [a + b for a, b in zip(bins[start // step], [0, *amounts], strict=True)]
            continue
        for place in range(start // step, (end - 1) // step + 1):
            edges = max(start, place * step), min(end, (place + 1) * step)
            for i, amount in enumerate(amounts, 1):
                passed = [amount * (edge - start) // (end - start) for edge in edges]
                bins[place][i] += passed[1] - passed[0]
    return {str(place): amounts for place, amounts in bins.items() if any(amounts)}
