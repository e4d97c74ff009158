"""The stores that benchmarks/analysis.py asks: the same flows in nftui's and in nfcapd's files, made once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
from analysis_flows import EXPORTERS, SLOT_MS, SLOTS, START_MS, slot_flows, slot_sizes
from send import Exporter
from workload import Stream

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.store.writer import StoreWriter

SEALED, COMPACTED = "nftui-sealed", "nftui-compacted"
NFDUMP, NFDUMP_LZ4 = "nfdump-none", "nfdump-lz4"
PORT = 25_001
_QUEUE_BYTES = 200_000
_BURST = 16
_DONE = "complete"


def build(
    folder: Path, flows: int, slots: int = SLOTS, names: tuple[str, ...] = (SEALED, COMPACTED, NFDUMP, NFDUMP_LZ4)
) -> dict[str, Path]:
    """Make what is not there yet of these variants; returns the directory of each.

    Args:
        folder: holds them.
        flows: how many.
        slots: of five minutes each, over which they are spread.
        names: variants, each after those that it is made from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = {name: folder / name for name in names}
    makers = {
        SEALED: lambda: _nftui(places[SEALED], flows, slots),
        COMPACTED: lambda: _compacted(places[SEALED], places[COMPACTED]),
        NFDUMP: lambda: _nfcapd(places[NFDUMP], flows, slots),
        NFDUMP_LZ4: lambda: _lz4(places[NFDUMP], places[NFDUMP_LZ4]),
    }
    for name in names:
        mark = folder / f"{name}.{_DONE}"
        if not mark.exists():
            shutil.rmtree(places[name], ignore_errors=True)
            print(f"making {places[name]} ...", file=sys.stderr, flush=True)
            makers[name]()
            mark.touch()
    return places


def check_totals(places: dict[str, Path]) -> dict[str, int]:
    """Flows, packets and bytes, which must be the same everywhere; raises AssertionError if not."""
    out = subprocess.run(["nfdump", "-R", places[NFDUMP], "-I"], capture_output=True, text=True, check=True).stdout
    said = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
    theirs = [int(said[key]) for key in ("Flows", "Packets", "Bytes")]
    for name in (SEALED, COMPACTED):
        text = f"SELECT SUM(flows), SUM(packets), SUM(bytes) FROM '{places[name]}/date=*/hour=*/*.parquet'"
        ours = duckdb.sql(text).fetchall()[0]
        assert [int(value) for value in ours] == theirs, (name, ours, theirs)
    return dict(zip(("flows", "packets", "bytes"), theirs, strict=True))


def size(place: Path) -> int:
    """Bytes of all files; replaced parts, which the next compaction removes, are not counted."""
    return sum(p.stat().st_size for p in place.rglob("*") if p.is_file() and p.suffix != ".replaced")


def _nftui(root: Path, flows: int, slots: int = SLOTS) -> None:
    clock = ManualClock(START_MS)
    writer = StoreWriter(root, clock=clock)
    writer.open()
    for slot, count in enumerate(slot_sizes(flows, slots).tolist()):
        clock.advance((START_MS + slot * SLOT_MS - clock.now_ms()) / 1000)
        writer.append(slot_flows(slot, count, slots))
        for seconds in (290, 9):
            clock.advance(seconds)
            writer.tick()
        while writer.status().waiting_segments > 2:
            time.sleep(0.01)
    writer.close()
    counts = writer.drain_counts()
    assert counts["flows.stored"] == flows, counts


def _compacted(sealed: Path, root: Path) -> None:
    shutil.copytree(sealed, root)
    subprocess.run([sys.executable, "-m", "nftui", "compact", "-l", root], check=True, stderr=subprocess.DEVNULL)
    for path in (root / "_tmp").glob("*.replaced"):
        path.unlink()


def _nfcapd(folder: Path, flows: int, slots: int) -> None:
    """One run of nfcapd per slot, so that each slot has a file of its own."""
    folder.mkdir()
    boot_ms = START_MS - 86_400_000
    encoders = [NetFlow9Encoder(domain + 1, boot_ms=boot_ms) for domain in range(EXPORTERS)]
    for slot, count in enumerate(slot_sizes(flows, slots).tolist()):
        batch = slot_flows(slot, count, slots)
        when = time.strftime("%Y%m%d%H%M", time.gmtime((START_MS + slot * SLOT_MS) / 1000))
        _receive_slot(folder, folder / f"nfcapd.{when}", batch, encoders, START_MS + (slot + 1) * SLOT_MS)


def _receive_slot(
    folder: Path, target: Path, batch: FlowBatch, encoders: list[NetFlow9Encoder], export_ms: int
) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    command = ["nfcapd", "-w", scratch, "-p", str(PORT), "-b", "127.0.0.1", "-t", "86400", "-B", "4000000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while _waiting_bytes() is None:
            time.sleep(0.01)
        domains = batch.columns["observation_domain_id"]
        for number, encoder in enumerate(encoders):
            encoder.resend_templates()
            datagrams = encoder.encode(batch.take(np.flatnonzero(domains == number + 1)), export_ms)
            exporter = Exporter.create(Stream(datagrams, 12, 0), f"127.0.1.{number + 1}", PORT)
            left = len(datagrams)
            while left:
                while (_waiting_bytes() or 0) > _QUEUE_BYTES:
                    time.sleep(0.0005)
                left -= exporter.send(min(_BURST, left))[0]
            exporter.opened.close()
        while _waiting_bytes():
            time.sleep(0.01)
        time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    files = sorted(scratch.glob("nfcapd.2*"))
    assert len(files) == 1, files
    os.rename(files[0], target)
    shutil.rmtree(scratch)


def _waiting_bytes() -> int | None:
    """Bytes in the receive queue of nfcapd's socket; None before it is open."""
    port = f":{PORT:04X} "
    with open("/proc/net/udp") as table:
        for line in table:
            if port in line[:24] and " 00000000:0000 " in line:
                return int(line.split()[4].split(":")[1], 16)
    return None


def _lz4(none: Path, folder: Path) -> None:
    shutil.copytree(none, folder)
    subprocess.run(["nfdump", "-J", "3", "-R", folder], check=True, capture_output=True)
