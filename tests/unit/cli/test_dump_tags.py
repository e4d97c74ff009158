"""Every %-tag that has a field, tags and statistics of further elements, and those that no field fills."""

from __future__ import annotations

from pathlib import Path

import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli.main import run
from nftui.engine.query.tags import WITHOUT_FIELD
from nftui.engine.schema import FIELDS, Kind

ROW: dict[str, int | str | None] = {
    "client_latency_us": 1500, "server_latency_us": 250, "ingress_acl_id": 0x1F, "ingress_ace_id": 2,
    "port_block_start": 1024, "port_block_end": 2047, "port_block_step": 1, "port_block_size": 1024,
    "ingress_vrf_name": "red", "biflow_direction": 1, "application_id": 13 << 24 | 453, "flow_id": 77, "min_ttl": 64,
    "max_ttl": 64, "firewall_event": 1, "src_port": 1500,
}  # fmt: skip


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    return flow_file(
        tmp_path / "flows.parquet",
        [ROW, {"client_latency_us": 90_000, "src_port": 80, "bytes": 5, "time_received_ms": BASE_MS + 9000}],
    )


def printed(flows: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert run(["dump", "-r", str(flows), "--utc", "-q", *arguments]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("form", "cells"),
    [
        ("%cl %sl %al", [["1.500", "0.250", "-"], ["90.000", "-", "-"]]),
        ("%iacl|%eacl", [["0x1f", "0x2", "-", "|-", "-", "-"], ["-", "-", "-", "|-", "-", "-"]]),
        ("%pbstart %pbend %pbstep %pbsize", [["1024", "2047", "1", "1024"], ["-"] * 4]),
        ("%ivrfnam %evrfnam %bfd %flid", [["red", "-", "1", "77"], ["-"] * 4]),
        ("%nbid %cnt", [["13..453", "1"], ["-", "2"]]),
        ("%tsg", [["2026-01-01", "10:00:00.000"]] * 2),
        ("%msec", [[str(BASE_MS)], ["-"]]),
        ("%tevt", [["2026-01-01", "10:00:00.000"], ["-"]]),
        ("%sp_%dp", [["1500_", "443"], ["80_", "443"]]),
        ("%client_latency_us %src_addr", [["1.500", "10.0.0.1"], ["90.000", "10.0.0.1"]]),
    ],
)
def test_a_tag_shows_its_field(
    form: str, cells: list[list[str]], flows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(flows, capsys, "-o", f"fmt:{form}") == cells


def test_every_field_is_a_tag_by_its_own_name(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [item.name for item in FIELDS.values() if item.kind is not Kind.EXTRA]
    lines = printed(flows, capsys, "-o", "fmt:" + "".join(f"[%{name}]" for name in names))
    assert [" ".join(line).count("[") for line in lines] == [len(names)] * 2


@pytest.mark.parametrize("name", sorted(WITHOUT_FIELD))
def test_a_tag_without_a_field_is_refused_with_the_reason(
    name: str, flows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dump", "-r", str(flows), "-o", f"fmt:%{name}"]) == 2
    assert capsys.readouterr().err == f"nftui: no tag %{name}: {WITHOUT_FIELD[name]}\n"


def test_a_misspelt_tag_is_answered_with_the_nearest(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", str(flows), "-o", "fmt:%pbstat"]) == 2
    assert capsys.readouterr().err == "nftui: unknown tag %pbstat; did you mean %pbstart?\n"


@pytest.mark.parametrize(
    ("statistic", "keys"),
    [
        ("iacl", ["-", "31"]), ("ivrfnam", ["-", "red"]), ("cl", ["1.500", "90.000"]), ("bfd", ["-", "initiator"]),
        ("port_block_size", ["-", "1024"]),
    ],
)  # fmt: skip
def test_a_statistic_of_a_further_element(
    statistic: str, keys: list[str], flows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["0x001f" if key == "31" else key for key in keys]
    assert sorted(row[4] for row in printed(flows, capsys, "-s", statistic, "-n", "0") if row) == keys


@pytest.mark.parametrize(("option", "name"), [("-s", "srcgeo"), ("-s", "sysid"), ("-s", "ja3"), ("-A", "srcasn")])
def test_what_no_field_fills_is_refused_with_the_reason(
    option: str, name: str, flows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nftui.engine.query.statistics import WITHOUT_FIELD as REASONS

    assert run(["dump", "-r", str(flows), option, name]) == 2
    assert capsys.readouterr().err == f"nftui: {option} {name}: {REASONS[name]}\n"


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("src port in pblock", [1500]), ("port in nat pblock", [1500]), ("not src port in pblock", [80]),
        ("ttl equal", [1500]), ("client latency > 2", [80]), ("client latency 1500us", [1500]),
        ("ingress acl 31", [1500]), ("pblock end > 2k", [1500]), ("ingress vrf name RED", [1500]),
    ],
)  # fmt: skip
def test_a_filter_on_a_further_element(
    text: str, ports: list[int], flows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(flows, capsys, "-o", "fmt:%sp", text) == [[str(port)] for port in ports]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("src tun ip 10.0.0.1", "tunnel elements have no column"),
        ("in payload content 'x'", "payload is not stored"),
        ("(src port 80) %web", "labels of sub-expressions are not kept"),
        ("src ip tor", "there is no list of TOR exits"),
    ],
)
def test_a_primitive_without_a_field_is_refused_with_the_reason(
    text: str, reason: str, flows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dump", "-r", str(flows), text]) == 65
    assert reason in capsys.readouterr().err
