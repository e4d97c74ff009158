"""Live segments: what a reader sees while and after they are written."""

from pathlib import Path

import numpy as np
import pytest
from store_samples import NOON_MS, sample_flows

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.store.arrow import CORE_COLUMNS, from_arrow
from nftui.engine.store.layout import PartName
from nftui.engine.store.segment import HEADER_BYTES, Origin, SegmentReader, SegmentWriter

ORIGIN = Origin(NOON_MS, 300, "edge")


@pytest.fixture
def writer(tmp_path: Path) -> SegmentWriter:
    (tmp_path / "_live").mkdir()
    return SegmentWriter(PartName(NOON_MS, "0123abcd", 1), tmp_path, ORIGIN)


def ids(reader: SegmentReader) -> list[int]:
    return [value for batch in reader.poll() for value in batch.column("flow_id").to_pylist()]


def test_each_chunk_is_readable_at_once(writer: SegmentWriter) -> None:
    with SegmentReader(writer.path) as reader:
        assert ids(reader) == []
        writer.write(sample_flows(0, 10), {"sequence.lost": 2})
        assert ids(reader) == list(range(10))
        writer.write(sample_flows(10, 5), {"sequence.lost": 1, "sequence.restarts": 1})
        assert ids(reader) == list(range(10, 15))
        assert ids(reader) == []
        assert reader.origin == ORIGIN
        assert reader.notes == {"sequence.lost": 3, "sequence.restarts": 1}
        assert (reader.rows, reader.tail_bytes, reader.damaged_bytes) == (15, 0, 0)
    assert (writer.rows, writer.bytes) == (15, writer.path.stat().st_size)


def test_new_columns_appear_where_they_are_needed(writer: SegmentWriter) -> None:
    writer.write(sample_flows(0, 2))
    named = sample_flows(2, 1)
    named.text["username"] = TextColumn(np.zeros(1, np.int32), ["eve"])
    writer.write(named)
    with SegmentReader(writer.path) as reader:
        assert {"username", "flow_id", "bytes"} <= reader.columns()
        table = reader.table()
    assert table.column("username").to_pylist() == [None, None, "eve"]
    assert set(CORE_COLUMNS) <= set(table.column_names)
    assert from_arrow(table).value("src_as", 0) is None


def test_no_flows_give_an_empty_table(writer: SegmentWriter) -> None:
    with SegmentReader(writer.path) as reader:
        table = reader.table()
    assert table.num_rows == 0
    assert table.column_names == [name for name in table.column_names if name in CORE_COLUMNS]


@pytest.mark.parametrize("part", range(24))
def test_torn_tail_ends_the_reading_cleanly(writer: SegmentWriter, part: int) -> None:
    writer.write(sample_flows(0, 100))
    first = writer.bytes
    writer.write(sample_flows(100, 100))
    cut = first + (writer.bytes - first) * part // 24
    with writer.path.open("r+b") as file:
        file.truncate(cut)
    with SegmentReader(writer.path) as reader:
        assert ids(reader) == list(range(100))
        assert (reader.tail_bytes, reader.damaged_bytes) == (cut - first, 0)


def test_every_cut_of_a_header(writer: SegmentWriter) -> None:
    writer.write(sample_flows(0, 3))
    first = writer.bytes
    writer.write(sample_flows(3, 3))
    for cut in range(first, first + HEADER_BYTES + 1):
        with writer.path.open("r+b") as file:
            file.truncate(cut)
        with SegmentReader(writer.path) as reader:
            assert ids(reader) == [0, 1, 2]


@pytest.mark.parametrize("seed", range(40))
def test_one_flipped_byte_costs_one_chunk_at_most(writer: SegmentWriter, seed: int) -> None:
    ends = [0]
    for number in range(4):
        writer.write(sample_flows(number * 10, 10))
        ends.append(writer.bytes)
    rng = np.random.default_rng(seed)
    # Headers are hit as often as content, which is much longer.
    chunk = int(rng.integers(4))
    place = ends[chunk] + int(rng.integers(HEADER_BYTES if seed % 2 else ends[chunk + 1] - ends[chunk]))
    content = bytearray(writer.path.read_bytes())
    content[place] ^= int(rng.integers(1, 256))
    writer.path.write_bytes(content)
    with SegmentReader(writer.path) as reader:
        assert ids(reader) == [n for n in range(40) if n // 10 != chunk]
        assert reader.damaged_bytes == ends[chunk + 1] - ends[chunk]


def test_a_zeroed_middle_is_damage_not_flows(writer: SegmentWriter) -> None:
    for number in range(3):
        writer.write(sample_flows(number * 1000, 1000))
    with writer.path.open("r+b") as file:
        file.seek(writer.bytes // 3 + 100)
        file.write(bytes(writer.bytes // 3 - 200))
    with SegmentReader(writer.path) as reader:
        assert ids(reader) == [*range(1000), *range(2000, 3000)]
        assert reader.damaged_bytes > 0


def test_reader_outlives_the_file(writer: SegmentWriter) -> None:
    with SegmentReader(writer.path) as reader:
        writer.write(sample_flows(0, 3))
        assert not reader.removed
        writer.path.unlink()
        assert reader.removed
        assert ids(reader) == [0, 1, 2]
        assert not writer.in_place()


def test_garbage_is_not_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "garbage.arrows"
    path.write_bytes(np.random.default_rng(1).bytes(100_000))
    with SegmentReader(path) as reader:
        assert reader.poll() == []
        assert (reader.damaged_bytes, reader.tail_bytes) == (100_000, 0)


def test_a_segment_is_never_opened_twice_for_writing(writer: SegmentWriter, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        SegmentWriter(writer.name, tmp_path, ORIGIN)


def test_batch_without_rows_in_a_column_group(writer: SegmentWriter) -> None:
    writer.write(FlowBatch(2, {"bytes": np.array([1, 2])}))
    with SegmentReader(writer.path) as reader:
        assert reader.table(["bytes", "src_as"]).to_pydict() == {"bytes": [1, 2], "src_as": [None, None]}
