"""StoreWriter: slots, segments, parts, accounting."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.batch import FlowBatch, TextColumn, concat
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.store.arrow import CORE_COLUMNS
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.footer import read_footer
from nftui.engine.store.seal import SealedSlot
from nftui.engine.store.writer import StoreWriter
from nftui.errors import StoreError, StoreLocked


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_MS)


def settle(writer: StoreWriter, clock: ManualClock, seconds: float = 3.0) -> None:
    """Let time pass in steps of 0.1 s."""
    for _ in range(round(seconds * 10)):
        clock.advance(0.1)
        writer.tick()


def test_flows_are_readable_after_the_flush_time_and_sealed_on_close(tmp_path: Path, clock: ManualClock) -> None:
    sealed: list[SealedSlot] = []
    writer = StoreWriter(tmp_path / "store", clock=clock, ident="edge", on_seal=sealed.append)
    assert writer.open().clean
    writer.append(sample_flows(0, 1000))
    writer.tick()
    assert (writer.drain_counts(), stored_ids(tmp_path / "store")) == ({}, [])
    assert writer.status().unsaved_flows == 1000
    clock.advance(DEFAULT.flush_seconds)
    writer.tick()
    assert stored_ids(tmp_path / "store") == list(range(1000))
    assert writer.drain_counts() == {"flows.in_memory": -1000, "flows.stored": 1000}
    status = writer.status()
    assert (status.unsaved_flows, status.live_flows, status.sealed_flows, status.error) == (0, 1000, 0, None)
    assert status.free_bytes > 0
    writer.append(sample_flows(1000, 1))
    writer.close()
    assert writer.drain_counts() == {"flows.in_memory": -1, "flows.stored": 1}
    assert stored_ids(tmp_path / "store") == list(range(1001))
    assert Catalog(tmp_path / "store").live() == []
    [slot] = sealed
    assert (slot.slot_ms, slot.slot_seconds, slot.rows, slot.flows) == (NOON_MS, 300, 1001, 1001)
    assert slot.packets == sum(n % 7 + 1 for n in range(1001))
    assert slot.bytes == slot.packets * 100
    assert slot.path.parent == tmp_path / "store/date=2026-11-21/hour=12"
    assert slot.file_bytes == slot.path.stat().st_size


def test_sealed_file(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, clock=clock, ident="edge")
    writer.open()
    flows = concat([sample_flows(0, 300), sample_flows(300, 300, NOON_MS + 60_000)])
    flows.columns["sampling_rate"] = np.where(np.arange(600) < 450, 100, 1).astype(np.uint32)
    writer.append(flows)
    writer.note({"sequence.lost": 4})
    clock.advance(1)
    writer.tick()
    writer.note({"sequence.lost": 1})
    writer.append(sample_flows(600, 1))
    writer.close()
    [file] = Catalog(tmp_path).slots()
    parquet = pq.ParquetFile(file.path)
    assert set(CORE_COLUMNS) <= set(parquet.schema_arrow.names)
    table = parquet.read()
    assert table.column("src_as").null_count == 601
    low = table.column("src_addr_lo").to_pylist()
    assert low == sorted(low)
    about = read_footer(file.path)
    packets = [n % 7 + 1 for n in range(601)]
    assert (about["ident"], about["slot_ms"], about["slot_seconds"], about["schema_version"]) == (
        "edge",
        NOON_MS,
        300,
        1,
    )
    assert (about["rows"], about["flows"], about["packets"], about["bytes"]) == (
        601,
        601,
        sum(packets),
        sum(packets) * 100,
    )
    assert about["classes"] == {
        name: [len(part), sum(part), sum(part) * 100]
        for name, part in (("tcp", packets[0::3]), ("udp", packets[1::3]), ("icmp", packets[2::3]))
    }
    assert about["times"] == {
        "received": [NOON_MS, NOON_MS + 60_000],
        "start": [NOON_MS - 3000, NOON_MS + 57_000],
        "end": [NOON_MS - 1000, NOON_MS + 59_000],
    }
    assert about["exporters"] == {"192.0.2.1": 601}
    assert about["notes"] == {"sequence.lost": 5}
    tcp = [[n, 100 if n < 450 else 1] for n in range(0, 600, 3)]
    expected = {
        (NOON_MS, 0, 100): [p for n, p in zip(tcp, packets[0:600:3], strict=True) if n[0] < 300],
        (NOON_MS + 60_000, 0, 100): [p for n, p in zip(tcp, packets[0:600:3], strict=True) if 300 <= n[0] < 450],
        (NOON_MS + 60_000, 0, 1): [p for n, p in zip(tcp, packets[0:600:3], strict=True) if n[0] >= 450],
        (NOON_MS, 0, 0): packets[600:601],
    }
    series = {tuple(row[:3]): row[3:] for row in about["series"] if row[1] == 0}
    assert series == {key: [len(part), sum(part), sum(part) * 100] for key, part in expected.items()}


def test_sums_are_exact_beyond_64_bits(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, clock=clock)
    writer.open()
    flows = sample_flows(0, 5)
    flows.columns["bytes"] = np.full(5, (1 << 63) - 1)
    writer.append(flows)
    writer.close()
    assert read_footer(Catalog(tmp_path).slots()[0].path)["bytes"] == 5 * ((1 << 63) - 1)


def test_ipv6_exporters_are_counted_apart(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, clock=clock)
    writer.open()
    flows = sample_flows(0, 6)
    flows.columns["sampler_address_hi"] = np.array([0x20010DB8 << 32, 0, 0x20010DB8 << 32, 0, 0, 0])
    flows.columns["sampler_address_lo"] = np.array(
        [1, 0xFFFFC0000201, 2, 0xFFFFC0000201, 0xFFFFC0000202, 0xFFFFC0000201]
    )
    writer.append(flows)
    writer.close()
    assert read_footer(Catalog(tmp_path).slots()[0].path)["exporters"] == {
        "2001:db8::1": 1, "2001:db8::2": 1, "192.0.2.1": 3, "192.0.2.2": 1,
    }  # fmt: skip


def test_slots_follow_the_time_of_reception(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(concat([sample_flows(0, 5, NOON_MS + 59_999), sample_flows(5, 7, NOON_MS + 60_000)]))
    settle(writer, clock)
    writer.close()
    files = Catalog(tmp_path).slots()
    assert [(file.start_ms, read_footer(file.path)["rows"]) for file in files] == [(NOON_MS, 5), (NOON_MS + 60_000, 7)]
    assert stored_ids(tmp_path) == list(range(12))


def test_a_full_segment_becomes_a_part(tmp_path: Path, clock: ManualClock) -> None:
    limits = replace(DEFAULT, chunk_rows=100, segment_rows=250, row_group_rows=200)
    writer = StoreWriter(tmp_path, clock=clock, limits=limits)
    writer.open()
    for number in range(10):
        writer.append(sample_flows(number * 70, 70))
    writer.close()
    rows = [read_footer(file.path)["rows"] for file in Catalog(tmp_path).slots()]
    assert sum(rows) == 700
    assert len(rows) == 3
    assert max(rows) <= 350
    assert stored_ids(tmp_path) == list(range(700))


def test_a_large_batch_is_written_in_chunks(tmp_path: Path, clock: ManualClock) -> None:
    limits = replace(DEFAULT, chunk_rows=100, segment_rows=1000)
    writer = StoreWriter(tmp_path, clock=clock, limits=limits)
    writer.open()
    writer.append(sample_flows(0, 5050))
    assert writer.status().unsaved_flows == 0
    writer.close()
    assert stored_ids(tmp_path) == list(range(5050))


def test_clock_steps_never_reopen_a_slot_and_lose_nothing(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 300, clock)
    writer.open()
    sent = 0
    for step in (0, 3600, -3600, -3600, 7200, 0, -1):
        clock.step(step)
        for _ in range(3):
            writer.append(sample_flows(sent, 10, clock.now_ms()))
            sent += 10
            settle(writer, clock, 1.0)
        settle(writer, clock, 2.5)
        writer.append(sample_flows(sent, 1, clock.now_ms()))
        sent += 1
    writer.close()
    assert stored_ids(tmp_path) == list(range(sent))
    names = [file.name for file in Catalog(tmp_path).slots()]
    assert len(names) == len(set(names))
    assert {name.slot_ms for name in names} == {NOON_MS, NOON_MS + 3_600_000, NOON_MS - 3_600_000}
    for file in Catalog(tmp_path).slots():
        low, high = read_footer(file.path)["times"]["received"]
        assert file.start_ms <= low <= high < file.start_ms + 300_000


def test_late_flows_join_their_slot_while_it_settles(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 1, NOON_MS + 59_000))
    clock.step(60.5)
    settle(writer, clock, 1.0)
    writer.append(sample_flows(1, 1, NOON_MS + 59_500))
    settle(writer, clock, 3.0)
    writer.append(sample_flows(2, 1, NOON_MS + 59_900))
    writer.close()
    rows = [(file.start_ms, read_footer(file.path)["rows"]) for file in Catalog(tmp_path).slots()]
    assert rows == [(NOON_MS, 2), (NOON_MS, 1)]


def test_many_slots_at_once_stay_bounded(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    count = 40
    flows = sample_flows(0, count)
    flows.columns["time_received_ms"] = NOON_MS + np.arange(count) * 60_000
    writer.append(flows)
    assert len(list((tmp_path / "_live").iterdir())) <= count
    assert writer.status().unsaved_flows <= DEFAULT.open_slots
    writer.close()
    assert stored_ids(tmp_path) == list(range(count))
    assert len(Catalog(tmp_path).slots()) == count


def test_mixed_exporters_share_a_file(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, clock=clock)
    writer.open()
    for number in range(20):
        flows = sample_flows(number, 1)
        if number % 2:
            flows.text["username"] = TextColumn(np.zeros(1, np.int32), [f"user{number}"])
        writer.append(flows)
        settle(writer, clock, 0.6)
    writer.close()
    [file] = Catalog(tmp_path).slots()
    table = pq.read_table(file.path)
    users = dict(zip(table.column("flow_id").to_pylist(), table.column("username").to_pylist(), strict=True))
    assert users == {n: f"user{n}" if n % 2 else None for n in range(20)}


def test_flows_that_cannot_be_encoded_are_counted_and_block_nobody(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, clock=clock)
    writer.open()
    bad = sample_flows(0, 2)
    bad.text["username"] = TextColumn(np.zeros(2, np.int32), ["\ud800"])
    writer.append(bad)
    settle(writer, clock, 1)
    assert writer.drain_counts() == {"flows.in_memory": -2, "flows.failed.encoding": 2}
    assert "encode" in (writer.status().error or "")
    writer.append(sample_flows(2, 3))
    writer.close()
    assert writer.drain_counts() == {"flows.in_memory": -3, "flows.stored": 3}
    assert stored_ids(tmp_path) == [2, 3, 4]


def test_empty_batches_leave_no_trace(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, clock=clock)
    writer.open()
    writer.append(FlowBatch(0))
    settle(writer, clock, 1)
    writer.close()
    assert writer.drain_counts() == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "_live", "_tmp"]


def test_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    first = StoreWriter(tmp_path)
    first.open()
    with pytest.raises(StoreLocked, match=r"is written by pid \d+ on host") as caught:
        StoreWriter(tmp_path).open()
    assert caught.value.exit_code == 73
    first.close()
    second = StoreWriter(tmp_path)
    second.open()
    second.close()
    second.close()


@pytest.mark.parametrize("seconds", [0, 86_401])
def test_slot_length_has_bounds(tmp_path: Path, seconds: int) -> None:
    with pytest.raises(StoreError):
        StoreWriter(tmp_path, seconds)


def test_store_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make store"):
        StoreWriter(tmp_path / "file" / "store").open()


def test_a_failing_callback_does_not_stop_sealing(tmp_path: Path, clock: ManualClock) -> None:
    def fail(_: SealedSlot) -> None:
        raise RuntimeError("no such command")

    writer = StoreWriter(tmp_path, 60, clock, on_seal=fail)
    writer.open()
    for number in range(3):
        writer.append(sample_flows(number, 1, NOON_MS + number * 60_000))
    writer.close()
    assert writer.status().error is not None
    assert "no such command" in str(writer.status().error)
    assert len(Catalog(tmp_path).slots()) == 3
