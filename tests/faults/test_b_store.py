"""Section B of docs/reliability.md, whole collectors: disks that are slow, full, read-only, gone or taken."""

import itertools
import os
import random
import shutil
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from collector_process import FULL, RECORDS, Collector, send, stored, v5
from export_wire import a_set, template, v9
from loopback_ports import free_port

from nftui.engine.counters import datagram_balance, flow_balance, record_balance, total
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.segment import SegmentReader

SMALL_MEMORY = """
from dataclasses import replace
from nftui.engine import limits
limits.DEFAULT = replace(limits.DEFAULT, unsaved_flows=3000)
"""
SLOW_SYNC = """
import os, time
from nftui.engine.store.writer import StoreWriter
sync, opened = os.fsync, StoreWriter.open
def slow(descriptor):
    time.sleep(3)
    sync(descriptor)
def open_then_slow(self):
    report = opened(self)
    os.fsync = slow
    return report
StoreWriter.open = open_then_slow
"""
READ_ONLY = """
import errno, os, pathlib
write = os.writev
def refuse(descriptor, parts):
    if pathlib.Path({path!r}).exists():
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    return write(descriptor, parts)
os.writev = refuse
"""
"""A mount cannot be made read-only while a file is open: only the kernel does that, when a disk has errors."""
CLOCK_OF_A_FILE = """
import pathlib, time
from nftui.engine.clock import SystemClock
def moved(self):
    return time.time_ns() // 1_000_000 + 1000 * int(pathlib.Path({path!r}).read_text() or 0)
SystemClock.now_ms = moved
"""


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 8 MiB, with further options of mount(8) from `param`."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = "size=8m" + getattr(request, "param", "")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def check_balances(counts: dict[str, int]) -> None:
    assert (datagram_balance(counts), record_balance(counts), flow_balance(counts)) == (0, 0, 0)


class Sender:
    """Sends numbered flows and waits until they are taken, so that loopback drops nothing."""

    def __init__(self, collector: Collector, port: int) -> None:
        self.collector = collector
        self.port = port
        self.datagrams = 0

    @property
    def flows(self) -> int:
        return self.datagrams * RECORDS

    def send(self, datagrams: int) -> None:
        for first in range(0, datagrams, 50):
            count = min(50, datagrams - first)
            send(self.port, *(v5((self.datagrams + i) * RECORDS) for i in range(count)))
            self.datagrams += count
            self.collector.wait_until_taken(self.datagrams)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def take_inodes(folder: Path) -> None:
    with suppress(OSError):
        for number in itertools.count():
            (folder / f"filler{number}").touch()


def free(folder: Path) -> None:
    for path in folder.glob("filler*"):
        path.unlink()


@pytest.mark.parametrize(
    ("disk", "exhaust"),
    [("", fill), (",nr_inodes=64", take_inodes)],
    indirect=["disk"],
    ids=["space", "inodes"],
)
def test_a_full_disk_costs_the_oldest_beyond_the_limit_and_it_goes_on_by_itself(collect, disk, exhaust) -> None:
    """B5 and B6: what is sent is stored, or counted as lost; nothing else happens."""
    port = free_port()
    collector = collect(disk / "s", "-p", str(port), "-t", "1", fault=SMALL_MEMORY)
    sender = Sender(collector, port)
    sender.send(10)
    collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == sender.flows)
    exhaust(disk)
    collector.wait_for(lambda: (sender.send(1), collector.ask("health")["store"]["fault"])[1] is not None)
    sender.send(200)
    collector.wait_for(lambda: total(collector.counts(), "flows.failed") >= 50 * RECORDS)
    assert any("low_space" in warning for warning in collector.ask("health")["warnings"])
    free(disk)
    sender.send(10)
    collector.wait_for(lambda: collector.counts()["flows.in_memory"] == 0)
    assert collector.ask("health")["store"]["fault"] is None
    counts = collector.counts()
    check_balances(counts)
    assert counts["flows.in"] == sender.flows
    failed = total(counts, "flows.failed")
    assert counts["flows.stored"] == sender.flows - failed
    code, _, err = collector.stop()
    assert code == 0
    assert "Traceback" not in err
    found = stored(disk / "s")
    assert len(found) == len(set(found)) == sender.flows - failed
    missing = sorted(set(range(sender.flows)) - set(found))
    assert missing == list(range(missing[0], missing[0] + failed)), "others than the oldest that waited are missing"


