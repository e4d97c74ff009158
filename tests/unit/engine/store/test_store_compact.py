"""Compaction: which hours, what the files say, and that every flow stays there once."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.compact import KEEP_SECONDS, SETTLE_SECONDS, Compacted, clear, compact_hour, due_hours
from nftui.engine.store.footer import read_footer
from nftui.engine.store.layout import HOUR_MS, parse_rollup, replaced_path
from nftui.engine.store.merge import Cancelled
from nftui.engine.store.writer import StoreWriter
from nftui.errors import StoreError

DUE_MS = NOON_MS + HOUR_MS + SETTLE_SECONDS * 1000
SMALL = replace(DEFAULT, row_group_rows=200)


def write(root: Path, *batches: FlowBatch) -> None:
    writer = StoreWriter(root, 300, ManualClock(NOON_MS))
    writer.open()
    for batch in batches:
        writer.append(batch)
    writer.close()


def compact(root: Path, hour_ms: int = NOON_MS) -> list[Compacted]:
    return list(compact_hour(root, hour_ms, SMALL))


def files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "date=2026-11-21/hour=12").iterdir())


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    """A store with 1200 flows in four slots of one hour."""
    root = tmp_path / "store"
    write(root, *(sample_flows(300 * n, 300, NOON_MS + 600_000 * n) for n in range(4)))
    return root


def test_an_hour_becomes_one_file_and_its_roll_up(hour: Path) -> None:
    before = [read_footer(slot.path) for slot in Catalog(hour).slots()]
    [done] = compact(hour)
    assert (done.parts, done.rows) == (4, 1200)
    assert files(hour) == sorted([done.path.name, done.rollup.name if done.rollup else ""])
    assert stored_ids(hour) == list(range(1200))
    about = read_footer(done.path)
    assert about["replaces"] == [footer["segment"] for footer in before]
    assert (about["slot_ms"], about["slot_seconds"], about["rows"]) == (NOON_MS, 3600, 1200)
    for key in ("flows", "packets", "bytes"):
        assert about[key] == sum(footer[key] for footer in before)
    assert about["exporters"] == {"192.0.2.1": 1200}
    assert done.bytes_after == sum(path.stat().st_size for path in (hour / "date=2026-11-21/hour=12").iterdir())


def test_replaced_parts_stay_a_while_for_queries_that_run(hour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Catalog(hour).slots()
    compact(hour)
    assert [slot.path.exists() for slot in before] == [False] * 4
    assert sorted((hour / "_tmp").iterdir()) == [replaced_path(slot.path) for slot in before]
    assert pq.read_table(replaced_path(before[1].path), columns=["flow_id"]).num_rows == 300
    clear(hour)
    assert len(list((hour / "_tmp").iterdir())) == 4
    later = time.time() + KEEP_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    clear(hour)
    assert list((hour / "_tmp").iterdir()) == []


def test_rows_are_in_portions_of_time_each_sorted_by_address(hour: Path) -> None:
    [done] = compact(hour)
    file = pq.ParquetFile(done.path)
    groups = [file.read_row_group(n, ["time_received_ms", "src_addr_lo"]) for n in range(file.num_row_groups)]
    times = [set(group.column(0).to_pylist()) for group in groups]
    assert times == [{NOON_MS + 600_000 * n} for n in range(4) for _ in range(2)]  # 300 flows, two row groups
    for group in groups:
        assert (np.diff(group.column(1).to_numpy()) >= 0).all()


def test_a_portion_that_is_large_is_cut_by_address(tmp_path: Path) -> None:
    write(tmp_path, *(sample_flows(400 * n, 400, NOON_MS + 300_000 * n) for n in range(12)))
    [done] = compact(tmp_path)
    file = pq.ParquetFile(done.path)
    groups = [file.read_row_group(n, ["time_received_ms", "src_addr_lo"]) for n in range(file.num_row_groups)]
    spans = [(int(min(part)), int(max(part))) for group in groups for part in [group.column(0).to_pylist()]]
    assert len(set(spans)) == 6
    assert all(last < first for (_, last), (first, _) in pairwise(sorted(set(spans))))
    for (one, span), (other, next_span) in pairwise(zip(groups, spans, strict=True)):
        if span == next_span:
            assert max(one.column(1).to_pylist()) < min(other.column(1).to_pylist())
    assert stored_ids(tmp_path) == list(range(4800))


def test_every_column_survives(tmp_path: Path) -> None:
    odd = sample_flows(300, 5)
    odd.text["username"] = TextColumn(np.array([0, -1, 1, 0, -1], np.int32), ["ann", "bob"])
    odd.valid["src_addr"] = np.array([True, True, False, True, True])
    root = tmp_path / "store"
    write(root, sample_flows(0, 300), odd)
    [done] = compact(root)
    rows = {row["flow_id"]: row for row in pq.read_table(done.path).to_pylist()}
    assert [rows[n]["username"] for n in range(299, 305)] == [None, "ann", None, "bob", "ann", None]
    assert [rows[n]["src_addr_lo"] is None for n in range(300, 305)] == [False, False, True, False, False]


def test_name_of_the_roll_up_says_when_the_flows_were(hour: Path) -> None:
    [done] = compact(hour)
    [slot] = Catalog(hour).slots()
    assert done.rollup is not None
    assert slot.rollup == parse_rollup(done.rollup.name)
    assert slot.rollup is not None
    assert slot.rollup_file == str(done.rollup)
    assert slot.rollup.start == (NOON_MS - 3000, NOON_MS + 1_800_000 - 3000)
    assert slot.rollup.end == (NOON_MS - 1000, NOON_MS + 1_800_000 - 1000)


@pytest.mark.parametrize("name", ["_x.1.2.3.4.rollup", "_20261121T120000Z-5e1f09ac-000001-hour.1.2.3.rollup", "a"])
def test_other_names_are_no_roll_ups(name: str) -> None:
    assert parse_rollup(name) is None


def test_hours_are_due_when_they_are_over_and_nothing_is_live(hour: Path) -> None:
    assert due_hours(hour, DUE_MS - 1) == []
    assert due_hours(hour, DUE_MS) == [NOON_MS]
    (hour / "_live" / "20261121T121500Z-5e1f09ac-000001.arrows").touch()
    assert due_hours(hour, DUE_MS) == []
    os.unlink(hour / "_live" / "20261121T121500Z-5e1f09ac-000001.arrows")
    compact(hour)
    assert due_hours(hour, DUE_MS) == []


def test_late_parts_wait_until_they_are_worth_it(hour: Path) -> None:
    compact(hour)
    write(hour, sample_flows(1200, 1, NOON_MS))
    assert due_hours(hour, DUE_MS) == []
    assert compact(hour) == []
    assert stored_ids(hour) == list(range(1201))
    write(hour, sample_flows(1201, 600, NOON_MS))
    assert due_hours(hour, DUE_MS) == [NOON_MS]
    [done] = compact(hour)
    assert (done.parts, done.rows, len(files(hour))) == (3, 1801, 2)
    assert stored_ids(hour) == list(range(1801))


def test_busy_hours_get_several_files(hour: Path) -> None:
    done = list(compact_hour(hour, NOON_MS, replace(SMALL, compact_rows=700)))
    assert [(one.parts, one.rows) for one in done] == [(2, 600), (2, 600)]
    assert stored_ids(hour) == list(range(1200))
    assert due_hours(hour, DUE_MS) == []


def test_one_address_may_have_more_rows_than_a_row_group(tmp_path: Path) -> None:
    flows = sample_flows(0, 1500)
    flows.columns["src_addr_lo"][:] = flows.columns["src_addr_lo"][0]
    write(tmp_path / "store", flows)
    [done] = compact(tmp_path / "store")
    assert done.rows == 1500
    assert stored_ids(tmp_path / "store") == list(range(1500))


def test_damaged_parts_are_put_aside_and_the_rest_compacted(hour: Path) -> None:
    first, second, *_ = Catalog(hour).slots()
    first.path.write_bytes(b"PAR1 nothing")
    content = bytearray(second.path.read_bytes())
    group = pq.ParquetFile(second.path).metadata.row_group(0)
    column = max((group.column(i) for i in range(group.num_columns)), key=lambda one: one.total_compressed_size)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    second.path.write_bytes(content)
    [done] = compact(hour)
    assert (done.parts, done.rows) == (2, 600)
    assert sorted(path.name for path in (hour / "_quarantine").iterdir()) == [first.path.name, second.path.name]
    assert stored_ids(hour) == list(range(600, 1200))


def test_columns_of_a_newer_version_are_not_lost(hour: Path) -> None:
    first, *_ = Catalog(hour).slots()
    table = pq.read_table(first.path)
    metadata = pq.read_metadata(first.path).metadata
    newer = table.append_column("colour", table.column("flow_id")).replace_schema_metadata(metadata)
    pq.write_table(newer, first.path)
    [done] = compact(hour)
    assert done.parts == 3
    assert first.path.exists()
    assert stored_ids(hour) == list(range(1200))


def test_a_part_whose_segment_is_there_stays_for_recovery(hour: Path) -> None:
    first, *_ = Catalog(hour).slots()
    first.name.segment(hour).touch()
    [done] = compact(hour)
    assert done.parts == 3
    assert first.path.exists()
    assert StoreWriter(hour, 300, ManualClock(NOON_MS)).open().finished == 1
    assert stored_ids(hour) == list(range(1200))


def test_sums_that_do_not_come_out_replace_nothing(hour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nftui.engine.store import compact as module

    monkeypatch.setattr(module, "merged", lambda *arguments: list(_all_but_one(*arguments)))
    before = files(hour)
    with pytest.raises(StoreError, match="has sums"):
        compact(hour)
    assert files(hour) == before
    assert list((hour / "_tmp").iterdir()) == []


def _all_but_one(*arguments: object) -> list[object]:
    from nftui.engine.store.merge import merged

    first, *others = merged(*arguments)  # type: ignore[arg-type]
    return [first.slice(1), *others]


@pytest.mark.parametrize("asked", [1, 3, 5, 8, 12])
def test_stopping_leaves_everything_as_it_was(hour: Path, asked: int) -> None:
    left = [asked]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    before = files(hour)
    with pytest.raises(Cancelled):
        list(compact_hour(hour, NOON_MS, SMALL, stop))
    assert files(hour) == before
    assert list((hour / "_tmp").iterdir()) == []


def test_sums_above_63_bits_give_no_roll_up(tmp_path: Path) -> None:
    flows = sample_flows(0, 300)
    flows.columns["bytes"] = np.full(300, 2**62, np.int64)
    root = tmp_path / "store"
    write(root, flows)
    [done] = compact(root)
    assert done.rollup is None
    assert read_footer(done.path)["bytes"] == 300 * 2**62
    assert files(root) == [done.path.name]


def test_leftovers_of_an_interrupted_compaction_go(hour: Path) -> None:
    stem = "20261121T120000Z-5e1f09ac-000001-hour"
    (hour / "_tmp" / f".{stem}.tmp").touch()
    (hour / "_tmp" / ".range-0.tmp").touch()
    (hour / "_tmp" / "compaction").mkdir()
    orphan = hour / "date=2026-11-21/hour=12" / f"_{stem}.0.1.0.1.rollup"
    orphan.touch()
    clear(hour)
    assert list((hour / "_tmp").iterdir()) == []
    compact(hour)
    assert not orphan.exists()


def test_a_window_finds_the_compacted_hour(hour: Path) -> None:
    compact(hour)
    inside: Callable[[int, int], int] = lambda a, b: len(Catalog(hour).slots(NOON_MS + a, NOON_MS + b))  # noqa: E731
    assert inside(2_000_000, 2_100_000) == 1
    assert inside(-100_000_000, -90_000_000) == 0
    assert inside(2 * HOUR_MS, 2 * HOUR_MS + 1) == 0
