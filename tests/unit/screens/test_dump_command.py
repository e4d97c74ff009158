"""The command line that `y` copies gives the numbers that the screen shows for a range of the past."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli.main import run
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.query.parser import parse_filter
from nftui.screens.dump_command import dump_command, written_range
from nftui.screens.navigation import Place

WITHIN = TimeRange(BASE_MS + 10_250, BASE_MS + 40_000)
FILTER = "proto tcp and not dst port 53"


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Flows over a minute; some begin before the range or end after it. The name of the file needs quoting."""
    random = np.random.default_rng(5)
    rows: list[dict[str, int | str | None]] = []
    for number in range(400):
        start = BASE_MS + int(random.integers(60_000))
        ends = [f"10.0.0.{random.integers(1, 6)}", f"192.0.2.{random.integers(1, 9)}"]
        ports = [int(random.integers(2000, 2004)), int(random.choice([443, 53, 80]))]
        back = bool(random.integers(2))
        rows.append({
            "src_addr": ends[back], "dst_addr": ends[not back], "src_port": ports[back], "dst_port": ports[not back],
            "proto": int(random.choice([6, 17])), "bytes": int(random.integers(1, 9000)), "tcp_flags": 24,
            "packets": int(random.integers(1, 20)), "sampling_rate": int(random.choice([1, 10])),
            "src_vlan": [None, 5, 6][number % 3], "dst_vlan": 6, "src_as": 64500, "dst_as": 64500 + number % 3,
            "time_flow_start_ms": start, "time_flow_end_ms": start + int(random.integers(9000)),
            "time_received_ms": start + 9000, "flow_id": number, "in_if": 3, "out_if": 4 + number % 2,
        })  # fmt: skip
    return flow_file(tmp_path_factory.mktemp("flows of a day") / "it's flows.parquet", rows)


VIEWS = ["host", "pair", "flow", "port", "proto", "as", "exporter", "interface", "by:vlan", "by:srcip", "by:dstport:p",
         "by:flags", "conversation"]  # fmt: skip


@pytest.mark.parametrize("sort", ["bytes", "packets", "flows"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("text", ["", FILTER])
def test_the_command_gives_the_numbers_of_the_screen(
    flows: Path, capsys: pytest.CaptureFixture[str], view: str, sort: str, text: str
) -> None:
    history = History([str(flows)])
    try:
        parsed = parse_filter(text) if text else None
        snapshot = history.snapshot(LiveRequest(view, parsed, sort, True, 8, True, within=WITHIN))
    finally:
        history.close()
    place = Place(view, text, sort, within=WITHIN)
    found = [(row["bytes"] + row.get("out_bytes", 0), row["packets"] + row.get("out_packets", 0), row["flows"])
             for row in dumped(capsys, dump_command(place, [str(flows)], snapshot.sort, 8, True, 30))]  # fmt: skip
    names = ("bytes", "packets", "flows")
    shown = [tuple(int(snapshot.values[name][row]) for name in names) for row in range(len(snapshot))]
    ordered = names.index(sort)
    assert len(found) == len(shown) > 0
    assert [row[ordered] for row in found] == [row[ordered] for row in shown]
    # Of equal ones at the end of the list, any may have been left out.
    last = shown[-1][ordered] if snapshot.rows_total > len(shown) else -1
    assert sorted(row for row in found if row[ordered] > last) == sorted(row for row in shown if row[ordered] > last)


def test_the_list_of_flows_is_the_same_one(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = History([str(flows)])
    try:
        snapshot = history.snapshot(LiveRequest("flows", parse_filter(FILTER), "bytes", True, 20, False, within=WITHIN))
    finally:
        history.close()
    place = Place("flows", FILTER, "bytes", within=WITHIN)
    found = dumped(capsys, dump_command(place, [str(flows)], "bytes", 20, False, 30))
    assert [row["bytes"] for row in found] == [int(value) for value in snapshot.values["bytes"]]
    assert [row["src_addr"] for row in found] == list(snapshot.values["src_addr"])


def test_the_commands_of_what_changed_give_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two minutes, and flows that lie within one of them."""
    random = np.random.default_rng(8)
    rows: list[dict[str, int | str | None]] = []
    for number in range(200):
        start = BASE_MS + 60_000 * (number % 2) + int(random.integers(50_000))
        rows.append({
            "src_addr": f"10.0.0.{random.integers(1, 9)}", "dst_addr": f"192.0.2.{random.integers(1, 4)}",
            "src_port": 2000, "dst_port": 443, "proto": 6, "bytes": int(random.integers(1, 9000)),
            "packets": int(random.integers(1, 20)), "sampling_rate": 10, "time_flow_start_ms": start,
            "time_flow_end_ms": start + int(random.integers(9000)), "time_received_ms": start + 9000,
        })  # fmt: skip
    path = flow_file(tmp_path / "flows.parquet", rows)
    ranges = {"before": TimeRange(BASE_MS, BASE_MS + 60_000), "now": TimeRange(BASE_MS + 60_000, BASE_MS + 120_000)}
    history = History([str(path)])
    try:
        changes = history.changes(
            LiveRequest("host", sort="rate", limit=100, scaled=True, within=ranges["now"]), ranges["before"]
        )
    finally:
        history.close()
    assert len(changes.keys) == 11
    for name, within in ranges.items():
        found = dumped(capsys, dump_command(Place("host", within=within), [str(path)], changes.measure, 0, True, 0.0))
        octets = {row["addr"]: row["bytes"] for row in found}
        rates = dict(zip(changes.values["addr"], changes.values[name], strict=True))
        assert {host: octets.get(host, 0) * 8 / 60 for host in rates} == pytest.approx(rates)


def dumped(capsys: pytest.CaptureFixture[str], command: str) -> list[dict[str, Any]]:
    """What a command line prints, as a shell would run it."""
    program, *arguments = shlex.split(command)
    assert program == "nftui"
    assert run([arguments[0], "-q", "-o", "ndjson", *arguments[1:]]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_words_of_a_command() -> None:
    place = Place("by:vlan", "  ip 10.0.0.1 and not port 53 ", "packet_rate", False, within=WITHIN)
    assert dump_command(place, ["/srv/flow store"], "packet_rate", 15, False, 30.0) == (
        "nftui dump -r '/srv/flow store' --utc -t 2026-01-01T10:00:10.250Z..2026-01-01T10:00:40Z "
        "-s vlan/packets:a -n 15 --unscaled 'ip 10.0.0.1 and not port 53'"
    )
    assert dump_command(Place("flows"), [], "time_received_ms", 5, True, 30.0) == "nftui dump -t -30s -O tend -n 5"
    assert dump_command(Place("conversation"), [], "tx", 5, True, 30.0) == (
        "nftui dump -t -30s -B --initiator -O bytes -n 5"
    )
    assert written_range(TimeRange(0, 86_400_001)) == "1970-01-01T00:00:00Z..1970-01-02T00:00:00.001Z"


def test_a_filter_cannot_leave_its_quotes() -> None:
    command = dump_command(Place("host", "port 1' ; rm -rf ~ #\n and `id`"), [], "rate", 1, True, 30.0)
    assert shlex.split(command)[-1] == "port 1' ; rm -rf ~ #\n and `id`"
