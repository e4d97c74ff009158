"""Replay: ours to nfcapd and to pmacct's nfacctd, nfreplay's to us; equal flows and totals, for every version."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from live_peers import BUFFER, PATIENCE_SECONDS, Row, need, nfcapd, nftui, ours, theirs, wait_for_socket
from loopback_ports import free_port

from nftui.demo.traffic import Traffic
from nftui.demo.world import Exporter
from nftui.engine.archive.nfdump_layout import Compression
from nftui.engine.archive.write_nfdump import NfdumpWriter
from nftui.engine.archive.writing import Sink
from nftui.engine.batch import FlowBatch, concat

pytestmark = pytest.mark.peer

NOW = time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An nfdump file with some seconds of the demo's traffic, IPv4 and IPv6."""
    traffic = Traffic(400, 5, NOW - 10_000)
    flows: FlowBatch = concat([traffic.step()[Exporter.BRANCH] for _ in range(60)])
    flows.columns |= {
        "sampler_address_hi": np.zeros(len(flows), np.int64),
        "sampler_address_lo": np.full(len(flows), 0xFFFF << 32 | 0xC0000263, np.int64),
        "time_received_ms": flows.columns["time_flow_end_ms"],
        "flow_source": np.full(len(flows), 10, np.uint8),
        "flows": np.ones(len(flows), np.int64),
        "quality": np.zeros(len(flows), np.uint16),
    }
    path = tmp_path_factory.mktemp("replay") / "nfcapd.202601010000"
    sink = Sink(path)
    writer = NfdumpWriter(sink, Compression.LZ4)
    writer.begin()
    writer.write(flows)
    writer.finish()
    sink.close()
    return path


def replay(source: Path, port: int, version: str, *more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nftui", "replay", "-r", str(source), "-H", "127.0.0.1", "-p", str(port), "-v", version,
         "-u", "300", *more],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr


def stored(path: Path) -> Counter[Row]:
    """What the source holds, as nfdump reads it."""
    need("nfdump")
    folder = path.parent / "as-folder"
    folder.mkdir(exist_ok=True)
    (folder / path.name).write_bytes(path.read_bytes())
    return theirs(folder)


def wanted(source: Path, version: str) -> Counter[Row]:
    rows = stored(source)
    if version == "5":
        rows = Counter(row for row in rows.elements() if ":" not in row[0])
    if version == "9":  # nfcapd does not show ICMP types of v9 that are in the destination port
        rows = Counter((*row[:3], 0, *row[4:]) if row[4] == 1 else row for row in rows.elements())
    return rows


@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_nfcapd_has_every_flow_that_we_replay(tmp_path: Path, source: Path, version: str) -> None:
    need("nfcapd", "nfdump")
    with nfcapd(tmp_path / "nfcapd") as port:
        said = replay(source, port, version)
    rows = wanted(source, version)
    assert rows.total() > 500
    assert f"nftui: {rows.total()} flows in" in said
    assert theirs(tmp_path / "nfcapd") == rows
    statistics = subprocess.run(["nfdump", "-R", str(tmp_path / "nfcapd"), "-I"], capture_output=True, text=True).stdout
    assert re.search(r"^Sequence failures: 0$", statistics, re.MULTILINE)
    if version == "5":
        assert f"flows.not_carried.ipv6: {stored(source).total() - rows.total()}" in said


@pytest.mark.parametrize("version", ["5", "9"])
def test_we_have_every_flow_that_nfreplay_sends(tmp_path: Path, source: Path, version: str) -> None:
    """nfreplay counts times from a start of its own and rounds them: they are not compared."""
    need("nfreplay", "nfdump")
    with nftui(tmp_path / "store") as (port, engine):
        subprocess.run(
            ["nfreplay", "-H", "127.0.0.1", "-p", str(port), "-v", version, "-d", "300", "-r", str(source)],
            check=True, capture_output=True,
        )  # fmt: skip
        expected = sum(1 for row in stored(source).elements() if version == "9" or ":" not in row[0])
        end = time.monotonic() + PATIENCE_SECONDS
        while engine.ledger.snapshot().get("records.flows", 0) < expected:
            assert time.monotonic() < end, engine.ledger.snapshot()
            time.sleep(0.02)
    rows = stored(source) if version == "9" else wanted(source, "5")
    assert totals(ours(tmp_path / "store")) == totals(rows)


def totals(rows: Counter[Row]) -> tuple[int, int, int]:
    return rows.total(), sum(row[5] * n for row, n in rows.items()), sum(row[6] * n for row, n in rows.items())


@pytest.mark.parametrize("version", ["9", "10"])
def test_nfacctd_has_the_totals_that_we_replay(tmp_path: Path, source: Path, version: str) -> None:
    need("nfacctd", "nfdump")
    port = free_port()
    out = tmp_path / "flows.json"
    config = tmp_path / "nfacctd.conf"
    config.write_text(
        f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: print\n"
        "aggregate: src_host,dst_host,src_port,dst_port,proto\nprint_output: json\nprint_refresh_time: 1\n"
        f"print_output_file: {out}\nprint_output_file_append: true\nnfacctd_pipe_size: {BUFFER}\n"
    )
    process = subprocess.Popen(
        ["nfacctd", "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    rows = stored(source)

    def counted() -> tuple[int, int]:
        text = out.read_text() if out.exists() else ""
        lines = [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]  # it may be writing the last
        return sum(line["packets"] for line in lines), sum(line["bytes"] for line in lines)

    try:
        wait_for_socket(port)
        replay(source, port, version)
        end = time.monotonic() + PATIENCE_SECONDS
        while counted() != totals(rows)[1:] and time.monotonic() < end:
            time.sleep(0.1)
        assert counted() == totals(rows)[1:]
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it waits long for its plugins otherwise
        process.wait(PATIENCE_SECONDS)


def test_ipfix_keeps_the_original_exporter(tmp_path: Path, source: Path) -> None:
    with nftui(tmp_path / "store") as (port, engine):
        replay(source, port, "10", "-c", "50")
        end = time.monotonic() + PATIENCE_SECONDS
        while engine.ledger.snapshot().get("records.flows", 0) < 50:
            assert time.monotonic() < end
            time.sleep(0.02)
    said = subprocess.run(
        [sys.executable, "-m", "nftui", "dump", "-r", str(tmp_path / "store"), "-o", "ndjson"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    original = subprocess.run(
        [sys.executable, "-m", "nftui", "dump", "-r", str(source), "-o", "ndjson", "-n", "1"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    exporter = json.loads(original)["sampler_address"]
    lines = [json.loads(line) for line in said.splitlines()]
    assert len(lines) == 50
    for line in lines:
        assert line["sampler_address"] == "127.0.0.1"
        assert line["extra"]["exporterIPv4Address"] == exporter == "192.0.2.99"