def test_rotation_on_a_disk_that_takes_three_seconds_to_sync_loses_no_datagram(collect, tmp_path: Path) -> None:
    """B4: each second a slot ends, each sync takes three, 21 000 flows come a second."""
    port = free_port()
    collector = collect(tmp_path / "s", "-p", str(port), "-t", "2" if FULL else "1", fault=SLOW_SYNC)
    seconds = 40 if FULL else 4
    due = time.monotonic()
    end = due + seconds
    sent = 0
    while (now := time.monotonic()) < end:
        time.sleep(max(0.0, due - now))
        send(port, *(v5((sent + i) * RECORDS) for i in range(7)))
        sent += 7
        due = max(due, now - 0.05) + 7 * RECORDS / 21_000  # a sender that was held up sends no burst
    collector.wait_until_taken(sent)
    collector.wait_for(lambda: collector.counts()["flows.in_memory"] == 0)
    health = collector.ask("health")
    counts = health["counts"]
    check_balances(counts)
    assert counts["datagrams.received"] == sent
    assert "kernel.dropped" not in counts
    assert counts["flows.stored"] == sent * RECORDS
    assert health["store"]["waiting_segments"] >= 1, "the syncs were not slow: the test shows nothing"
    assert 0 < health["queue_peak"] < 0.5
    print(f"{sent * RECORDS} flows in {seconds} s, queue at most {health['queue_peak']:.2%} full")
    collector.stop()
    assert sorted(stored(tmp_path / "s")) == list(range(sent * RECORDS))


def test_two_writers(collect, tmp_path: Path) -> None:
    """B7: the second is refused and told by whom; a lock of the dead holds nobody up."""
    first = collect(tmp_path / "s", "-p", str(free_port()))
    second = collect(tmp_path / "s", "-p", str(free_port()), wait=False)
    out, err = second.process.communicate(timeout=60)
    assert (second.process.returncode, out) == (73, "")
    assert f"is written by pid {first.process.pid} on host" in err
    first.process.kill()
    first.process.communicate()
    third = collect(tmp_path / "s", "-p", str(free_port()))
    assert third.stop()[0] == 0


def refuse_and_take(root: Path) -> Iterator[None]:
    (root.parent / "read-only").touch()
    yield
    (root.parent / "read-only").unlink()
    yield


def forbid_and_allow(root: Path) -> Iterator[None]:
    folders = [root, *root.glob("_*")]
    for path in folders:
        path.chmod(0)
    yield
    for path in folders:
        path.chmod(stat.S_IRWXU)
    yield


def remove_and_make(root: Path) -> Iterator[None]:
    shutil.rmtree(root)
    yield
    root.mkdir()
    yield


WITHOUT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


@pytest.mark.parametrize(
    ("happen", "kind"),
    [(refuse_and_take, "read_only"), (forbid_and_allow, "permission"), (remove_and_make, "directory_gone")],
    ids=["read-only", "permission", "removed"],
)
def test_a_store_that_cannot_be_written_for_a_while(collect, disk: Path, happen, kind: str) -> None:
    """B12: alive, told in health, and it goes on by itself; what came meanwhile is stored then."""
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    port = free_port()
    control = disk.parent / "ctl"
    collector = collect(
        disk / "s", "-p", str(port), "-t", "1", "--ctl", str(control), before=WITHOUT_OVERRIDE, control=control,
        fault=READ_ONLY.format(path=str(disk / "read-only")),
    )  # fmt: skip
    sender = Sender(collector, port)
    sender.send(10)
    collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == sender.flows)
    before = sender.flows
    steps = happen(disk / "s")
    next(steps)
    collector.wait_for(
        lambda: (sender.send(1), str(collector.ask("health")["store"]["fault"]))[1] in {kind, "directory_gone"}
    )
    assert any("cannot" in warning for warning in collector.ask("health")["warnings"])
    written = collector.counts()["flows.stored"]
    sender.send(10)
    next(steps)
    sender.send(10)
    collector.wait_for(lambda: collector.counts()["flows.in_memory"] == 0)
    assert collector.counts()["flows.stored"] == sender.flows
    code, _, err = collector.stop()
    assert code == 0
    assert "Traceback" not in err
    found = stored(disk / "s")
    assert len(found) == len(set(found))
    # A store that is removed takes its flows along: all from before, and those of the second until it was noticed.
    assert set(found) >= set(range(written if kind == "directory_gone" else 0, sender.flows))
    assert before > 0


