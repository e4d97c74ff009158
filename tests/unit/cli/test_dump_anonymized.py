"""`nftui dump --anonymize`: filters see real addresses, answers show others, in lists, sums and statistics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nftui.cli import main
from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.store.arrow import CORE_COLUMNS, schema_of, to_arrow
from nftui.engine.store.seal import open_writer, sort_rows

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
HIDDEN = {"192.0.2.1": "2.90.93.17", "2001:db8::1": "dd92:2c44:3fc0:ff1e:7ff9:c7f0:8180:7e00"}
"""Published for this key."""


@pytest.fixture
def path(tmp_path: Path) -> str:
    batch = FlowBatch(2)
    high = np.array([0, 0x20010DB8 << 32], np.int64)
    low = np.array([0xFFFF << 32 | 0xC0000201, 1], np.int64)
    for name in ("src_addr", "dst_addr", "sampler_address"):
        batch.columns |= {f"{name}_hi": high, f"{name}_lo": low}
    for name in ("time_received_ms", "time_flow_start_ms", "time_flow_end_ms"):
        batch.columns[name] = np.array([1_700_000_000_000, 1_700_000_001_000], np.int64)
    batch.columns |= {
        "flow_source": np.array([9, 9], np.uint8), "flows": np.array([1, 1], np.int64),
        "quality": np.zeros(2, np.uint16), "bytes": np.array([200, 100], np.int64),
        "packets": np.array([2, 1], np.int64), "in_src_mac": np.array([5, 6], np.int64),
    }  # fmt: skip
    batch.text["username"] = TextColumn(np.array([0, 0], np.int32), ["ann"])
    found = to_arrow(batch)
    table = sort_rows([found], schema_of({*CORE_COLUMNS, *found.schema.names}))
    with open_writer(tmp_path / "flows.parquet", table.schema, 2) as writer:
        writer.write_table(table)
    return str(tmp_path / "flows.parquet")


def dump(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.run(["dump", "--anonymize", KEY, *arguments]) == 0
    return capsys.readouterr().out


def test_lists(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in dump(capsys, "-r", path, "-o", "ndjson", "-O", "bytes").splitlines()]
    for line, wanted in zip(lines, HIDDEN.values(), strict=True):
        assert [line[name] for name in ("src_addr", "dst_addr", "sampler_address")] == [wanted] * 3
        assert "username" not in line
        assert "in_src_mac" not in line
    assert "ann" not in dump(capsys, "-r", path, "-o", "raw")
    for form in ("long", "csv", "line"):
        said = dump(capsys, "-r", path, "-o", form, "-6")
        assert all(hidden in said for hidden in HIDDEN.values())
        assert not any(real in said for real in HIDDEN)


def test_the_filter_sees_real_addresses(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = dump(capsys, "-r", path, "-o", "fmt:%sa %byt", "-N", "-q", "src ip 192.0.2.1")
    assert said.split() == ["2.90.93.17", "200"]


def test_statistics_and_sums(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in dump(capsys, "-r", path, "-s", "ip/bytes", "-o", "ndjson").splitlines()]
    assert [(row["addr"], row["bytes"]) for row in rows] == [
        ("2.90.93.17", 200), (HIDDEN["2001:db8::1"], 100),
    ]  # fmt: skip
    said = dump(capsys, "-r", path, "-A", "srcip", "-o", "csv", "-q")
    assert "2.90.93.17" in said
    assert "192.0.2.1" not in said
    assert "2.90.93.17" in dump(capsys, "-r", path, "-s", "record/bytes")


def test_what_does_not_go_together(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("-w", str(tmp_path / "out.parquet")), ("-A", "srcip4/24"), ("--series", "5m/srcip")):
        assert main.run(["dump", "--anonymize", KEY, "-r", path, *arguments]) == 2
        assert "--anonymize" in capsys.readouterr().err
