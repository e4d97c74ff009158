"""`nftui top` as a process: tables of exports that arrive, of another collector's store and of stored flows."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from export_wire import v5, v5_record
from live_peers import nftui
from loopback_ports import free_port
from plain_flows import flow_file

NFTUI = (sys.executable, "-m", "nftui")
SECONDS = 120


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """Seven seconds of flows: 10.0.0.2 sends most."""
    start = 1_790_000_000_000
    rows: list[dict[str, int | str | None]] = [
        {
            "src_addr": f"10.0.0.{1 + i % 2}", "dst_addr": "192.0.2.9", "dst_port": 443 if i % 2 else 53,
            "proto": 6 if i % 2 else 17, "bytes": 1000 * (1 + i % 2), "packets": 2, "sampling_rate": 10,
            "time_flow_start_ms": start + 100 * i, "time_flow_end_ms": start + 100 * i + 50,
            "time_received_ms": start + 100 * i + 60,
        }
        for i in range(70)
    ]  # fmt: skip
    return flow_file(tmp_path / "flows.parquet", rows)


def top(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NFTUI, "top", *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS, check=False,
        env={**os.environ, **more},
    )  # fmt: skip


def replayed(flows: Path, *arguments: str) -> str:
    """What is printed of a recording when it has ended."""
    done = top("--replay", flows, "--speed", "30", "-i", "60", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command, listening."""
    process = subprocess.Popen(
        [*NFTUI, "top", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "nftui: " in first, first + process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)


def test_ndjson_has_the_sums_of_the_flows_unscaled_or_scaled(flows: Path) -> None:
    rows = [json.loads(line) for line in replayed(flows, "-o", "ndjson", "--unscaled").splitlines()]
    assert [(row["rank"], row["addr"], row["bytes"], row["packets"], row["flows"]) for row in rows] == [
        (1, "192.0.2.9", 105_000, 140, 70), (2, "10.0.0.2", 70_000, 70, 35), (3, "10.0.0.1", 35_000, 70, 35),
    ]  # fmt: skip
    assert rows[1]["tx_bytes"] == 70_000
    assert 1_790_000_000_000 < rows[0]["time_ms"] < 1_790_000_060_000
    scaled = [json.loads(line) for line in replayed(flows, "-o", "ndjson", "-n", "1").splitlines()]
    assert [(row["bytes"], row["packets"], row["flows"]) for row in scaled] == [(1_050_000, 1400, 70)]


def test_csv_has_one_header_and_the_rows_that_the_filter_lets_through(flows: Path) -> None:
    lines = list(csv.DictReader(replayed(flows, "-o", "csv", "--view", "port", "port", "53").splitlines()))
    found = {(line["port"], line["proto"]): (line["bytes"], line["flows"]) for line in lines}
    assert found[("53", "UDP")] == ("350000", "35")
    assert all(proto == "UDP" for _, proto in found)


def test_views_sorting_and_number_of_rows(flows: Path) -> None:
    text = replayed(flows, "--view", "by:dstport", "-n", "1", "-s", "flows")
    assert "1 of 2 rows" in text
    assert "*Flows" in text
    records = [json.loads(line) for line in replayed(flows, "--view", "flows", "-n", "2", "-o", "ndjson").splitlines()]
    assert [(row["src_addr"], row["dst_port"], row["bytes"]) for row in records] == [
        ("10.0.0.2", 443, 20_000), ("10.0.0.1", 53, 10_000),
    ]  # fmt: skip


def test_text_is_aligned_plain_and_ends_with_a_blank_line(flows: Path) -> None:
    text = replayed(flows, "tcp")
    sums, header, first, second, *rest = text.split("\n")
    assert "35 of 70 flows  2 of 2 rows" in sums
    assert header.startswith("Host ")
    assert (first[:15], second[:15]) == ("10.0.0.2       ", "192.0.2.9      ") or second[:15] == "10.0.0.2       "
    assert header.index("*Rate bit/s") + len("*Rate bit/s") == re.search(r"10\.0\.0\.2 +\S+", text)[0].__len__()
    assert rest == ["", ""]
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--view", "hots"], 2, "no view 'hots'; did you mean host?"),
        (["--view", "by:nothing"], 2, "no view 'by:nothing'"),
        (["-s", "size"], 2, "no column 'size' to sort by; the view host has addr, rate"),
        (["--clear"], 2, "--clear is for a terminal"),
        (["--listen", "127.0.0.1:1", "--no-listen"], 2, "exclude each other"),
        (["--replay", "/nonexistent"], 2, "/nonexistent"),
        (["--no-listen", "porrt", "5"], 65, "did you mean port?"),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(arguments: list[str], code: int, said: str) -> None:
    done = top(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_exports_that_arrive_are_printed_and_stored(tmp_path: Path) -> None:
    port = free_port()
    store = tmp_path / "store"
    arguments = ("--listen", f"127.0.0.1:{port}", "--store", store, "-i", "0.3", "-o", "ndjson", "tcp")
    with running(*arguments) as process, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
        exporter.sendto(v5([v5_record(octets=1234), v5_record(octets=1000)]), ("127.0.0.1", port))
        assert process.stdout is not None
        rows = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert {row["addr"]: row["bytes"] for row in rows} == {"10.0.0.1": 2234, "10.0.0.2": 2234}
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    stored = subprocess.run(
        [*NFTUI, "dump", "-r", str(store), "-o", "ndjson", "-q"], capture_output=True, text=True, check=True
    )
    assert sorted(json.loads(line)["bytes"] for line in stored.stdout.splitlines()) == [1000, 1234]


def test_a_reader_that_has_had_enough_ends_it_without_an_error(tmp_path: Path) -> None:
    with running("--no-listen", "--store", tmp_path / "store", "-i", "0.1") as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("0 of 0 rows\n")
        process.stdout.close()
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_store_that_another_process_writes_is_followed(tmp_path: Path) -> None:
    with nftui(tmp_path / "store") as (port, _):
        arguments = ("--store", tmp_path / "store", "-i", "0.3", "-o", "ndjson", "-n", "1", "--no-listen")
        with running(*arguments) as process, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
            exporter.sendto(v5([v5_record(octets=77)]), ("127.0.0.1", port))
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["bytes"] == 77
            process.terminate()
            assert process.wait(SECONDS) == 0


def test_a_terminal_gets_lines_that_fit_and_is_cleared_when_it_asks(flows: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*NFTUI, "top", "--replay", str(flows), "--speed", "30", "-i", "60", "--clear"],
        stdout=follower, stderr=subprocess.PIPE, env={**os.environ, "COLUMNS": "60"},
    )  # fmt: skip
    os.close(follower)
    seen = b""
    end = time.monotonic() + SECONDS
    while (time.monotonic() < end and select.select([leader], [], [], 0.2)[0]) or process.poll() is None:
        try:
            seen += os.read(leader, 65_536)
        except OSError:
            break
    os.close(leader)
    assert process.wait(SECONDS) == 0
    text = seen.decode().replace("\r\n", "\n")
    assert text.startswith("\x1b[H\x1b[2J2026-")
    assert max(map(len, text.removeprefix("\x1b[H\x1b[2J").splitlines())) <= 60
    assert "10.0.0.2" in text
