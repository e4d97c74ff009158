"""`nftui dump` over files of other tools: mixed with a store, in nfcapd's directories, `-R` and `-M`."""

from __future__ import annotations

from pathlib import Path

import pytest
from archive_files import exporter_record, flow_record, flow_tools_file, nfdump_file, sample_nfdump_file
from plain_flows import flow_file

from nftui.cli.main import run

LIST = ["-q", "-N", "-o", "fmt:%sa %byt"]


def dump(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(["dump", *arguments]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def archive_of(folder: Path, name: str, first: int, flows: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    records = [exporter_record(), *(flow_record(n) for n in range(first, first + flows))]
    (folder / name).write_bytes(nfdump_file([records], "lz4"))


def test_one_question_to_archives_and_parquet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new").write_bytes(sample_nfdump_file("lz4", flows=6))
    (tmp_path / "old").write_bytes(flow_tools_file(5, 6))
    flow_file(tmp_path / "own.parquet", [{"src_addr": "10.0.0.1", "bytes": 5, "proto": 6}])
    paths = [part for name in ("new", "old", "own.parquet") for part in ("-r", str(tmp_path / name))]
    found = dump(capsys, *paths, *LIST, "src ip 10.0.0.1")
    assert sorted(found) == ["10.0.0.1 200", "10.0.0.1 200", "10.0.0.1 5"]
    assert len(dump(capsys, *paths, *LIST, "ip 10.0.0.1")) == 3
    top = dump(capsys, *paths, "-q", "-N", "-s", "srcip/bytes", "-n", "2", "-o", "csv")
    # 10.0.0.4 is in both archives, with 500 bytes each; 10.0.0.5 is an IPv6 address in one of them.
    assert [line.split(",")[3] + " " + line.split(",")[6] for line in top[-2:]] == ["10.0.0.4 1000", "10.0.0.3 800"]


def test_directories_of_nfcapd_ranges_and_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for site in ("a", "b"):
        for day, first in (("20", 0), ("21", 30)):
            for minute in range(0, 15, 5):
                folder = tmp_path / site / "2026" / "11" / day
                archive_of(folder, f"nfcapd.202611{day}00{minute:02}", first + minute, 2)
                (folder / ".nfstat").write_bytes(b"not a file of flows")
                (folder / "nfcapd.current.4711").write_bytes(b"")
    day = tmp_path / "a" / "2026" / "11" / "20"
    assert len(dump(capsys, "-r", str(tmp_path / "a"), *LIST)) == 12
    assert len(dump(capsys, "-R", f"{day}/nfcapd.202611200005", *LIST)) == 4
    assert len(dump(capsys, "-R", f"{day}/nfcapd.202611200000:nfcapd.202611200005", *LIST)) == 4
    across = f"{day}/nfcapd.202611200010:2026/11/21/nfcapd.202611210000"
    assert sorted(dump(capsys, "-R", across, *LIST)) == [
        "10.0.0.10 1100",
        "10.0.0.30 3100",
        "10.0.0.31 3200",
        "2001:db8::b 1200",
    ]
    both = ["-M", f"{tmp_path}/a:b", "-r", "2026/11/21/nfcapd.202611210005"]
    assert sorted(dump(capsys, *both, *LIST)) == ["10.0.0.36 3700"] * 2 + ["2001:db8::23 3600"] * 2
    assert run(["dump", "-R", f"{day}/nfcapd.202611200000:nfcapd.209901010000"]) == 2


def test_an_answer_from_part_of_the_files_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "flows").write_bytes(sample_nfdump_file("none", flows=30))
    out = dump(capsys, "-r", str(tmp_path / "flows"), "-s", "proto", "dst port 443")
    assert any("Total flows processed: 30, passed: 30, Files: 1, skipped: 0" in line for line in out)


def test_several_statistics_in_one_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "flows").write_bytes(sample_nfdump_file("lz4", flows=30))
    out = dump(capsys, "-r", str(tmp_path / "flows"), "-q", "-o", "csv", "-s", "dstport", "-s", "proto/flows/bytes")
    assert [line.split(",")[3:6] for line in out if ",1," in line] == [
        ["443", "30", "465"], ["6", "30", "465"], ["6", "30", "465"],
    ]  # fmt: skip
