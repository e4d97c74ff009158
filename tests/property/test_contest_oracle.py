"""The first groups that buckets lead to are those of a full sort, however the buckets collide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_flows import BASE_MS, DEFAULTS, flow_file

from nftui.engine.query import contest
from nftui.engine.query.aggregate import BY_TUPLE, Aggregation, Bidirectional, parse_aggregation
from nftui.engine.query.orders import Order, parse_order
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources

ADDRESS = st.sampled_from(("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", None))
PORT = st.sampled_from((53, 443, 50_000, 60_000, None))
COUNTER = st.one_of(st.sampled_from((None, -5, 0, 1, 7)), st.integers(0, 1 << 40))
flow = st.fixed_dictionaries(
    {
        "src_addr": ADDRESS, "dst_addr": ADDRESS, "src_port": PORT, "dst_port": PORT,
        "proto": st.sampled_from((6, 17, 1, None)), "bytes": COUNTER, "packets": COUNTER, "out_bytes": COUNTER,
        "out_packets": COUNTER,
        "flows": st.integers(1, 3), "time_received_ms": st.integers(BASE_MS, BASE_MS + 3),
        "sampling_rate": st.sampled_from((None, 1, 10)),
    }
)  # fmt: skip
AGGREGATIONS = {
    "-a": BY_TUPLE, "-A dstport": parse_aggregation("dstport"), "-A srcip4/31": parse_aggregation("srcip4/31,proto"),
    "-b": Bidirectional(guess=False), "-B": Bidirectional(guess=True),
}  # fmt: skip
ORDERS = ("flows", "packets", "bytes", "ipkg", "ibyte", "opkg", "obyte")
COLUMNS = ("src_addr_hi", "src_addr_lo", "dst_addr_lo", "src_port", "dst_port", "proto")


def listed(path: Path, aggregation: Aggregation, order: Order, limit: int | None) -> list[tuple[Any, ...]]:
    with closing(Session(find_sources([str(path)]), threads=1)) as session:
        query = Query(session, parse_filter("any"), aggregation=aggregation)
        fields = ("src_addr", "dst_addr", "src_port", "dst_port", "proto")
        shown = [column for column in COLUMNS if column in _columns(aggregation)]
        used = [name for name in fields if name in aggregation.key_fields]
        return [row for rows in query.flows(shown, used, order, limit) for row in rows]


def _columns(aggregation: Aggregation) -> Iterator[str]:
    for name in aggregation.key_fields:
        yield from (f"{name}_hi", f"{name}_lo") if name.endswith("_addr") else (name,)


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("buckets", [1, 8])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(flow, min_size=1, max_size=25), st.sampled_from(ORDERS), st.integers(1, 5))
def test_the_first_groups_are_those_of_a_full_sort(
    tmp_path: Path, name: str, buckets: int, rows: list[dict[str, int | str | None]], by: str, limit: int
) -> None:
    path = flow_file(tmp_path / "flows.parquet", [{**DEFAULTS, **row} for row in rows])
    order = parse_order(by)
    want = listed(path, AGGREGATIONS[name], order, None)[:limit]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contest, "_BUCKETS", buckets)
        patch.setattr(contest, "_FIRST_BUCKETS", 1)
        patch.setattr(contest, "_MOST_WANTED", 5)
        assert listed(path, AGGREGATIONS[name], order, limit) == want
