"""Views of statistics and conversations of the live window have the numbers that `nftui dump` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli.main import run
from nftui.engine.clock import ManualClock
from nftui.engine.live.field_columns import cell_text
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.statistics import STATISTICS
from nftui.engine.schema import FIELDS, Show
from nftui.engine.store.arrow import from_arrow

Row = dict[str, int | str | None]


def sample(seed: int, count: int) -> list[Row]:
    """Flows over few values, some of them absent, with both directions of many conversations."""
    random = np.random.default_rng(seed)

    def one_of(*values: Any) -> Any:
        return values[int(random.integers(len(values)))]

    rows: list[Row] = []
    for number in range(count):
        addresses = [one_of("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::8000:0:0:1") for _ in range(2)]
        start = BASE_MS + int(random.integers(5))
        rows.append({
            "src_addr": addresses[0], "dst_addr": addresses[1], "src_port": one_of(None, 40000, 443, 600, 50000),
            "dst_port": one_of(40000, 443, 53, 50001), "proto": one_of(6, 6, 17, 1), "bytes": int(random.integers(900)),
            "packets": int(random.integers(9)), "out_bytes": one_of(None, 5), "sampling_rate": one_of(None, 1, 10),
            "src_vlan": one_of(None, 1, 2), "dst_vlan": one_of(1, 3), "ip_tos": one_of(0, 184),
            "tcp_flags": one_of(2, 18, 24, 27, 256), "in_src_mac": one_of(None, 7, 9), "out_src_mac": one_of(7, 8),
            "in_dst_mac": one_of(8, 9), "application_name": one_of(None, "web", "=mail", "dns"),
            "biflow_direction": one_of(None, None, None, 1, 2), "forwarding_status": one_of(None, 64, 130),
            "src_as": one_of(64500, 64501), "time_flow_start_ms": start, "time_flow_end_ms": start + 900,
            "time_received_ms": BASE_MS + 2000 + int(random.integers(3)), "flow_id": number,
        })  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flow_file(tmp_path_factory.mktemp("flows") / "flows.parquet", sample(7, 700))


def live(path: Path, request: LiveRequest, hash_bits: int = 64) -> LiveSnapshot:
    """Answer of a window that the file's flows arrived in, in two steps."""
    window = LiveWindow(ManualClock(BASE_MS), hash_bits=hash_bits)
    batch = from_arrow(pq.read_table(path))
    window.add(batch.slice(0, 300))
    window.snapshot(request)
    window.add(batch.slice(300, len(batch)))
    return window.snapshot(request)


