"""`nftui dump`: answers, formats, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nftui.cli.main import run
from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.clock import ManualClock
from nftui.engine.store.writer import StoreWriter
from nftui.text import V4_PREFIX, parse_address

BASE = 1_767_261_600_000  # 2026-01-01 10:00:00 UTC
SLOT = 300_000


def flows(rows: list[dict[str, int | str]]) -> FlowBatch:
    """A batch from plain values; addresses as text, what is left out is null."""
    out = FlowBatch(len(rows))
    defaults = {
        "src": "10.0.0.1", "dst": "192.0.2.1", "src_port": 1024, "dst_port": 443, "proto": 6, "tcp_flags": 27,
        "bytes": 1000, "packets": 10, "flows": 1, "start": 0, "lasts": 1000, "received": 2000,
    }  # fmt: skip
    full = [{**defaults, **row} for row in rows]
    for name, field in (("src", "src_addr"), ("dst", "dst_addr")):
        values = [parse_address(str(row[name])) for row in full]
        for half, shift in (("hi", 64), ("lo", 0)):
            halves = np.array([v >> shift & 0xFFFFFFFFFFFFFFFF for v in values], np.uint64)
            out.columns[f"{field}_{half}"] = halves.view(np.int64)
    for name, dtype in (("src_port", "u2"), ("dst_port", "u2"), ("proto", "u1"), ("tcp_flags", "u2"), ("bytes", "i8"),
                        ("packets", "i8"), ("flows", "i8")):  # fmt: skip
        out.columns[name] = np.array([row[name] for row in full], dtype)
    start = BASE + np.array([row["start"] for row in full], np.int64)
    out.columns["time_flow_start_ms"] = start
    out.columns["time_flow_end_ms"] = start + np.array([row["lasts"] for row in full], np.int64)
    out.columns["time_received_ms"] = start + np.array([row["received"] for row in full], np.int64)
    out.columns["sampler_address_hi"] = np.zeros(len(rows), np.int64)
    out.columns["sampler_address_lo"] = np.full(len(rows), V4_PREFIX | 0x7F000001)
    out.columns["flow_source"] = np.full(len(rows), 9, "u1")
    out.columns["quality"] = np.zeros(len(rows), "u2")
    for name, dtype in (("sampling_rate", "u4"), ("src_vlan", "u2")):
        if any(name in row for row in rows):
            out.columns[name] = np.array([row.get(name, 0) for row in rows], dtype)
            out.valid[name] = np.array([name in row for row in rows])
    if any("username" in row for row in rows):
        texts = sorted({str(row["username"]) for row in rows if "username" in row})
        codes = [texts.index(str(row["username"])) if "username" in row else -1 for row in rows]
        out.text["username"] = TextColumn(np.array(codes, np.int32), texts)
    return out


def store_of(root: Path, *slots: list[dict[str, int | str]], live: list[dict[str, int | str]] | None = None) -> Path:
    """A store with sealed slots of five minutes, the first at BASE, and flows in a live segment."""
    clock = ManualClock(BASE)
    writer = StoreWriter(root, 300, clock)
    writer.open()
    for index, rows in enumerate(slots):
        writer.append(flows([{**row, "start": int(row.get("start", 0)) + index * SLOT} for row in rows]))
        clock.step(300)
        clock.advance(60)
        clock.step(-60)
        writer.tick()
    writer.close()
    if live:
        clock = ManualClock(BASE + len(slots) * SLOT)
        writer = StoreWriter(root, 300, clock)
        writer.open()
        writer.append(flows([{**row, "start": int(row.get("start", 0)) + len(slots) * SLOT} for row in live]))
        clock.advance(1)
        writer.tick()  # written to the segment; this writer is never closed, as after kill -9
        writer._lock.release()  # type: ignore[union-attr]
    return root


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def dump(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["dump", "-r", str(store), *arguments]) == code
    return capsys.readouterr().out


def rows(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in dump(store, capsys, "-o", "ndjson", *arguments).splitlines()]


def test_a_list_in_ndjson_has_the_fields_that_a_flow_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"src_vlan": 7}, {"src": "2001:db8::1", "dst": "2001:db8::2", "start": 5}])
    assert rows(store, capsys) == [
        {
            "time_received_ms": BASE + 2000, "time_flow_start_ms": BASE, "time_flow_end_ms": BASE + 1000,
            "sampler_address": "127.0.0.1", "flow_source": 9, "src_addr": "10.0.0.1", "dst_addr": "192.0.2.1",
            "src_port": 1024, "dst_port": 443, "proto": 6, "tcp_flags": 27, "bytes": 1000, "packets": 10, "flows": 1,
            "src_vlan": 7, "quality": 0,
        },
        {
            "time_received_ms": BASE + 2005, "time_flow_start_ms": BASE + 5, "time_flow_end_ms": BASE + 1005,
            "sampler_address": "127.0.0.1", "flow_source": 9, "src_addr": "2001:db8::1", "dst_addr": "2001:db8::2",
            "src_port": 1024, "dst_port": 443, "proto": 6, "tcp_flags": 27, "bytes": 1000, "packets": 10, "flows": 1,
            "quality": 0,
        },
    ]  # fmt: skip


def test_a_statistic_in_ndjson_has_key_sums_rates_and_shares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_of(tmp_path / "s", [{"bytes": 3000}, {"bytes": 1000, "src": "10.0.0.2", "lasts": 4000}])
    assert rows(store, capsys, "-s", "ip/bytes", "-n", "2") == [
        {
            "statistic": "ip", "order": "bytes", "rank": 1, "addr": "192.0.2.1", "flows": 2, "packets": 20,
            "bytes": 4000, "time_flow_start_ms": BASE, "time_flow_end_ms": BASE + 4000, "pps": 5, "bps": 8000,
            "bpp": 200, "flows_percent": 100.0, "packets_percent": 100.0, "bytes_percent": 100.0,
        },
        {
            "statistic": "ip", "order": "bytes", "rank": 2, "addr": "10.0.0.1", "flows": 1, "packets": 10,
            "bytes": 3000, "time_flow_start_ms": BASE, "time_flow_end_ms": BASE + 1000, "pps": 10, "bps": 24000,
            "bpp": 300, "flows_percent": 50.0, "packets_percent": 50.0, "bytes_percent": 75.0,
        },
    ]  # fmt: skip


def test_a_flow_with_equal_ends_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"src": "10.0.0.1", "dst": "10.0.0.1", "bytes": 5}, {"dst": "10.0.0.9"}])
    assert [(r["addr"], r["flows"], r["bytes"]) for r in rows(store, capsys, "-s", "ip/bytes")] == [
        ("10.0.0.1", 2, 1005), ("10.0.0.9", 1, 1000),
    ]  # fmt: skip


def test_sampling_is_applied_unless_asked_not_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"sampling_rate": 100}, {"start": 1}])
    assert [(r["bytes"], r["packets"]) for r in rows(store, capsys)] == [(100_000, 1000), (1000, 10)]
    assert [(r["bytes"], r["packets"]) for r in rows(store, capsys, "--unscaled")] == [(1000, 10), (1000, 10)]
    assert len(rows(store, capsys, "bytes > 5000")) == 1
    assert len(rows(store, capsys, "--unscaled", "bytes > 5000")) == 0
    assert [r["bytes"] for r in rows(store, capsys, "-s", "proto")] == [101_000]


def test_a_window_takes_flows_that_overlap_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = [(0, 1000), (1000, 59_000), (60_000, 0), (59_000, 200_000), (130_000, 1000)]
    store = store_of(
        tmp_path / "s",
        [{"start": a, "lasts": b, "received": 290_000 - a, "src_port": i} for i, (a, b) in enumerate(times)],
    )

    def ports(mode: str) -> list[object]:
        window = ["-t", "2026-01-01T10:01..10:02", "--window", mode]
        return sorted(r["src_port"] for r in rows(store, capsys, *window))  # type: ignore[type-var]

    assert ports("overlap") == [1, 2, 3]
    assert ports("inside") == [2]
    assert ports("start") == [2]
    assert ports("end") == [1, 2]


def test_first_and_last_seconds_count_from_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"start": s * 1000, "lasts": 0, "received": 1, "src_port": s} for s in range(60)])
    assert [r["src_port"] for r in rows(store, capsys, "-t", "+3")] == [0, 1, 2]
    assert [r["src_port"] for r in rows(store, capsys, "-t", "-3")] == [56, 57, 58, 59]


def test_sealed_slots_and_the_live_segment_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"src_port": 1}], [{"src_port": 2}], live=[{"src_port": 3, "src_vlan": 9}])
    assert list((store / "_live").glob("*.arrows"))
    assert [(r["src_port"], r.get("src_vlan")) for r in rows(store, capsys)] == [(1, None), (2, None), (3, 9)]
    assert [r["flows"] for r in rows(store, capsys, "-s", "proto")] == [3]
    assert [r["src_port"] for r in rows(store, capsys, "src_vlan 9")] == [3]
    assert [r["src_port"] for r in rows(store, capsys, "not src_vlan 9")] == [1, 2]
    assert [r["src_port"] for r in rows(store, capsys, "-O", "tstart:d", "-n", "2")] == [3, 2]


def test_damaged_files_are_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"src_port": 1}], [{"src_port": 2}], [{"src_port": 3}], [{"src_port": 4}])
    first, second, third, fourth = sorted(store.rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:100])
    second.write_bytes(b"")
    content = bytearray(third.read_bytes())
    content[4:400] = b"\xff" * 396
    third.write_bytes(content)
    assert run(["dump", "-r", str(store), "-o", "ndjson"]) == 3
    printed = capsys.readouterr()
    assert [json.loads(line)["src_port"] for line in printed.out.splitlines()] == [4]
    assert all(str(path) in printed.err for path in (first, second, third))
    assert str(fourth) not in printed.err
    assert "3 files were skipped" in printed.err


def test_no_flows_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s")
    assert "No matching flows" in dump(store, capsys)
    assert "total flows: 0" in dump(store, capsys, "-s", "srcip")
    assert dump(store, capsys, "-o", "json") == "[]\n"
    assert dump(store, capsys, "-o", "ndjson", "-s", "ip") == ""
    assert "total flows: 0" in dump(store, capsys, "-t", "+10")


def test_a_directory_or_a_file_of_parquet_is_a_source_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"src_port": 1}], [{"src_port": 2}], [{"src_port": 3}])
    folder = tmp_path / "it's [odd]"
    folder.mkdir()
    names = ["a.parquet", "b.parquet", "c.parquet"]
    for path, name in zip(sorted(store.rglob("*.parquet")), names, strict=True):
        (folder / name).write_bytes(path.read_bytes())
    (folder / "_work.parquet").write_bytes(b"not ours")
    assert len(rows(folder, capsys)) == 3
    assert [r["src_port"] for r in rows(folder / "b.parquet", capsys)] == [2]

    def ranged(*arguments: str) -> list[object]:
        assert run(["dump", *arguments, "-o", "ndjson"]) == 0
        return sorted(json.loads(line)["src_port"] for line in capsys.readouterr().out.splitlines())

    capsys.readouterr()
    assert ranged("-R", str(folder)) == [1, 2, 3]
    assert ranged("-R", str(folder / "b.parquet")) == [2, 3]
    assert ranged("-R", f"{folder / 'a.parquet'}:b.parquet") == [1, 2]
    assert ranged("-M", f"{tmp_path / 's'}:{folder.name}") == [1, 1, 2, 2, 3, 3]
    assert run(["dump", "-R", str(folder / "x.parquet")]) == 2


def test_csv_has_every_column_and_no_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(
        tmp_path / "s", [{"username": "=1+1", "start": 0}, {"username": 'a,"b"', "start": 1}, {"start": 2}]
    )
    header, *lines = dump(store, capsys, "-o", "csv").splitlines()
    names = header.split(",")
    assert names[:3] == ["time_received_ms", "time_flow_start_ms", "time_flow_end_ms"]
    assert lines[0].split(",")[names.index("username")] == "'=1+1"
    assert '"a,""b"""' in lines[1]
    assert lines[2].split(",")[names.index("username")] == ""
    assert all(line.count(",") >= header.count(",") for line in lines)
    assert dump(store, capsys, "-q", "-o", "csv").splitlines() == lines


