"""All kinds of questions under all filters: DuckDB against plain Python, other engines against both, no difference.

DuckDB is asked in every run; ClickHouse's engine where chDB is installed, over the table that `nftui schema
clickhouse` makes; Spark by `tests/cluster` with the same cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import (
    FILTERS,
    PER_STATEMENT,
    Case,
    ask_filters,
    plain,
    rotating_cases,
    shapes,
)
from every_flow import every_filter, every_flow, flow_table
from plain_answers import (
    filtered,
    grouped,
    listed,
    masked,
    order_value,
    passing,
    series,
    statistic,
    totals,
)
from portable_engines import ChdbEngine, DuckEngine, EngineSession, whole_file

from nftui.engine.query.aggregate import parse_aggregation
from nftui.engine.query.orders import parse_order
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query, key_values
from nftui.engine.query.series import SeriesRequest, find_series
from nftui.engine.query.statistics import STATISTICS, parse_statistic

ROWS = every_flow(7, 3000)
TABLE = flow_table(ROWS)
PRESENT = frozenset(TABLE.column_names)
STEP = 300_000


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_file(tmp_path_factory.mktemp("conformance") / "flows.parquet", TABLE)


@pytest.fixture(scope="module")
def duck(flows: Path) -> DuckEngine:
    return DuckEngine(flows)


@pytest.fixture(scope="module")
def chdb(flows: Path) -> Iterator[ChdbEngine]:
    pytest.importorskip("chdb.session", reason="chDB is not installed; `make scale-test` does")
    engine = ChdbEngine(flows, flows.parent)
    yield engine
    engine.close()


@pytest.fixture(params=["duck", "chdb"])
def session(request: pytest.FixtureRequest) -> Iterator[EngineSession]:
    out = EngineSession(request.getfixturevalue(request.param), PRESENT)
    yield out
    out.close()


# Against plain Python -------------------------------------------------------------------------------------------------

TEXTS = every_filter()
GROUPS = [TEXTS[i : i + PER_STATEMENT] for i in range(0, len(TEXTS), PER_STATEMENT)]


@pytest.mark.parametrize("place", range(len(GROUPS)))
def test_every_filter_passes_the_flows_that_it_names(place: int, session: EngineSession) -> None:
    assert ask_filters(session, GROUPS[place]) == filtered(ROWS, GROUPS[place])


def test_the_filters_tell_flows_apart() -> None:
    """Most of them pass some flows and not all: those that name a value which no flow has are few."""
    counts = [count for count, _, _ in filtered(ROWS[:500], TEXTS[::5]).values()]
    assert sum(0 < count < 500 for count in counts) > 0.8 * len(counts)


@pytest.mark.parametrize("text", FILTERS)
def test_totals_are_those_of_the_flows_that_pass(text: str, session: EngineSession) -> None:
    assert plain(Query(session, parse_filter(text)).totals()) == totals(passing(ROWS, text))


@pytest.mark.parametrize("first", range(0, len(STATISTICS), 12))
def test_every_statistic_has_all_groups_with_their_sums(first: int, session: EngineSession) -> None:
    rows = ROWS[:1000]
    query = Query(session, parse_filter("flow_id < 1000"))
    for name in sorted(STATISTICS)[first : first + 12]:
        [ranking] = query.rank(parse_statistic(f"{name}/flows"), None)
        found = {group.key: plain(group.totals) for group in ranking.groups}
        assert found == statistic(rows, name), name
        assert [sums[2] for sums in found.values()] == sorted((s[2] for s in found.values()), reverse=True), name
        assert plain(ranking.totals) == totals(rows), name


@pytest.mark.parametrize("order", ["bytes", "packets", "flows", "duration", "tstart", "tend", "pps", "bps"])
def test_lists_are_in_order(order: str, session: EngineSession) -> None:
    text = "tcp or src net 10.0.0.0/8"
    numbers = _list(session, text, order)
    by_number = {row["flow_id"]: row for row in ROWS}
    assert [order_value(order, by_number[number]) for number in numbers] == listed(passing(ROWS, text), order, 50)


def _list(session: EngineSession, text: str, order: str) -> list[int]:
    # By the flows' own counters: those of both directions are the business of others.
    own = {"bytes": "ibyte", "packets": "ipkg", "pps": "ipps", "bps": "ibps"}.get(order, order)
    portions = Query(session, parse_filter(text)).flows(["flow_id"], ["flow_id"], parse_order(own), 50)
    return [row[0] for portion in portions for row in portion]


def test_masked_addresses_are_summed_up(session: EngineSession) -> None:
    aggregation = parse_aggregation("srcip4/24,srcip6/64,proto")
    columns, fields = ["src_addr_hi", "src_addr_lo", "proto", "flows", "packets", "bytes"], ["src_addr", "proto"]
    portions = Query(session, parse_filter("any"), aggregation=aggregation).flows(columns, fields, None, None)
    found = {key_values(fields, row): [n or 0 for n in row[3:6]] for portion in portions for row in portion}
    sums = grouped(ROWS, lambda row: [(masked(row.get("src_addr")), row.get("proto"))])
    assert found == {key: values[2:5] for key, values in sums.items()}


def test_series_hold_what_passed(session: EngineSession) -> None:
    found = find_series(session, Query(session, parse_filter("udp")), SeriesRequest(STEP, None), True, None)
    bins = {str(found.start_ms // STEP + place): list(amounts) for place, amounts in found.lines[0].bins.items()}
    assert bins == series(passing(ROWS, "udp"), STEP)


def test_percentiles_are_exact_and_distinct_counts_near(session: EngineSession) -> None:
    rows = shapes()["named-operations"](session, parse_filter("any"))
    assert [row[0] for row in rows] == [1, 6, 17, 58, None]
    for proto, half, high, distinct in rows:
        some = [row for row in ROWS if row.get("proto") == proto]
        lengths = sorted(row["time_flow_end_ms"] - row["time_flow_start_ms"] for row in some)
        assert half == _percentile(lengths, 0.5)
        assert high == pytest.approx(_percentile(lengths, 0.95), rel=1e-12)
        assert distinct == len({row["src_port"] for row in some if "src_port" in row})


def _percentile(ordered: list[int], share: float) -> float:
    """Linear between the two nearest ranks."""
    place = share * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


# Against DuckDB -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", rotating_cases()[: len(shapes())], ids=lambda case: case.name)
def test_clickhouse_answers_as_duckdb(case: Case, duck: DuckEngine, chdb: ChdbEngine) -> None:
    """DuckDB's answers to these are held to loops over the flows by the tests of each kind."""
    wanted, found = EngineSession(duck, PRESENT), EngineSession(chdb, PRESENT)
    answer = case.ask(wanted)
    assert case.ask(found) == answer
    assert found.statements == wanted.statements
    wanted.close()
    found.close()