def dumped(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run(["dump", *arguments, "-o", "ndjson", "-n", "0", "-q"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "statistic",
    ["srcip", "ip", "vlan", "tos", "flags", "mac", "app", "fwdstat", "as", "port", "port:p", "app:p", "srcmac", "mask"],
)
@pytest.mark.parametrize("scaled", [True, False])
def test_a_statistic_has_the_sums_of_dump(
    flows: Path, capsys: pytest.CaptureFixture[str], statistic: str, scaled: bool
) -> None:
    snapshot = live(flows, LiveRequest(f"by:{statistic}", limit=1000, scaled=scaled))
    known = STATISTICS[statistic.removesuffix(":p")]
    values = {name: list(column) for name, column in snapshot.values.items()}
    found = {}
    for row in range(len(snapshot)):
        key = tuple(values[name][row] for name in ([known.key, "proto"] if ":p" in statistic else [known.key]))
        found[key] = tuple(int(values[name][row]) for name in ("flows", "packets", "bytes"))
    options = ["-r", str(flows), "-s", f"{statistic}/flows", *([] if scaled else ["--unscaled"])]
    field = FIELDS[known.fields[0]]
    expected = {}
    for row in dumped(capsys, *options):
        if row.get("total"):
            continue
        text = (
            cell_text(field, row.get(known.key)) if field.show not in {Show.ADDRESS, Show.MAC} else row.get(known.key)
        )
        key = (text or "-",) if ":p" not in statistic else (text, cell_text(FIELDS["proto"], row.get("proto")))
        expected[key] = (row["flows"], row["packets"], row["bytes"])
    assert found == expected
    assert snapshot.rows_total == len(expected)


@pytest.mark.parametrize("hash_bits", [64, 5])
def test_conversations_are_those_of_dump(flows: Path, capsys: pytest.CaptureFixture[str], hash_bits: int) -> None:
    snapshot = live(flows, LiveRequest("conversation", limit=5000), hash_bits)
    names = ("proto", "src_addr", "src_port", "dst_addr", "dst_port", "opened", "tx_bytes", "rx_bytes", "tx_packets",
             "rx_packets", "bytes", "packets", "flows")  # fmt: skip
    found = sorted(tuple(str(snapshot.values[name][row]) for name in names) for row in range(len(snapshot)))
    expected = []
    reasons = dict(FIELDS["initiator"].names)
    for row in dumped(capsys, "-r", str(flows), "-B", "--initiator"):
        sums = (row["bytes"], row["out_bytes"], row["packets"], row["out_packets"])
        expected.append((
            cell_text(FIELDS["proto"], row["proto"]), row["src_addr"], str(row.get("src_port", "-")), row["dst_addr"],
            str(row.get("dst_port", "-")), reasons.get(row.get("initiator"), "-"), *map(str, sums),
            str(sums[0] + sums[1]), str(sums[2] + sums[3]), str(row["flows"]),
        ))  # fmt: skip
    assert found == sorted(expected)
    assert {row[5] for row in found} == {"element", "syn", "handshake", "service", "port", "time", "received", "-"}


@pytest.mark.parametrize(
    "column", ["tx_bytes", "rx_bytes", "tx", "rx_packets", "src_addr", "dst_port", "bytes", "seen"]
)
def test_conversations_are_ordered_by_what_stands_in_the_column(flows: Path, column: str) -> None:
    snapshot = live(flows, LiveRequest("conversation", sort=column, limit=5000))
    assert snapshot.sort == column
    if column == "src_addr":
        from nftui.text import parse_address

        values = [parse_address(value) for value in snapshot.values[column]]
    else:
        values = [0 if value == "-" else float(value) for value in snapshot.values[column]]
    assert values == sorted(values, reverse=True)


def test_unknown_statistics_are_no_views() -> None:
    window = LiveWindow(ManualClock(BASE_MS))
    for view in ("by:nonsense", "by:", "by:record", "nonsense"):
        with pytest.raises(KeyError):
            window.snapshot(LiveRequest(view))


def test_texts_beyond_the_limit_share_a_row(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nftui.engine.live import identified, statistic_views

    monkeypatch.setattr(identified, "_known", {})
    monkeypatch.setattr(statistic_views._TextKey, "_REST", 2)
    snapshot = live(flows, LiveRequest("by:app", sort="application_name", descending=False))
    names = list(snapshot.values["application_name"])
    assert "-" in names[:3]
    assert names[3:] == ["beyond 2 texts"]
    assert sum(snapshot.values["flows"]) == 700


@pytest.mark.parametrize("view", ["flows", "conversation", "by:port"])
@pytest.mark.parametrize("sort", ["bytes", "time_received_ms", "seen"])
def test_rows_from_a_place_on_are_those_of_the_whole_order(flows: Path, view: str, sort: str) -> None:
    window = LiveWindow(ManualClock(BASE_MS))
    window.add(from_arrow(pq.read_table(flows)))
    whole = window.snapshot(LiveRequest(view, sort=sort, limit=2000))
    part = window.snapshot(LiveRequest(view, sort=sort, limit=2, offset=3))
    assert part.ranks.tolist() == [3, 4]
    assert part.rows_total == whole.rows_total
    assert part.keys.tolist() == whole.keys[3:5].tolist()


def test_an_offset_gives_way_to_the_row_under_the_cursor(flows: Path) -> None:
    window = LiveWindow(ManualClock(BASE_MS))
    window.add(from_arrow(pq.read_table(flows)))
    whole = window.snapshot(LiveRequest("flows", sort="bytes", limit=2000))
    anchor = int(whole.keys[500])
    part = window.snapshot(LiveRequest("flows", sort="bytes", limit=20, offset=10, anchor=anchor))
    assert part.ranks.tolist() == list(range(490, 510))
    assert part.keys.tolist() == whole.keys[490:510].tolist()


def test_the_flow_list_has_the_fields_that_are_asked_for(flows: Path) -> None:
    request = LiveRequest(
        "flows", sort="src_vlan", limit=700, fields=("src_vlan", "application_name", "extra", "bytes")
    )
    snapshot = live(flows, request)
    assert [column.name for column in snapshot.columns][-2:] == ["src_vlan", "application_name"]
    batch = from_arrow(pq.read_table(flows))
    expected = [str(v) if (v := batch.value("src_vlan", int(key) - 1)) is not None else "-" for key in snapshot.keys]
    assert list(snapshot.values["src_vlan"]) == expected
    assert set(snapshot.values["application_name"]) == {"web", "=mail", "dns", "-"}