def test_text_from_exporters_is_harmless_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"username": "a\x1b[31mred\u202e"}])
    for arguments in (["-o", "fmt:%uname"], ["-o", "raw"], ["-o", "ndjson"], ["-s", "user"], ["-o", "csv"]):
        printed = dump(store, capsys, *arguments)
        assert "a[31mred" in printed
        assert "\x1b" not in printed
        assert "\u202e" not in printed


def test_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(
        tmp_path / "s", *[[{"src_port": p, "bytes": p} for p in range(s * 10, s * 10 + 10)] for s in range(9)]
    )
    assert len(rows(store, capsys, "-c", "35")) == 35
    assert [r["bytes"] for r in rows(store, capsys, "-O", "bytes", "-n", "3")] == [89, 88, 87]
    assert len(rows(store, capsys, "-s", "srcport")) == 10
    assert len(rows(store, capsys, "-s", "srcport", "-n", "0")) == 90
    assert sum(int(str(r["flows"])) for r in rows(store, capsys, "-s", "srcport", "-c", "35", "-n", "0")) == 35
    assert "passed: 35" in dump(store, capsys, "-c", "35")
    assert "passed: 90" in dump(store, capsys, "-n", "5")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["prt 80"], 65, "did you mean port?"),
        (["-s", "foo"], 2, "unknown statistic 'foo'"),
        (["-s", "ip/foo"], 2, "unknown order 'foo'"),
        (["-O", "foo"], 2, "unknown order 'foo'"),
        (["-o", "foo"], 2, "unknown output format 'foo'"),
        (["-o", "fmt:%foo"], 2, "unknown tag %foo"),
        (["-t", "whenever"], 2, "'whenever' is not understood"),
        (["--zone", "Mars"], 2, "unknown time zone 'Mars'"),
        (["--memory", "lots"], 2, "lots"),
        (["-r", "/nonexistent/store"], 2, "/nonexistent/store: no such file"),
        (["-f", "/nonexistent/filter"], 2, "/nonexistent/filter: No such file"),
        (["-n", "x"], 2, "'x' is not a valid integer"),
    ],
)
def test_mistakes_are_one_clear_message(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_of(tmp_path / "s", [{}])
    source = [] if "-r" in arguments else ["-r", str(store)]
    assert run(["dump", *source, *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err


def test_checking_and_explaining_read_no_flows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", "/nonexistent", "-Z", "tcp"]) == 0
    assert run(["dump", "-r", "/nonexistent", "-X", "tcp and port 53"]) == 0
    printed = capsys.readouterr().out
    assert "proto = 6 (TCP)" in printed
    assert "(proto = 6 AND (src_port = 53 OR dst_port = 53))" in printed


def test_sums_by_elements(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(
        tmp_path / "s",
        [
            {"src": "10.0.0.1", "bytes": 1, "tcp_flags": 2},
            {"src": "10.0.0.77", "bytes": 20, "start": 500, "sampling_rate": 10},
            {"src": "2001:db8:0:1::5", "bytes": 300},
            {"src": "2001:db8:0:1::6", "bytes": 4000, "lasts": 3000},
        ],
    )
    masked = ["-A", "srcip4/24,srcip6/64", "-O", "bytes"]
    found = rows(store, capsys, *masked)
    assert [(r["src_addr"], r["flows"], r["bytes"]) for r in found] == [
        ("2001:db8:0:1::", 2, 4300), ("10.0.0.0", 2, 201),
    ]  # fmt: skip
    assert found[0]["time_flow_end_ms"] == BASE + 3000
    assert found[0]["bps"] == 4300 * 8 // 3
    assert [r["bytes"] for r in rows(store, capsys, *masked, "--unscaled")] == [
        4300,
        21,
    ]
    assert len(rows(store, capsys, "-A", "srcip4/24")) == 3
    assert run(["dump", "-r", str(store), "-A", "srcip4/33"]) == 2
    assert run(["dump", "-r", str(store), "-A", "srcip", "-b"]) == 2
    assert "did you mean srcip?" in _error(capsys, store, "-A", "srcpi")


def _error(capsys: pytest.CaptureFixture[str], store: Path, *arguments: str) -> str:
    capsys.readouterr()
    assert run(["dump", "-r", str(store), *arguments]) == 2
    return capsys.readouterr().err


def test_both_directions_of_a_connection_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"src": "10.0.0.1", "dst": "192.0.2.1", "src_port": 40_000, "dst_port": 443}
    reply = {"src": "192.0.2.1", "dst": "10.0.0.1", "src_port": 443, "dst_port": 40_000}
    store = store_of(
        tmp_path / "s",
        [
            {**request, "bytes": 100, "packets": 1, "tcp_flags": 2},
            {**reply, "bytes": 9000, "packets": 9, "tcp_flags": 16, "start": 50},
            {**reply, "src": "192.0.2.2", "bytes": 7, "start": 60},
        ],
    )

    def pairs(option: str) -> list[tuple[object, ...]]:
        names = ("src_addr", "dst_port", "packets", "bytes", "out_packets", "out_bytes", "flows", "tcp_flags")
        return [tuple(r[name] for name in names) for r in rows(store, capsys, option, "-O", "tstart")]

    assert pairs("-b") == [("10.0.0.1", 443, 1, 100, 9, 9000, 2, 18), ("192.0.2.2", 40_000, 10, 7, 0, 0, 1, 27)]
    assert pairs("-B") == [("10.0.0.1", 443, 1, 100, 9, 9000, 2, 18), ("10.0.0.1", 443, 0, 0, 10, 7, 1, 27)]


def test_what_passes_can_be_written_and_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(
        tmp_path / "s",
        [{"src_port": 1, "src_vlan": 7, "sampling_rate": 10}, {"src_port": 2}, {"src_port": 1, "start": 9}],
    )
    file, sums = tmp_path / "w's.parquet", tmp_path / "sums.parquet"
    assert dump(store, capsys, "-w", str(file), "src port 1") == ""
    assert rows(file, capsys) == rows(store, capsys, "src port 1")
    assert rows(file, capsys, "--unscaled", "-s", "vlan") == rows(
        store, capsys, "--unscaled", "-s", "vlan", "src port 1"
    )
    assert dump(store, capsys, "-A", "srcport", "-w", str(sums)) == ""
    again = rows(sums, capsys, "-O", "bytes")
    assert [(r["src_port"], r["flows"], r["bytes"], r["sampler_address"]) for r in again] == [
        (1, 2, 11_000, "127.0.0.1"), (2, 1, 1000, "127.0.0.1"),
    ]  # fmt: skip
    assert run(["dump", "-r", str(store), "-w", str(file)]) == 73
    assert run(["dump", "-r", str(store), "-w", str(tmp_path / "no" / "x.parquet")]) == 73
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "sums.parquet", "w's.parquet"]


def test_what_passes_can_be_written_as_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(
        tmp_path / "s",
        [{"src_port": 1, "src_vlan": 7}, {"src_port": 2}, {"src_port": 1, "start": 9, "received": 7_200_000}],
        live=[{"src_port": 1, "username": "eve"}],
    )
    made, empty = tmp_path / "made", tmp_path / "empty"
    empty.mkdir()
    for target in (f"{made}/", str(empty)):
        assert dump(store, capsys, "-w", target, "src port 1") == ""
    assert rows(made, capsys) == rows(empty, capsys) == rows(store, capsys, "src port 1")
    assert len(rows(made, capsys)) == 3
    assert rows(made, capsys, "-t", "2026-01-01T10:05..2026-01-01T10:06") == rows(store, capsys, "user eve")
    assert sorted(p.parent.name for p in made.glob("date=*/hour=*/*.parquet")) == ["hour=10", "hour=12"]
    assert run(["compact", "-l", str(made)]) == 0
    assert rows(made, capsys) == rows(store, capsys, "src port 1")
    assert run(["dump", "-r", str(store), "-w", f"{made}/"]) == 73
    assert run(["dump", "-r", str(store), "-w", str(tmp_path)]) == 73
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "made", "s"]


def test_a_failed_write_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nftui.engine.query.session import Interrupted, Session

    def interrupted(self: Session, *arguments: object, **named: object) -> object:
        raise Interrupted("interrupted")

    store = store_of(tmp_path / "s", [{}])
    monkeypatch.setattr(Session, "batches", interrupted)
    for target in ("file.parquet", "store/"):
        assert run(["dump", "-r", str(store), "-w", f"{tmp_path}/{target}"]) == 130
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_column_that_only_later_slots_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", *[[{"src_port": slot}] for slot in range(6)], [{"src_port": 6, "src_vlan": 7}])
    assert [(r["src_port"], r.get("src_vlan")) for r in rows(store, capsys)] == [
        *((port, None) for port in range(6)), (6, 7),
    ]  # fmt: skip


def test_an_interrupted_list_says_that_it_is_partial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nftui.engine.query.session import Session

    store = store_of(tmp_path / "s", *[[{"src_port": slot}] for slot in range(9)])
    portions = Session.rows

    def interrupted_after_one(self: Session, *arguments: object, **named: object) -> object:
        yield from portions(self, *arguments, **named)  # type: ignore[arg-type]
        self.interrupt()

    monkeypatch.setattr(Session, "rows", interrupted_after_one)
    printed = dump(store, capsys, "-N", code=130)
    assert "total flows: 4," in printed
    assert printed.splitlines()[-1] == "Partial: interrupted before the end"


def test_explaining_a_statistic_says_what_it_is_read_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{}])
    printed = dump(store, capsys, "-X", "-s", "srcip/bytes", "tcp")
    assert "proto = 6 (TCP)" in printed
    assert "-s srcip/bytes: from the single flows of 1 file" in printed
    assert "GROUP BY src_addr_hi, src_addr_lo" in printed


