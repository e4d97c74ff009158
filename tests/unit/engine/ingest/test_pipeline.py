"""The way of a datagram with the real decoder and store: nothing lost, nothing doubled, nothing blocked."""

import threading

import numpy as np
import pytest

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.clock import SystemClock
from nftui.engine.counters import datagram_balance, flow_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.ingest.pipeline import Parts, Pipeline
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.writer import StoreWriter
from nftui.text import parse_address

CLOCK = SystemClock()


class HeldWriter(StoreWriter):
    """A store whose disk hangs until it is released."""

    def __init__(self, *arguments, **more) -> None:
        super().__init__(*arguments, **more)
        self.reached = threading.Event()
        self.released = threading.Event()

    def append(self, batch: FlowBatch) -> None:
        self.reached.set()
        assert self.released.wait(30)
        super().append(batch)


def flows(count: int, first: int = 0) -> FlowBatch:
    now = CLOCK.now_ms()
    serial = np.arange(first, first + count, dtype=np.int64)
    return FlowBatch(
        count,
        {
            "src_addr_hi": np.zeros(count, np.int64),
            "src_addr_lo": serial + parse_address("10.0.0.0"),
            "dst_addr_hi": np.zeros(count, np.int64),
            "dst_addr_lo": np.full(count, parse_address("10.9.9.9")),
            "bytes": serial,
            "packets": np.ones(count, np.int64),
            "proto": np.full(count, 6, np.uint8),
            "time_flow_start_ms": np.full(count, now - 2000),
            "time_flow_end_ms": np.full(count, now - 1000),
        },
    )


def payloads(encoder, batch: FlowBatch) -> list[bytes]:
    return [bytes(d) for d in encoder.encode(batch, CLOCK.now_ms())]


class Seen:
    """Stands where the live window stands."""

    def __init__(self) -> None:
        self.batches: list[FlowBatch] = []

    def add(self, batch: FlowBatch) -> None:
        self.batches.append(batch)


def pipeline(writer=None, live=None, limits=DEFAULT, on_slot=None) -> tuple[Pipeline, Decoder, Ledger]:
    decoder, ledger = Decoder(limits), Ledger()
    return (
        Pipeline(Parts(None, decoder, writer, () if live is None else (live,), on_slot), ledger, CLOCK, limits, 300),
        decoder,
        ledger,
    )


def balances(ledger: Ledger) -> tuple[int, int, int]:
    counts = ledger.snapshot()
    return datagram_balance(counts), record_balance(counts), flow_balance(counts)


def encoders():
    boot = CLOCK.now_ms() - 100_000
    return [NetFlow5Encoder(boot_ms=boot), NetFlow9Encoder(boot_ms=boot), IpfixEncoder(3)]


@pytest.mark.parametrize("encoder", encoders(), ids=["v5", "v9", "ipfix"])
def test_flows_do_not_share_memory_with_the_arena(encoder):
    """The arena is filled again in the next round, while flows still wait for the disk."""
    seen = Seen()
    running, decoder, _ = pipeline(live=seen)
    block = block_of(payloads(encoder, flows(200)), [], 0)
    count = len(block.offset)
    block.data = block.data.copy()
    block.session = np.full(count, decoder.session(parse_address("127.0.0.1"), 9), np.int64)
    block.received_ms = np.full(count, CLOCK.now_ms())
    running.feed(block)
    block.data[:] = 0xFF
    whole = concat(seen.batches)
    assert whole.columns["bytes"].tolist() == list(range(200))
    assert [int(a) - parse_address("10.0.0.0") for a in whole.columns["src_addr_lo"]] == list(range(200))


