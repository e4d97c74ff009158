"""Reading files of other tools: values, byte orders, compressions, names, and that only wanted fields are decoded."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archive_files import (
    BIG,
    COMPRESSORS,
    LITTLE,
    START_MS,
    capture_file,
    exporter_record,
    flow_record,
    flow_tools_file,
    ipfix_message,
    netflow5,
    nfdump_file,
    nfdump_v1_file,
    sample_nfdump_file,
)

from nftui.engine.archive.archive import Archive
from nftui.engine.archive.formats import ArchiveFormats, name_span, open_archive
from nftui.engine.archive.lzo import LzoError
from nftui.engine.archive.lzo import decompress as decompress_lzo
from nftui.engine.archive.nfdump_layout import NO_ELEMENT_PEN
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.schema import FlowSource

V4 = 0xFFFF << 32


def written(folder: Path, data: bytes, name: str = "file") -> Archive:
    (folder / name).write_bytes(data)
    return open_archive(str(folder / name))


def whole(archive: Archive) -> FlowBatch:
    batch = concat(list(archive.batches()))
    assert archive.trouble == ""
    assert archive.records == len(batch)
    return batch


def check_common(batch: FlowBatch, row: int) -> None:
    """What the sample files of all formats say of flow number `row`."""
    v6 = row % 3 == 2 and batch.value("src_addr", row) != V4 | 0x0A000000 + row
    assert batch.value("src_addr", row) == (0x20010DB8 << 96 | row if v6 else V4 | 0x0A000000 + row)
    assert batch.value("dst_addr", row) == (0x20010DB8 << 96 | 0xFFFF if v6 else V4 | 0xC0000201)
    assert batch.value("src_port", row) == 1024 + row
    assert batch.value("dst_port", row) == 443
    assert batch.value("proto", row) == 6
    assert batch.value("packets", row) == row + 1
    assert batch.value("bytes", row) == 100 * (row + 1)
    assert batch.value("flows", row) == 1


@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_nfdump_layout_2(compression: str, order: str, tmp_path: Path) -> None:
    archive = written(tmp_path, sample_nfdump_file(compression, order))
    batch = whole(archive)
    assert len(batch) == 60
    for row in range(60):
        check_common(batch, row)
        assert batch.value("time_flow_start_ms", row) == START_MS + row
        assert batch.value("time_flow_end_ms", row) == START_MS + row + 1000
        assert batch.value("time_received_ms", row) == START_MS + 9000
        assert batch.value("in_if", row) == row
        assert batch.value("sampler_address", row) == V4 | 0x7F000009
        assert batch.value("observation_domain_id", row) == 55
        assert batch.value("flow_source", row) == FlowSource.IPFIX
        assert batch.value("flow_end_reason", row) == 2
        assert batch.value("biflow_direction", row) is None
        assert batch.value("sampling_rate", row) is None
    assert archive.about.ident == "edge"
    assert archive.about.statistics["sequence_failures"] == 3
    assert archive.span() == (START_MS, START_MS + 10_000)


@pytest.mark.parametrize("compression", ["none", "lzo", "bz2", "lz4"])
@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_nfdump_layout_1(compression: str, order: str, tmp_path: Path) -> None:
    archive = written(tmp_path, nfdump_v1_file(30, compression, order))
    batch = whole(archive)
    for row in range(30):
        check_common(batch, row)
        assert batch.value("time_flow_start_ms", row) == START_MS + row
        assert batch.value("time_flow_end_ms", row) == START_MS + 5000
        assert batch.value("src_as", row) == 64512
        assert batch.value("sampler_address", row) == V4 | 0x7F000009
    assert archive.about.ident == "old"


@pytest.mark.parametrize("version", [5, 7])
@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("compressed", [True, False])
def test_flow_tools(version: int, order: str, compressed: bool, tmp_path: Path) -> None:
    archive = written(tmp_path, flow_tools_file(version, 30, order, compressed))
    batch = whole(archive)
    for row in range(30):
        check_common(batch, row)
        assert batch.value("time_flow_start_ms", row) == START_MS - 50_000 + row
        assert batch.value("time_received_ms", row) == START_MS
        assert batch.value("flow_source", row) == version
        assert batch.value("engine_id", row) == 2
        assert batch.value("extra", row) == ([(0, 130, b"\xc0\x00\x02\x09")] if version == 7 else None)
    assert archive.about.ident == "edge"
    assert archive.about.statistics["lost_flows"] == 17


def test_captures_and_ipfix_files_come_through_the_decoder(tmp_path: Path) -> None:
    capture = whole(written(tmp_path, capture_file([netflow5(0, 10), netflow5(10, 5)]), "some.pcap"))
    messages = whole(written(tmp_path, ipfix_message(0, 10) + ipfix_message(10, 5), "some.ipfix"))
    for batch, source in ((capture, FlowSource.V5), (messages, FlowSource.IPFIX)):
        assert len(batch) == 15
        for row in range(15):
            assert batch.value("src_addr", row) == V4 | 0x0A000000 + row
            assert batch.value("bytes", row) == 100 * (row + 1)
            assert batch.value("flow_source", row) == source
    assert capture.value("sampler_address", 3) == V4 | 0x7F000009


def test_parquet_of_goflow2(tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    table = pa.table(
        {
            "type": ["NETFLOW_V9", "SFLOW_5"],
            "time_received_ns": pa.array([START_MS * 10**6, (START_MS + 1) * 10**6 + 999], pa.int64()),
            "time_flow_start_ns": pa.array([START_MS * 10**6, START_MS * 10**6], pa.uint64()),
            "time_flow_end_ns": pa.array([(START_MS + 70) * 10**6, (START_MS + 80) * 10**6], pa.uint64()),
            "sampler_address": pa.array([b"\x7f\0\0\x09", bytes(10) + b"\xff\xff\x7f\0\0\x0a"], pa.binary()),
            "src_addr": ["10.0.0.1", "2001:db8::1"],
            "dst_addr": pa.array([b"\xc0\0\x02\x01", None], pa.binary()),
            "src_port": pa.array([1024, 70_000], pa.uint32()),
            "proto": pa.array([6, 17], pa.uint32()),
            "bytes": pa.array([100, 200], pa.uint64()),
            "packets": pa.array([1, 2], pa.uint64()),
            "sampling_rate": pa.array([0, 512], pa.uint64()),
            "src_mac": pa.array([0x020000000001, 2], pa.uint64()),
        }
    )
    pq.write_table(table, path)
    assert ArchiveFormats().recognise(str(path))
    batch = whole(open_archive(str(path)))
    got = {
        name: [batch.value(name, row) for row in (0, 1)]
        for name in (
            "flow_source", "time_received_ms", "time_flow_end_ms", "sampler_address", "src_addr", "dst_addr",
            "src_port", "bytes", "sampling_rate", "in_src_mac", "flows",
        )
    }  # fmt: skip
    assert got == {
        "flow_source": [FlowSource.V9, FlowSource.SFLOW],
        "time_received_ms": [START_MS, START_MS + 1],
        "time_flow_end_ms": [START_MS + 70, START_MS + 80],
        "sampler_address": [V4 | 0x7F000009, V4 | 0x7F00000A],
        "src_addr": [V4 | 0x0A000001, 0x20010DB8 << 96 | 1],
        "dst_addr": [V4 | 0xC0000201, None],
        "src_port": [1024, None],
        "bytes": [100, 200],
        "sampling_rate": [None, 512],
        "in_src_mac": [0x020000000001, 2],
        "flows": [1, 1],
    }


def test_only_wanted_fields_are_decoded(tmp_path: Path) -> None:
    archive = written(tmp_path, sample_nfdump_file("lz4"))
    batch = concat(list(archive.batches({"src_addr", "bytes"})))
    assert set(batch.columns) == {"src_addr_hi", "src_addr_lo", "bytes"}
    assert batch.columns["bytes"].tolist() == [100 * (n + 1) for n in range(60)]


def test_records_of_many_shapes_keep_their_order_and_what_has_no_field_is_kept_whole(tmp_path: Path) -> None:
    labels = [b"x" * (n % 20) for n in range(60)]
    records = [flow_record(n, label=label) for n, label in enumerate(labels)]
    batch = whole(written(tmp_path, nfdump_file([[exporter_record(), *records]])))
    for row, label in enumerate(labels):
        check_common(batch, row)
        assert batch.value("extra", row) in ([(NO_ELEMENT_PEN, 28, label)] if label else [], None)


def test_lzo_copies_and_their_limits() -> None:
    # 4 literals, then a copy of 5 bytes from 4 back that overlaps itself, then 2 literals and the end.
    stream = bytes([21]) + b"abcd" + bytes([0x20 | 3, (3 << 2 | 2) & 0xFF, 0]) + b"yz" + b"\x11\0\0"
    assert decompress_lzo(stream, 100) == b"abcdabcdayz"
    with pytest.raises(LzoError, match="more than 8 bytes"):
        decompress_lzo(stream, 8)
    with pytest.raises(LzoError, match="too early"):
        decompress_lzo(stream[:7], 100)
    with pytest.raises(LzoError, match="before the start"):
        decompress_lzo(bytes([21]) + b"abcd" + bytes([0x20 | 3, 0xFF, 0xFF]), 100)


def test_names_tell_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert name_span("/a/ft-v05.2026-11-21.094500+0200") == (1_795_247_100_000, 1_795_247_100_000)
    assert name_span("nfcapd.2026112109450") is None
    assert name_span("notes.txt") is None
    minute, second = name_span("nfcapd.202611210945"), name_span("2026/11/21/nfcapd.20261121094530")
    assert minute is not None
    assert second is not None
    assert second[0] - minute[0] == 30_000


def test_files_far_from_the_window_are_not_opened(tmp_path: Path) -> None:
    formats = ArchiveFormats()
    absent = str(tmp_path / "nfcapd.202001010000")
    assert not formats.may_hold(absent, START_MS, START_MS + 1000)
    (tmp_path / "nfcapd.202311142210").write_bytes(sample_nfdump_file())
    near = str(tmp_path / "nfcapd.202311142210")
    assert formats.may_hold(near, START_MS + 10_000, None)
    assert not formats.may_hold(near, START_MS + 10_001, None)
    assert not formats.may_hold(near, None, START_MS - 1)


def test_a_length_of_gigabytes_in_a_capture_is_damage(tmp_path: Path) -> None:
    good = capture_file([netflow5(0, 10)])
    archive = written(tmp_path, good + bytes(8) + b"\xff\xff\xff\x7f" * 2 + bytes(100))
    assert [len(batch) for batch in archive.batches()] == [10]
    assert archive.trouble == f"capture.skipped.damaged_tail 1 at byte {len(good)}"