def test_steps_of_the_clock(collect, tmp_path: Path) -> None:
    """B10: an hour forward, an hour back, and a whole night as after a suspend: each flow is there once."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    port = free_port()
    collector = collect(
        tmp_path / "s", "-p", str(port), "-t", "2", fault=CLOCK_OF_A_FILE.format(path=str(offset)),
        environment={"TZ": "Europe/Zurich"},
    )  # fmt: skip
    sender = Sender(collector, port)
    for step in (0, 3600, 0, -3600, 8 * 3600, 0):
        offset.write_text(str(step))
        sender.send(20)
        collector.wait_for(lambda: collector.counts()["flows.in_memory"] == 0)
    check_balances(collector.counts())
    assert collector.stop()[0] == 0
    assert sorted(stored(tmp_path / "s")) == list(range(sender.flows))
    names = [path.name for path in (tmp_path / "s").rglob("*.parquet")]
    assert len(names) == len(set(names)) >= 4


FAST_TEMPLATES = """
import nftui.engine.engine as engine
engine._TEMPLATE_SECONDS = engine._SAMPLE_SECONDS = 0.001
"""
FIELDS = [(8, 4), (12, 4), (1, 4)]


def exported(number: int, sets: bytes) -> bytes:
    return v9(sets, number, uptime=1000 * number, seconds=int(time.time()))


@pytest.mark.timeout(900)
def test_killed_while_it_writes_the_template_file(collect, tmp_path: Path) -> None:
    """B14: the file is rewritten all the time; every start reads it, and data decode without a template."""
    port, exporter = free_port(), free_port()
    data = a_set(256, struct.pack(">III", 1, 2, 40))
    moments = random.Random(14)
    numbers = itertools.count(1)
    rounds = 50 if FULL else 4
    for round_ in range(rounds):
        collector = collect(tmp_path / "s", "-p", str(port), fault=FAST_TEMPLATES)
        counts = collector.counts()
        assert "templates.restore_failed" not in counts
        assert (counts.get("templates.restored", 0) > 0) == (round_ > 0)
        first = data if round_ else template(9, 256, FIELDS) + data
        send(port, exported(next(numbers), first), source_port=exporter)
        wait_for_one(collector)
        killer = threading.Timer(moments.uniform(0.05, 0.4), collector.process.kill)
        killer.start()
        for identity in itertools.cycle(range(300, 900)):  # each one changes the file
            send(port, exported(next(numbers), template(9, identity, FIELDS)), source_port=exporter)
            time.sleep(0.002)
            if collector.process.poll() is not None:
                break
        collector.process.communicate()
    last = collect(tmp_path / "s", "-p", str(port))
    assert last.stop()[0] == 0
    assert stored(tmp_path / "s") == [40] * rounds


def wait_for_one(collector: Collector) -> None:
    """Until a flow is stored and the templates are saved."""
    collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == 1)
    assert "sets.buffered" not in collector.counts()
    collector.wait_for((collector.store / "_state" / "templates.json").exists)


def test_what_a_reader_meets_while_it_is_written_is_whole(collect, tmp_path: Path) -> None:
    """A live segment that grows while it is read gives whole chunks only, and no flow twice."""
    port = free_port()
    collector = collect(tmp_path / "s", "-p", str(port))
    sender = Sender(collector, port)
    seen = 0
    for _ in range(10):
        sender.send(20)
        with Catalog(tmp_path / "s").snapshot() as snapshot:
            found = [row for reader in snapshot.live for row in reader.table(["bytes"]).column(0).to_pylist()]
            assert all(isinstance(reader, SegmentReader) and reader.damaged_bytes == 0 for reader in snapshot.live)
        assert sorted(found) == list(range(len(found)))
        assert len(found) >= seen
        seen = len(found)
    collector.stop()