def test_data_that_waits_for_its_template_outlives_the_arena():
    seen = Seen()
    running, decoder, ledger = pipeline(live=seen)
    encoder = NetFlow9Encoder(boot_ms=CLOCK.now_ms() - 100_000)
    template, *data = payloads(encoder, flows(100))
    session = decoder.session(parse_address("127.0.0.1"), 9)
    early = block_of(data, [session] * len(data), CLOCK.now_ms())
    early.data = early.data.copy()
    running.feed(early)
    early.data[:] = 0xFF
    assert not seen.batches
    running.feed(block_of([template], [session], CLOCK.now_ms()))
    assert sorted(concat(seen.batches).columns["bytes"].tolist()) == list(range(100))
    assert balances(ledger) == (0, 0, 0)


def feed(running: Pipeline, decoder: Decoder, count: int, first: int = 0) -> None:
    sent = payloads(NetFlow5Encoder(boot_ms=CLOCK.now_ms() - 100_000), flows(count, first))
    session = decoder.session(parse_address("127.0.0.1"), 9)
    running.feed(block_of(sent, [session] * len(sent), CLOCK.now_ms()))


def test_without_a_store_flows_are_counted_as_not_stored():
    running, decoder, ledger = pipeline()
    feed(running, decoder, 50)
    assert ledger.snapshot()["flows.failed.no_store"] == 50
    assert balances(ledger) == (0, 0, 0)


def start_store(running: Pipeline) -> tuple[threading.Event, threading.Thread]:
    stopping = threading.Event()
    thread = threading.Thread(target=running.store, args=(stopping,))
    thread.start()
    return stopping, thread


def test_a_store_that_hangs_blocks_nobody_and_what_goes_is_counted(tmp_path):
    limits = Limits(unsaved_flows=1000, chunk_rows=10)
    writer = HeldWriter(tmp_path / "s", limits=limits)
    writer.open()
    seen = Seen()
    running, decoder, ledger = pipeline(writer, seen, limits)
    stopping, thread = start_store(running)
    feed(running, decoder, 30)
    assert writer.reached.wait(30)
    for round_ in range(20):  # returns each time although the store thread is stuck
        feed(running, decoder, 300, 1000 + round_ * 300)
        assert balances(ledger) == (0, 0, 0)
    assert sum(map(len, seen.batches)) == 30 + 6000
    counts = ledger.snapshot()
    assert counts["flows.failed.queue_full"] == 6000 - 1000
    assert counts["flows.in_memory"] == 1030
    assert running.queue_fill == 1
    writer.released.set()
    stopping.set()
    running.wake()
    thread.join(120)
    running.finish(30)
    counts = ledger.snapshot()
    assert counts["flows.stored"] == 1030
    assert counts["flows.in_memory"] == 0
    assert balances(ledger) == (0, 0, 0)
    assert sorted(read(tmp_path / "s")) == [*range(30), *range(6000, 7000)]


def read(store) -> list[int]:
    import pyarrow.parquet as pq

    files = store.glob("date=*/hour=*/*.parquet")
    return [v for path in files for v in pq.ParquetFile(path).read(["bytes"])["bytes"].to_pylist()]


def test_slots_are_reported_with_what_was_lost(tmp_path):
    writer = StoreWriter(tmp_path / "s")
    writer.open()
    reports = []
    running, decoder, _ = pipeline(writer, on_slot=reports.append)
    stopping, thread = start_store(running)
    session = decoder.session(parse_address("127.0.0.1"), 9)
    first, lost, third = payloads(NetFlow5Encoder(boot_ms=CLOCK.now_ms() - 100_000), flows(90))
    running.feed(block_of([first, third, b"\0\7"], [session] * 3, CLOCK.now_ms()))
    del lost
    stopping.set()
    running.wake()
    thread.join(120)
    running.finish(30)
    assert sum(report.flows for report in reports) == 60
    assert sum(report.packets for report in reports) == 60
    assert sum(report.bytes for report in reports) == sum(range(30)) + sum(range(60, 90))
    assert reports[0].counts["sequence.lost"] == 30
    assert reports[0].counts["datagrams.rejected.short"] == 1
