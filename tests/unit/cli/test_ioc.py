"""`nftui ioc`: answers, formats, exit codes, damaged files, hostile lists."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli.main import run
from nftui.engine.clock import ManualClock
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.writer import StoreWriter

FLOWS = [
    {"dst_addr": "203.0.113.7", "dst_port": 4444, "bytes": 100, "packets": 1},
    {"dst_addr": "203.0.113.7", "src_addr": "10.0.0.2", "bytes": 900, "packets": 2, "sampling_rate": 10,
     "time_flow_start_ms": BASE_MS + 60_000, "time_flow_end_ms": BASE_MS + 61_000},
    {"src_addr": "203.0.113.7", "dst_addr": "10.0.0.2", "src_port": 443, "dst_port": 1024, "bytes": 50, "packets": 1,
     "sampler_address": "127.0.0.2"},
    {"src_addr": "2001:db8::5", "dst_addr": "2001:db8::6", "proto": 17},
]  # fmt: skip


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return flow_file(tmp_path / "flows.parquet", FLOWS)  # type: ignore[arg-type]


def listed(tmp_path: Path, text: str | bytes, name: str = "list") -> str:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def ioc(capsys: pytest.CaptureFixture[str], flows: Path, *arguments: str, code: int = 1) -> tuple[str, str]:
    capsys.readouterr()
    assert run(["ioc", "-r", str(flows), *arguments]) == code
    done = capsys.readouterr()
    return done.out, done.err


def test_ndjson_has_every_number(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = ioc(capsys, flows, "-o", "ndjson", listed(tmp_path, "203.0.113.7 # C2\n198.51.100.1\n"))
    record = json.loads(out)
    timeline = record.pop("timeline")
    assert record == {
        "indicator": "203.0.113.7", "kind": "address", "label": "C2", "file": str(tmp_path / "list"), "line": 1,
        "seen": True, "direction": "both", "time_flow_start_ms": BASE_MS, "time_flow_end_ms": BASE_MS + 61_000,
        "records": 3, "flows": 3, "flows_as_source": 1, "flows_as_destination": 2, "packets": 22, "bytes": 9150,
        "peers": 2,
        "top_peers": [{"addr": "10.0.0.2", "flows": 2, "bytes": 9050}, {"addr": "10.0.0.1", "flows": 1, "bytes": 100}],
        "exporters": ["127.0.0.1", "127.0.0.2"], "timeline_start_ms": BASE_MS, "timeline_step_ms": 2542,
    }  # fmt: skip
    assert (timeline[0], timeline[23], sum(timeline)) == (2, 1, 3)
    assert err == ""


def test_unscaled_takes_the_counters_of_the_wire(
    flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(ioc(capsys, flows, "--unscaled", "-o", "ndjson", listed(tmp_path, "203.0.113.7"))[0])
    assert (record["bytes"], record["packets"]) == (1050, 4)


def test_the_table_shows_the_most_recent_first(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ioc(capsys, flows, listed(tmp_path, "tcp/4444 # shell\n203.0.113.7\n2001:db8::/64\n"))
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["Indicator", "As"]
    assert [line.split()[0] for line in lines[1:7:2]] == ["203.0.113.7", "tcp/4444", "2001:db8::/64"]
    assert "2026-01-01 10:00:00 2026-01-01 10:01:01" in lines[1]
    assert "10.0.0.2 (2 flows, 9050 bytes)" in lines[2]
    assert lines[3].split()[1] == "dst"
    assert lines[3].endswith("shell")
    assert lines[-2] == "Indicators: 3, seen: 3, repeated: 0, lines not used: 0"


def test_csv_has_a_header_and_all_indicators_with_all(
    flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = ioc(capsys, flows, "--all", "-o", "csv", listed(tmp_path, "198.51.100.1,=cmd()\n203.0.113.7,x\n"))
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(r["indicator"], r["seen"], r["bytes"]) for r in rows] == [
        ("203.0.113.7", "1", "9150"), ("198.51.100.1", "0", ""),
    ]  # fmt: skip
    assert rows[0]["top_peers"] == "10.0.0.2 10.0.0.1"
    assert rows[1]["label"] == "'=cmd()"


def test_nothing_seen_is_exit_code_0(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ioc(capsys, flows, listed(tmp_path, "198.51.100.1\nport 9\n"), code=0)
    assert out.splitlines()[0] == "Indicators: 2, seen: 0, repeated: 0, lines not used: 0"


def test_window_and_filter_limit_what_is_seen(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = listed(tmp_path, "203.0.113.7")
    window = "2026-01-01T10:00:30..2026-01-01T10:02:00"
    out, _ = ioc(capsys, flows, "-t", window, "--utc", "-o", "ndjson", name)
    assert json.loads(out)["records"] == 1
    assert json.loads(out)["timeline_start_ms"] == BASE_MS + 30_000
    out, _ = ioc(capsys, flows, "--filter", "src ip 203.0.113.7", "-o", "ndjson", name)
    assert json.loads(out)["direction"] == "source"
    ioc(capsys, flows, "--filter", "proto gre", name, code=0)
    ioc(capsys, flows, "--filter", "proto", name, code=65)


def test_bad_lines_are_named_and_not_fatal(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = listed(tmp_path, b"203.0.113.7\nevil.example\n\xff\xfe\x1b[2J\n")
    _, err = ioc(capsys, flows, name)
    assert f"{name}, line 2: 'evil.example' is a name: flows have addresses only" in err
    assert f"{name}, line 3: " in err
    assert "2 lines are not used, 1 indicators are" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("text", ["", "# nothing\n", "evil.example\n", "\x00" * 100])
def test_a_list_without_any_indicator_is_an_error(
    flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    _, err = ioc(capsys, flows, listed(tmp_path, text), code=2)
    assert "no indicator in" in err


def test_a_missing_list_is_an_error(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file" in ioc(capsys, flows, str(tmp_path / "nowhere"), code=2)[1]


def test_skipped_files_are_told_and_a_sighting_matters_more(
    flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    seen, unseen = listed(tmp_path, "203.0.113.7", "seen"), listed(tmp_path, "198.51.100.1", "unseen")
    _, err = ioc(capsys, flows, "-r", str(damaged), seen)
    assert "damaged.parquet" in err
    ioc(capsys, flows, "-r", str(damaged), unseen, code=3)


def test_the_live_segment_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str], flows: Path) -> None:
    import pyarrow.parquet as pq

    clock = ManualClock(BASE_MS)
    writer = StoreWriter(tmp_path / "store", 300, clock)
    writer.open()
    writer.append(from_arrow(pq.read_table(flows)))
    clock.advance(1)
    writer.tick()
    assert list((tmp_path / "store" / "_live").iterdir())
    out, _ = ioc(capsys, tmp_path / "store", "-o", "ndjson", listed(tmp_path, "203.0.113.7"))
    assert json.loads(out)["records"] == 3
    writer.close()


def test_control_characters_of_a_label_stay_out(
    flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = listed(tmp_path, "203.0.113.7 # \x1b]0;x\x07\u202eevil\n")
    for form in ("table", "ndjson", "csv"):
        out, _ = ioc(capsys, flows, "-o", form, name)
        assert not any(c in out for c in "\x1b\x07\u202e")
        assert "evil" in out