def test_the_progress_bar_is_as_wide_at_any_share() -> None:
    from nftui.cli.progress import bar

    assert [bar(share).count("#") for share in (-1.0, 0.0, 50.0, 100.0, 120.0)] == [0, 0, 20, 40, 40]
    assert len({len(bar(share)) for share in (-1.0, 3.0, 99.9, 100.0)}) == 1


def test_a_filter_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"dst_port": 53}, {"dst_port": 80}])
    (tmp_path / "f").write_text("# names\n dst port 53 # end")
    assert [r["dst_port"] for r in rows(store, capsys, "-f", str(tmp_path / "f"))] == [53]


def test_times_are_in_the_zone_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{}])
    assert dump(store, capsys, "-q").startswith("2026-01-01 10:00:00.000")
    assert dump(store, capsys, "-q", "--zone", "Asia/Tokyo").startswith("2026-01-01 19:00:00.000")
    window = ["-t", "2026-01-01T19:00..19:01", "--zone", "Asia/Tokyo"]
    assert len(rows(store, capsys, *window)) == 1
    assert len(rows(store, capsys, *window[:2])) == 0


def test_the_summary_tells_both_windows_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "s", [{"bytes": 600_000, "packets": 60}])
    printed = dump(store, capsys, "-t", "2026-01-01T10:00..10:01")
    assert "Time window: 2026-01-01 10:00:00.000 - 2026-01-01 10:00:01.000" in printed
    assert (
        "Window asked: 2026-01-01 10:00:00.000 - 2026-01-01 10:01:00.000 (overlap), over it: 80000 bps, 1 pps"
        in printed
    )


def test_the_rate_over_the_window_is_that_of_the_parts_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"bytes": 600_000, "packets": 600, "start": -30_000, "lasts": 60_000}, {"bytes": 300_000, "packets": 300}]
    store = store_of(tmp_path / "s", rows)
    printed = dump(store, capsys, "-t", "2026-01-01T10:00..10:01")
    assert "total bytes: 900000" in printed
    assert "over it: 80000 bps, 10 pps" in printed  # half of the first flow, all of the second


def test_dump_starts_without_numpy_where_no_segment_is_live(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s", [{}])
    code = (
        "import sys; from nftui.cli.main import run; "
        f"run(['dump', '-q', '-r', {str(store)!r}, '-s', 'srcip']); "
        "print(sorted(m for m in ('numpy', 'pyarrow', 'textual', 'scapy', 'rich') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
