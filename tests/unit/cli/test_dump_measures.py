"""`nftui dump --series`, `--summary` and `--distinct`: formats, mistakes, and what excludes what."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli.main import run

MINUTE = 60_000
FLOWS = [
    {"bytes": 100, "packets": 3, "time_flow_start_ms": BASE_MS + 30_000, "time_flow_end_ms": BASE_MS + 130_000},
    {"bytes": 7, "packets": 1, "proto": 17, "src_addr": "10.0.0.2", "time_flow_start_ms": BASE_MS + 60_000,
     "time_flow_end_ms": BASE_MS + 60_000},
    {"bytes": 50, "packets": 2, "proto": 17, "src_addr": "10.0.0.2", "dst_addr": "192.0.2.9", "dst_port": 53,
     "sampling_rate": 10, "time_flow_start_ms": BASE_MS + 180_000, "time_flow_end_ms": BASE_MS + 181_000},
]  # fmt: skip


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return flow_file(tmp_path / "flows.parquet", FLOWS)  # type: ignore[arg-type]


def dump(capsys: pytest.CaptureFixture[str], flows: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert run(["dump", "-r", str(flows), *arguments]) == code
    done = capsys.readouterr()
    return done.out, done.err


def records(capsys: pytest.CaptureFixture[str], flows: Path, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in dump(capsys, flows, "-o", "ndjson", *arguments)[0].splitlines()]


def test_a_flow_is_spread_over_its_minutes(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(capsys, flows, "-q", "--series", "1m")
    assert [(r["time_ms"], r["flows"], r["packets"], r["bytes"]) for r in rows] == [
        (BASE_MS, 1, 0, 30), (BASE_MS + MINUTE, 1, 3, 67), (BASE_MS + 2 * MINUTE, 0, 1, 10),
        (BASE_MS + 3 * MINUTE, 1, 20, 500),
    ]  # fmt: skip
    assert rows[3] == {
        "time_ms": BASE_MS + 3 * MINUTE, "step_ms": MINUTE, "series": "all", "flows": 1, "packets": 20, "bytes": 500,
        "pps": 0, "bps": 66,
    }  # fmt: skip


def test_a_number_alone_is_seconds(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {row["step_ms"] for row in records(capsys, flows, "-q", "--series", "60")} == {MINUTE}


def test_the_summary_of_a_series_has_its_95th_percentile(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = records(capsys, flows, "--series", "1m")[-1]
    assert summary == {
        "bins": 4, "step_ms": MINUTE, "series": "all", "flows_total": 3, "flows_min": 0, "flows_avg": 0.75,
        "flows_max": 1, "flows_p95": 1, "packets_total": 24, "packets_min": 0, "packets_avg": 6.0, "packets_max": 20,
        "packets_p95": 20, "bytes_total": 607, "bytes_min": 10, "bytes_avg": 151.75, "bytes_max": 500,
        "bytes_p95": 500,
    }  # fmt: skip


def test_series_by_protocol_are_ordered_by_bytes(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(capsys, flows, "-q", "--series", "4m/proto")
    assert [(r["series"], r["proto"], r["bytes"]) for r in rows] == [("1", 17, 507), ("2", 6, 100)]
    rows = records(capsys, flows, "-q", "--series", "4m/srcip", "-n", "1")
    assert [(r["series"], r.get("src_addr"), r["bytes"]) for r in rows] == [
        ("1", "10.0.0.2", 507), ("other", None, 100),
    ]  # fmt: skip


def test_what_lies_outside_of_the_window_is_told_apart(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    window = ("--utc", "-t", "2026-01-01T10:01:00..2026-01-01T10:01:30")
    rows = records(capsys, flows, "--series", "1m", *window)
    assert [(r["time_ms"], r["flows"], r["bytes"]) for r in rows if "time_ms" in r] == [(BASE_MS + MINUTE, 1, 37)]
    assert rows[-1] == {"series": "outside", "flows": 1, "packets": 2, "bytes": 70}
    assert "Outside of the window: 1 flows" in dump(capsys, flows, "--series", "1m", *window)[0]


def test_a_series_as_text_and_csv(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = dump(capsys, flows, "--series", "1m/proto")[0].splitlines()
    assert lines[0].split() == ["Date", "Protocol", "Flows", "Packets", "Bytes", "pps", "bps"]
    assert lines[2].split() == ["2026-01-01", "10:00:00.000", "TCP", "1", "0", "30", "0", "4"]
    assert "bytes         TCP          0       25.0         60         60        100" in lines
    assert lines[-4].startswith("Summary: total flows: 3, total bytes: 607")
    lines = dump(capsys, flows, "--series", "2m", "-o", "csv")[0].splitlines()
    assert lines == [
        "time_ms,step_ms,series,flows,packets,bytes,pps,bps",
        f"{BASE_MS},120000,all,2,3,97,0,6", f"{BASE_MS + 120_000},120000,all,1,21,510,0,34",
    ]  # fmt: skip


def test_nothing_makes_no_bins(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert records(capsys, flows, "--series", "1m", "proto gre") == []
    assert dump(capsys, flows, "-q", "--series", "1m", "proto gre")[0] == "No matching flows\n"
    assert records(capsys, flows, "--summary", "proto gre") == []
    assert dump(capsys, flows, "-q", "--summary", "proto gre")[0] == "No matching flows\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--series", "0"], "use a length such as"),
        (["--series", "x"], "use a length such as"),
        (["--series", "1m/nonsense"], "not a field to split by"),
        (["--series", "1m/ip"], "not a field to split by"),
        (["--series", "1ms"], "bins are too many: at most 100000; the flows say that they are of 2"),
        (["--series", "1m", "-s", "ip"], "--series excludes -s"),
        (["--series", "1m", "-a"], "--series excludes -a"),
        (["--series", "1m", "-o", "long"], "--series has no format 'long'"),
        (["--summary", "-O", "bytes"], "--summary excludes -O"),
        (["--summary", "-w", "file"], "--summary excludes -w"),
        (["-w", "-"], "-w needs the name"),
        (["--distinct", "dstip"], "give one with -s"),
        (["-s", "ip", "--distinct", "nonsense"], "'nonsense' is not a field"),
    ],
)
def test_mistakes(flows: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    assert reason in dump(capsys, flows, *arguments, code=2)[1]


def test_distributions_as_records(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(capsys, flows, "--summary")
    assert [r for r in rows if r["distribution"] == "bytes"] == [
        {"distribution": "bytes", "from": 4, "to": 7, "records": 1, "flows": 1, "packets": 1, "bytes": 7},
        {"distribution": "bytes", "from": 64, "to": 127, "records": 1, "flows": 1, "packets": 3, "bytes": 100},
        {"distribution": "bytes", "from": 256, "to": 511, "records": 1, "flows": 1, "packets": 20, "bytes": 500},
    ]
    assert [(r["from"], r["to"]) for r in rows if r["distribution"] == "duration"] == [
        (0, 0), (512, 1023), (65_536, 131_071),
    ]  # fmt: skip
    assert [(r["from"], r["records"]) for r in rows if r["distribution"] == "bpp"] == [(4, 1), (16, 1), (32, 1)]


def test_distributions_as_text_have_shares_and_totals(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = dump(capsys, flows, "--summary")[0].splitlines()
    assert lines[0] == "Bytes per flow:"
    assert lines[2].split() == ["4", "7", "1(", "33.3)", "33.3", "1(", "4.2)", "7(", "1.2)", "##########"]
    assert lines[3].split()[:5] == ["8", "15", "0(", "0.0)", "33.3"]
    assert [line for line in lines if line.endswith(":")] == [
        "Bytes per flow:", "Packets per flow:", "Bytes per packet:", "Duration of a flow, ms:",
    ]  # fmt: skip


def test_distinct_counts_beside_a_statistic(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(capsys, flows, "-s", "srcip", "--distinct", "dstip,dstport,ip")
    assert [
        (r["src_addr"], r["distinct_dstip"], r["distinct_dstport"], r["distinct_ip"]) for r in rows
    ] == [("10.0.0.2", 2, 2, 3), ("10.0.0.1", 1, 1, 2)]  # fmt: skip
    lines = dump(capsys, flows, "-s", "srcip", "--distinct", "dstip")[0].splitlines()
    assert lines[1].endswith("#Dst IP Addr")
    assert [line.split()[-1] for line in lines[2:4]] == ["2", "1"]
    header = dump(capsys, flows, "-s", "srcip", "--distinct", "dstip", "-o", "csv")[0].splitlines()[0]
    assert header.endswith(",distinct_dstip")
