"""Counters near 2^63, which any sender can make up: answers stop at what a column holds, and no question fails."""

import json
from pathlib import Path

import pytest
from plain_flows import flow_file

from nftui.cli.main import run

MOST = 2**63 - 1


@pytest.fixture
def flows(tmp_path: Path) -> str:
    ends = {"src_addr": "10.0.0.1", "dst_addr": "10.0.0.2", "src_port": 4000, "dst_port": 443, "proto": 6}
    back = {"src_addr": "10.0.0.2", "dst_addr": "10.0.0.1", "src_port": 443, "dst_port": 4000, "proto": 6}
    huge = {"bytes": MOST, "packets": MOST, "out_bytes": MOST, "out_packets": MOST}
    rows = [{**ends, **huge}, {**ends, **huge}, {**back, **huge}, {**ends, "bytes": 1, "packets": 1}]
    return str(flow_file(tmp_path / "huge.parquet", rows))


@pytest.mark.parametrize(
    "options",
    [
        ("-s", "srcip/bytes"), ("-s", "ip/packets"), ("-s", "srcip/ibyte"), ("-s", "record/bytes"),
        ("-s", "srcip", "-s", "dstport/bytes"), ("-a",), ("-a", "-O", "bytes", "-n", "1"), ("-A", "proto"), ("-b",),
        ("-B",), ("-B", "-O", "bytes", "-n", "1"), ("-O", "bytes"), ("--series", "1m"), ("--summary",),
        ("-a", "--bin", "5m"), ("--stitch", "-o", "long"), ("--dedup", "-o", "long"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_question_is_answered(flows: str, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", flows, "-N", *options]) == 0
    assert capsys.readouterr().err == ""


def test_sums_stop_at_63_bits(flows: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", flows, "-q", "-N", "-a", "-o", "fmt:%sa %byt %obyt"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sorted(lines) == [["10.0.0.1", str(MOST), str(MOST)], ["10.0.0.2", str(MOST), str(MOST)]]


def test_what_nobody_counted_is_not_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(flow_file(tmp_path / "none.parquet", [{"bytes": None, "packets": None}] * 2))
    assert run(["dump", "-r", path, "-q", "-A", "proto", "-o", "ndjson"]) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (row["flows"], row.get("bytes"), row.get("packets")) == (2, None, None)
