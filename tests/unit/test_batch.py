"""FlowBatch: selecting and joining flows keeps every value and every null."""

import numpy as np

from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn, concat, null_columns


def extra(*runs: bytes) -> ExtraColumn:
    offsets = np.zeros(len(runs) + 1, np.int64)
    np.cumsum([len(run) for run in runs], out=offsets[1:])
    return ExtraColumn(offsets, np.frombuffer(b"".join(runs), np.uint8))


def entry(pen: int, element: int, value: bytes) -> bytes:
    return pen.to_bytes(4, "big") + element.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def sample() -> FlowBatch:
    return FlowBatch(
        3,
        {
            "bytes": np.array([10, 20, 30], np.int64),
            "src_addr_hi": np.array([0, 0x20010DB8 << 32, -1], np.int64),
            "src_addr_lo": np.array([0xFFFF0A000001, 5, -1], np.int64),
        },
        {"bytes": np.array([True, False, True])},
        {"username": TextColumn(np.array([1, -1, 0], np.int32), ["bob", "alice"])},
        extra(entry(9, 7, b"ab"), b"", entry(0, 400, b"\x01") + entry(0, 401, b"")),
    )


def test_value_reads_numbers_addresses_text_extra_and_null() -> None:
    batch = sample()
    assert batch.value("bytes", 0) == 10
    assert batch.value("bytes", 1) is None
    assert batch.value("src_addr", 0) == 0xFFFF0A000001
    assert batch.value("src_addr", 1) == 0x20010DB8 << 96 | 5
    assert batch.value("src_addr", 2) == 2**128 - 1
    assert batch.value("dst_addr", 0) is None
    assert [batch.value("username", row) for row in range(3)] == ["alice", None, "bob"]
    assert batch.value("extra", 0) == [(9, 7, b"ab")]
    assert batch.value("extra", 1) == []
    assert batch.value("extra", 2) == [(0, 400, b"\x01"), (0, 401, b"")]
    assert batch.has("bytes")
    assert batch.has("src_addr")
    assert not batch.has("dst_addr")


def test_take_by_index_and_by_mask() -> None:
    by_index = sample().take(np.array([2, 0]))
    assert len(by_index) == 2
    assert by_index.value("bytes", 0) == 30
    assert by_index.value("username", 1) == "alice"
    assert by_index.value("extra", 0) == [(0, 400, b"\x01"), (0, 401, b"")]
    by_mask = sample().take(np.array([False, True, False]))
    assert len(by_mask) == 1
    assert by_mask.value("bytes", 0) is None
    assert by_mask.value("extra", 0) == []


def test_concat_fills_absent_fields_with_null() -> None:
    other = FlowBatch(
        2,
        {"dst_port": np.array([53, 443], np.uint16)},
        text={"username": TextColumn(np.array([0, 0], np.int32), ["carol"])},
    )
    joined = concat([sample(), other])
    assert len(joined) == 5
    assert [joined.value("bytes", row) for row in range(5)] == [10, None, 30, None, None]
    assert [joined.value("dst_port", row) for row in range(5)] == [None, None, None, 53, 443]
    assert [joined.value("username", row) for row in range(5)] == ["alice", None, "bob", "carol", "carol"]
    assert [joined.value("extra", row) for row in range(5)] == [*(sample().value("extra", r) for r in range(3)), [], []]
    assert joined.value("src_addr", 3) is None


def test_null_columns_are_null() -> None:
    batch = sample()
    null_columns(batch, ["dst_addr", "bytes"])
    assert batch.value("dst_addr", 0) is None
    assert batch.value("bytes", 0) == 10
