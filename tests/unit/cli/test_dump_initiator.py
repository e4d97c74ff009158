"""`-B --initiator`: who opened a connection, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli.main import run

Row = dict[str, int | str | None]
A, B = "10.0.0.1", "192.0.2.1"


def there(**more: int | str | None) -> Row:
    """A flow from A to B: 40000 to 50000, no flags, first in time and in reception."""
    return {"src_addr": A, "dst_addr": B, "src_port": 40000, "dst_port": 50000, "bytes": 7, "tcp_flags": 16, **more}


def back(**more: int | str | None) -> Row:
    """The answer, an instant later."""
    later = {"time_flow_start_ms": BASE_MS + 5, "time_received_ms": BASE_MS + 3000, "bytes": 9, "tcp_flags": 16}
    return {"src_addr": B, "dst_addr": A, "src_port": 50000, "dst_port": 40000, **later, **more}


CASES: list[tuple[str, list[Row], str, str]] = [
    ("element", [there(biflow_direction=2, tcp_flags=2), back()], B, "element"),
    ("reverse element", [there(), back(biflow_direction=1)], B, "element"),
    ("unanswered SYN", [there(tcp_flags=20), back(tcp_flags=2)], B, "syn"),
    ("SYN from one only", [there(), back(tcp_flags=18)], B, "syn"),
    ("one direction alone says nothing by SYN and ACK", [there(tcp_flags=18, src_port=443)], B, "service"),
    ("handshake by time", [there(tcp_flags=27), back(tcp_flags=27, time_flow_start_ms=BASE_MS - 9)], B, "handshake"),
    ("service behind", [there(src_port=443), back(dst_port=443)], B, "service"),
    ("UDP has no SYN", [there(proto=17, tcp_flags=2, src_port=53), back(proto=17, dst_port=53)], B, "service"),
    ("port range", [there(src_port=600), back(dst_port=600)], B, "port"),
    ("range above 32768", [there(src_port=32767, dst_port=32768), back(src_port=32768, dst_port=32767)], B, "port"),
    ("time", [there(dst_port=40001), back(src_port=40001, time_flow_start_ms=BASE_MS - 1)], B, "time"),
    ("reception", [there(dst_port=40001), back(src_port=40001, time_flow_start_ms=BASE_MS)], A, "received"),
    ("as received", [there(dst_port=443), back(src_port=443)], A, "service"),
    ("others have no initiator", [there(proto=47, src_port=None, dst_port=None)], A, "-"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "source", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_source_is_the_initiator(
    rows: list[Row], source: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = flow_file(tmp_path / "flows.parquet", rows)
    form = "fmt:%sa %da %ibyt %obyt %initiator"
    assert run(["dump", "-r", str(path), "-B", "--initiator", "-o", form, "-q", "-N"]) == 0
    octets = {row["src_addr"]: row["bytes"] for row in rows}
    target = B if source == A else A
    want = [source, target, str(octets.get(source, 0)), str(octets.get(target, 0)), reason]
    assert capsys.readouterr().out.split() == want


def test_the_reason_is_a_column_for_programs_and_the_rule_of_nfdump_stays_the_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = flow_file(
        tmp_path / "flows.parquet",
        [there(src_port=50001, dst_port=50002), back(src_port=50002, dst_port=50001, tcp_flags=2)],
    )
    assert run(["dump", "-r", str(path), "-B", "--initiator", "-o", "csv"]) == 0
    header, line = (text.split(",") for text in capsys.readouterr().out.splitlines())
    row = dict(zip(header, line, strict=True))
    assert (row["src_addr"], row["initiator"], row["bytes"], row["out_bytes"]) == (B, "2", "9", "7")
    assert run(["dump", "-r", str(path), "-B", "-q"]) == 0
    plain = capsys.readouterr().out
    assert f"{A}:50001" in plain.split("<->")[0]
    assert run(["dump", "-r", str(path), "-b", "--initiator"]) == 2
