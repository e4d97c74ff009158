"""Roll-ups answer exactly as the flows do, and the plan says what is read."""

import os
from pathlib import Path

import numpy as np
import pytest
from compaction import answers, compact_all, plan, write
from store_samples import NOON_MS, V4, sample_flows

from nftui.engine.batch import FlowBatch
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query, Totals
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.query.statistics import parse_statistic
from nftui.engine.query.time import Mode, Window
from nftui.engine.store.catalog import Catalog

HOUR = 3_600_000
A, B = V4 | 0x0A000001, V4 | 0x0A000002


def four_flows() -> FlowBatch:
    """A to B twice, one of them sampled; A to itself; one without a source."""
    flows = sample_flows(0, 4)
    flows.columns["src_addr_lo"] = np.array([A, A, A, 0])
    flows.valid["src_addr"] = np.array([True, True, True, False])
    flows.columns["dst_addr_lo"] = np.array([B, B, A, B])
    flows.columns["bytes"] = np.array([100, 200, 1000, 5])
    flows.columns["packets"] = np.array([1, 2, 10, 1])
    flows.columns["sampling_rate"] = np.array([0, 10, 0, 0], np.uint32)
    flows.valid["sampling_rate"] = np.array([False, True, False, False])
    return flows


def several_hours(root: Path) -> None:
    """Hours 12, 13 and 14, of which the last is not compacted."""
    write(root, *(sample_flows(100 * n, 100, NOON_MS + n * HOUR // 2) for n in range(4)))
    compact_all(root)
    write(root, sample_flows(400, 100, NOON_MS + 2 * HOUR))


def test_values_of_either_end_sampling_and_nulls(tmp_path: Path) -> None:
    write(tmp_path, four_flows())
    assert compact_all(tmp_path) == 1
    assert plan(tmp_path, "ip") == "from 1 roll-up, exactly as from the flows"
    first, last = NOON_MS - 3000, NOON_MS - 1000
    found, totals, _ = answers(tmp_path)
    assert totals == Totals(first, last, 4, 32, 3105, 4)
    assert {group.key[0]: (group.totals.flows, group.totals.bytes) for group in found["ip"]} == {
        A: (3, 3100), B: (3, 2105), None: (1, 5),
    }  # fmt: skip
    assert {group.key[0]: (group.totals.flows, group.totals.packets) for group in found["srcip"]} == {
        A: (3, 31), None: (1, 1),
    }  # fmt: skip
    assert {group.key[0]: group.totals.bytes for group in found["dstip"]} == {A: 1000, B: 2105}
    found, totals, _ = answers(tmp_path, scaled=False)
    assert (totals.packets, totals.bytes) == (14, 1305)
    assert {group.key[0]: group.totals.bytes for group in found["ip"]} == {A: 1300, B: 305, None: 5}


def test_hours_that_are_not_compacted_are_added(tmp_path: Path) -> None:
    several_hours(tmp_path)
    assert plan(tmp_path, "srcip") == "from 2 roll-ups, exactly as from the flows, and from the single flows of 1 file"
    found, totals, minutes = answers(tmp_path)
    assert totals.flows == 500
    assert sum(group.totals.flows for group in found["proto"]) == 500
    assert [group.key[0] for group in minutes][::3] == [NOON_MS - 60_000 + n * HOUR // 2 for n in range(5)]


@pytest.mark.parametrize(
    ("statistic", "condition", "said"),
    [
        ("srcip", "proto tcp", "from the single flows of 3 files: the filter looks at single flows"),
        ("flags", "", "from the single flows of 3 files: roll-ups have no such sums"),
        ("srcip:p", "", "from the single flows of 3 files: roll-ups have no such sums"),
        ("record", "", "from the single flows of 3 files: roll-ups have no such sums"),
    ],
)
def test_reasons_for_looking_at_flows(tmp_path: Path, statistic: str, condition: str, said: str) -> None:
    several_hours(tmp_path)
    assert plan(tmp_path, statistic, None, condition) == said


def test_a_limit_of_flows_is_counted_in_flows(tmp_path: Path) -> None:
    several_hours(tmp_path)
    session = Session(find_sources([str(tmp_path)]))
    query = Query(session, parse_filter(""), most=7)
    [ranking] = query.rank(parse_statistic("proto"), None)
    assert ranking.totals.flows == 7
    assert "so many flows" in query.plan(parse_statistic("proto")).text
    session.close()


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("start", "end", "rollups"),
    [
        (-4000, 2 * HOUR - 4000, 2),  # everything of both hours, the third begins later
        (-2000, 2 * HOUR - 4000, None),  # the first hour's flows begin before the window
        (HOUR - 4000, 2 * HOUR - 4000, 1),
        (HOUR - 4000, HOUR + HOUR // 2 - 2000, 0),  # the end lies within the second hour's last flows
    ],
)
def test_windows_use_roll_ups_of_hours_that_lie_inside(
    tmp_path: Path, mode: Mode, start: int, end: int, rollups: int | None
) -> None:
    several_hours(tmp_path)
    window = Window(NOON_MS + start, NOON_MS + end, mode=mode)
    session = Session(find_sources([str(tmp_path)], window.start_ms, window.end_ms))
    query = Query(session, parse_filter(""), window)
    if rollups is None:  # flows from -3 s to -1 s
        rollups = {Mode.OVERLAP: 2, Mode.INSIDE: 1, Mode.START: 1, Mode.END: 2}[mode]
    if rollups == 0:  # the last flows are from -3 s to -1 s of half past
        rollups = {Mode.OVERLAP: 1, Mode.INSIDE: 0, Mode.START: 1, Mode.END: 0}[mode]
    assert len(query.plan(parse_statistic("srcip")).rollups) == rollups
    inside = [
        n
        for n in range(5)
        for first, last in [(n * HOUR // 2 - 3000, n * HOUR // 2 - 1000)]
        if {
            Mode.OVERLAP: last >= start and first < end,
            Mode.INSIDE: first >= start and last <= end,
            Mode.START: start <= first < end,
            Mode.END: start <= last < end,
        }[mode]
    ]
    assert query.totals().flows == 100 * len(inside)
    session.close()


def test_a_damaged_roll_up_is_not_needed(tmp_path: Path) -> None:
    several_hours(tmp_path)
    expected = answers(tmp_path)
    first = Catalog(tmp_path).slots()[0]
    assert first.rollup_file is not None
    with open(first.rollup_file, "wb") as file:
        file.write(b"PAR1 nothing")
    assert answers(tmp_path) == expected


def test_files_replaced_while_a_query_is_open_are_found(tmp_path: Path) -> None:
    several_hours(tmp_path)
    expected = answers(tmp_path)
    session = Session(find_sources([str(tmp_path)]))
    query = Query(session, parse_filter(""))
    write(tmp_path, sample_flows(900, 2000, NOON_MS + 2 * HOUR + 600_000))  # not of this query
    assert compact_all(tmp_path) == 1
    assert query.totals() == expected[1]
    rows = [row for portion in query.flows(["flow_id"], ["flow_id"], None, None) for row in portion]
    assert sorted(row[0] for row in rows) == list(range(500))
    assert session.sources.skipped == []
    session.close()


def test_files_that_are_gone_for_good_are_named(tmp_path: Path) -> None:
    several_hours(tmp_path)
    session = Session(find_sources([str(tmp_path)]))
    gone = session.sources.files[-1]
    os.unlink(gone)
    assert Query(session, parse_filter("")).totals().flows == 400
    assert session.sources.skipped == [(gone, "gone: expired or removed while it was to be read")]
    session.close()


def test_lists_stay_in_order_of_reception(tmp_path: Path) -> None:
    """A late part beside a compacted hour belongs between the flows of that hour."""
    write(tmp_path, *(sample_flows(1000 * n, 1000, NOON_MS + n * 600_000) for n in range(5)))
    compact_all(tmp_path)
    write(tmp_path, sample_flows(9000, 1, NOON_MS + 650_000))
    session = Session(find_sources([str(tmp_path)]))
    portions = Query(session, parse_filter("")).flows(["time_received_ms"], ["time_received_ms"], None, None)
    times = [row[0] for portion in portions for row in portion]
    assert times == sorted(times)
    assert len(times) == 5001
    session.close()
