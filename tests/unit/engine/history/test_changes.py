"""What changed between two ranges, against sums over a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compaction import compact_all, write
from past import HOUR, expected, overlapping, past_flows, rows_of
from store_samples import NOON_MS, V4, sample_flows

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.history.changes import INCOMPARABLE, KINDS, Changes
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.query.mask import mask
from nftui.engine.query.parser import parse_filter
from nftui.errors import UsageError
from nftui.screens.views import all_views

NOW = TimeRange(NOON_MS + 2 * HOUR, NOON_MS + 3 * HOUR)
THEN = TimeRange(NOON_MS, NOON_MS + HOUR // 2)
"""Half as long: rates are compared, not sums."""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History([str(tmp_path)])
    yield history
    history.close()


def talker(host: int, octets: int, received_ms: int) -> FlowBatch:
    """One flow of a host to a host of its own, of two seconds within the range."""
    flow = sample_flows(0, 1, received_ms)
    flow.columns["src_addr_lo"] = np.array([V4 | 0x0A000000 | host])
    flow.columns["dst_addr_lo"] = np.array([V4 | 0x0B000000 | host])
    flow.columns["bytes"] = np.array([octets])
    return flow


def test_new_gone_grown_shrunk_and_same_in_order_of_what_they_contribute(tmp_path: Path, history: History) -> None:
    """Octets of half an hour before, and of an hour now: twice as many are the same rate."""
    before, now = THEN.start_ms + 60_000, NOW.start_ms + 60_000
    amounts = {"new": (0, 9000), "gone": (4000, 0), "grown": (1000, 5000), "shrunk": (1800, 3000), "same": (100, 200)}
    for host, (then, later) in enumerate(amounts.values(), 1):
        if then:
            write(tmp_path, talker(host, then, before))
        if later:
            write(tmp_path, talker(host, later, now))
    found = history.changes(LiveRequest("pair", within=NOW, limit=10), THEN)
    assert found.measure == "rate"
    # In octets an hour: 9000, -8000, 3000, -600, 0.
    assert found.values["change"] == ["new", "gone", "grown", "shrunk", "same"]
    assert found.values["src_addr"] == [f"10.0.0.{host}" for host in range(1, 6)]
    per_hour = 8 / 3600
    assert found.values["now"] == pytest.approx(np.array([9000, 0, 5000, 3000, 200]) * per_hour)
    assert found.values["before"] == pytest.approx(np.array([0, 8000, 2000, 3600, 200]) * per_hour)
    assert found.values["difference"] == pytest.approx(np.array([9000, -8000, 3000, -600, 0]) * per_hour)
    assert found.values["share"] == pytest.approx(np.array([9000, 8000, 3000, 600, 0]) / 206)
    assert {kind: tally.groups for kind, tally in found.tallies.items()} == dict.fromkeys(KINDS, 1)
    assert found.tallies["shrunk"].difference == pytest.approx(-600 * per_hour)
    assert found.now.matched.bytes == 17_200
    assert found.then.matched.bytes == 6900
    assert found.rows_total == 5
    assert [column.name for column in found.columns] == list(found.values)
    few = history.changes(LiveRequest("pair", within=NOW, limit=2), THEN)
    assert few.keys.tolist() == found.keys[:2].tolist()
    assert few.tallies == found.tallies
    rows = history.snapshot(LiveRequest("pair", within=NOW, limit=10))
    assert set(found.keys.tolist()) >= set(rows.keys.tolist())


@pytest.mark.parametrize(
    ("view", "measure", "condition"),
    [
        ("host", "rate", ""),
        ("port", "packet_rate", "proto 6 or bytes > 100M"),
        ("proto", "flow_rate", ""),
        ("interface", "rate", "proto 6 or bytes > 100M"),
        ("by:flags", "packet_rate", ""),
    ],
)
def test_every_difference_equals_the_reference(
    tmp_path: Path, history: History, view: str, measure: str, condition: str
) -> None:
    flows = past_flows(17, 400, opposite=view == "port")
    write(tmp_path, flows)
    compact_all(tmp_path)
    asked = parse_filter(condition) if condition else None
    chosen = flows if asked is None else concat([flows.take(mask(asked, flows, True))])
    found = history.changes(LiveRequest(view, asked, measure, limit=1000, within=NOW), THEN)
    rates = [rates_of(chosen, view, measure, within) for within in (NOW, THEN)]
    check(found, *rates)


def rates_of(flows: FlowBatch, view: str, measure: str, within: TimeRange) -> dict[tuple[str, ...], float]:
    groups = expected(view, overlapping(rows_of(flows), within), within, True)
    name = "flows" if measure == "flow_rate" else measure
    return {key: group.sums[name] * 1000 / within.length_ms for key, group in groups.items()}


def check(found: Changes, now: dict[tuple[str, ...], float], then: dict[tuple[str, ...], float]) -> None:
    keys = [column.name for column in found.columns if isinstance(found.values[column.name], list)]
    values: Any = found.values
    rows = list(zip(*(values[name] for name in keys if name != "change"), strict=True))
    assert set(rows) == now.keys() | then.keys()
    assert found.rows_total == len(rows) == sum(tally.groups for tally in found.tallies.values())
    moved = sum(abs(now.get(key, 0) - then.get(key, 0)) for key in rows)
    for place, key in enumerate(rows):
        difference = now.get(key, 0) - then.get(key, 0)
        assert values["difference"][place] == pytest.approx(difference, rel=1e-9, abs=1e-3)
        assert values["now"][place] == pytest.approx(now.get(key, 0))
        assert values["before"][place] == pytest.approx(then.get(key, 0))
        assert values["share"][place] == pytest.approx(abs(difference) * 100 / moved, abs=1e-6)
        kind = "new" if key not in then else "gone" if key not in now else None
        assert values["change"][place] == (kind or values["change"][place])
        assert (kind is None) == (values["change"][place] in {"grown", "shrunk", "same"})
    amounts = np.abs(values["difference"]).tolist()
    assert amounts == sorted(amounts, reverse=True)


def test_empty_ranges_and_equal_ranges(tmp_path: Path, history: History) -> None:
    write(tmp_path, sample_flows(0, 50, NOW.start_ms + 60_000))
    later = TimeRange(NOW.end_ms + HOUR, NOW.end_ms + 2 * HOUR)
    assert len(history.changes(LiveRequest("host", within=later), THEN)) == 0
    everything_new = history.changes(LiveRequest("proto", within=NOW), THEN)
    assert everything_new.values["change"] == ["new"] * 3
    assert history.changes(LiveRequest("proto", within=THEN), NOW).values["change"] == ["gone"] * 3
    same = history.changes(LiveRequest("proto", within=NOW), NOW)
    assert same.values["change"] == ["same"] * 3
    assert np.asarray(same.values["difference"]).tolist() == [0, 0, 0]
    assert np.asarray(same.values["share"]).tolist() == [0, 0, 0]


def test_every_view_is_compared_or_refused_in_words(tmp_path: Path, history: History) -> None:
    write(tmp_path, past_flows(23, 60))
    for entry in all_views():
        asked = LiveRequest(entry.view, limit=1000, within=NOW)
        if entry.view in INCOMPARABLE:
            with pytest.raises(UsageError, match=re.escape(INCOMPARABLE[entry.view])):
                history.changes(asked, THEN)
            continue
        found = history.changes(asked, THEN)
        assert found.rows_total == len(found) == len(set(found.keys.tolist())) > 0
        assert set(found.values["change"]) <= set(KINDS)  # type: ignore[arg-type]
