import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.catalog import Catalog, SlotFile
from nftui.engine.store.compact import compact_hour
from nftui.engine.store.verify import salvage, set_aside, verify_sealed, verify_store
from nftui.engine.store.writer import StoreWriter

SMALL = Limits(row_group_rows=500, chunk_rows=500, flush_seconds=0, settle_seconds=1e9)
HOUR_MS = NOON_MS


def fill(root: Path, parts: int = 1, seal: bool = True) -> None:
    for part in range(parts):
        writer = StoreWriter(root, limits=SMALL)
        writer.open()
        for chunk in range(4):
            writer.append(sample_flows(part * 2000 + chunk * 500, 500))
            writer.tick()
        if seal:
            writer.close()


def only(root: Path) -> SlotFile:
    (file,) = Catalog(root).slots()
    return file


def damage(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def inside(path: Path, group: int, column: str) -> int:
    described = pq.read_metadata(path).row_group(group)
    for index in range(described.num_columns):
        chunk = described.column(index)
        if chunk.path_in_schema == column:
            return int(chunk.data_page_offset) + int(chunk.total_compressed_size) // 2
    raise AssertionError(column)


def test_sound_store(tmp_path: Path):
    fill(tmp_path, parts=2)
    verdicts = list(verify_store(tmp_path))
    assert [(v.rows, v.readable, v.problems) for v in verdicts] == [(2000, 2000, [])] * 2
    assert all(v.bytes == v.path.stat().st_size for v in verdicts)
    assert set_aside(tmp_path) == []


def test_compacted_store_has_its_rollup_checked(tmp_path: Path):
    fill(tmp_path, parts=2)
    assert len(list(compact_hour(tmp_path, HOUR_MS, DEFAULT))) == 1
    flows, rollup = verify_store(tmp_path)
    assert (flows.rows, flows.problems, rollup.problems) == (4000, [], [])
    damage(rollup.path, rollup.bytes // 2)
    assert [v.problems for v in verify_store(tmp_path)] == [[], ["its checksum does not hold"]]


def test_damaged_row_group_is_named_with_its_place(tmp_path: Path):
    fill(tmp_path)
    path = only(tmp_path).path
    damage(path, inside(path, 1, "packets"))
    (verdict,) = verify_store(tmp_path)
    assert (verdict.rows, verdict.readable) == (2000, 1500)
    assert verdict.problems[0] == "its checksum does not hold"
    assert verdict.problems[1].startswith("row group 1, packets: damaged in bytes ")


def test_footer_that_is_cut(tmp_path: Path):
    fill(tmp_path)
    path = only(tmp_path).path
    os.truncate(path, path.stat().st_size - 100)
    (verdict,) = verify_store(tmp_path)
    assert verdict.readable == 0
    assert "not a sound file of this store" in verdict.problems[0]


@pytest.mark.parametrize("seed", range(4))
def test_no_flipped_bit_of_a_file_goes_unnoticed(tmp_path: Path, seed: int):
    fill(tmp_path)
    file = only(tmp_path)
    sound = file.path.read_bytes()
    for place in np.random.default_rng(seed).integers(0, len(sound), 125).tolist():
        damage(file.path, place)
        assert verify_sealed(file.path).problems, place
        file.path.write_bytes(sound)


def test_file_of_the_first_version_is_read_in_full(tmp_path: Path):
    fill(tmp_path)
    file = only(tmp_path)
    data = file.path.read_bytes()
    old = data.replace(b"nftui.checksum", b"nftui.unknown_").replace(b'"checksum":true', b'"unknown_":true')
    file.path.write_bytes(old)
    assert verify_sealed(file.path).problems == []
    damage(file.path, inside(file.path, 2, "bytes"))
    verdict = verify_sealed(file.path)
    assert verdict.readable == 1500
    assert [problem.split(":")[0] for problem in verdict.problems] == ["row group 2, bytes"]


def test_file_with_the_name_of_another(tmp_path: Path):
    fill(tmp_path)
    path = only(tmp_path).path
    path.rename(path.with_name("20261121T120500Z-0badcafe-000001.parquet"))
    (verdict,) = verify_store(tmp_path)
    assert verdict.problems == [f"has the name of another file: it was {path.stem}"]


def test_live_segment(tmp_path: Path):
    fill(tmp_path, seal=False)
    (verdict,) = verify_store(tmp_path)
    assert (verdict.rows, verdict.problems) == (2000, [])
    damage(verdict.path, verdict.bytes // 2)
    (verdict,) = verify_store(tmp_path)
    assert verdict.readable == 1500
    assert "do not check" in verdict.problems[0]


def test_salvage_keeps_what_reads_and_puts_the_file_aside(tmp_path: Path):
    fill(tmp_path)
    file = only(tmp_path)
    damage(file.path, inside(file.path, 1, "packets"))
    kept = pq.ParquetFile(file.path)
    expected = sorted(id_ for group in (0, 2, 3) for id_ in kept.read_row_group(group)["flow_id"].to_pylist())
    assert salvage(tmp_path, file, SMALL) == 1500
    assert stored_ids(tmp_path) == expected
    assert set_aside(tmp_path) == [file.path.name]
    assert [(v.rows, v.problems) for v in verify_store(tmp_path)] == [(1500, [])]


def test_salvage_of_a_file_of_which_nothing_reads(tmp_path: Path):
    fill(tmp_path)
    file = only(tmp_path)
    os.truncate(file.path, 1000)
    assert salvage(tmp_path, file, SMALL) == 0
    assert Catalog(tmp_path).slots() == []
    assert set_aside(tmp_path) == [file.path.name]
