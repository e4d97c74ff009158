from pathlib import Path

import pyarrow.parquet as pq
import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.cli.main import run
from nftui.engine.limits import Limits
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.writer import StoreWriter

SLOT_MS = 300_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three slots of 1000 flows, in row groups of 500."""
    root = tmp_path / "store"
    writer = StoreWriter(root, limits=Limits(flush_seconds=0, settle_seconds=1e9, row_group_rows=500, chunk_rows=500))
    writer.open()
    for slot in range(3):
        writer.append(sample_flows(slot * 1000, 1000, NOON_MS + slot * SLOT_MS))
        writer.tick()
    writer.close()
    return root


def damage(path: Path) -> None:
    """Flip a bit in the packets of the second row group."""
    columns = pq.read_metadata(path).row_group(1)
    (chunk,) = (c for i in range(columns.num_columns) if (c := columns.column(i)).path_in_schema == "packets")
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
    path.write_bytes(data)


def test_sound_store(store: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["verify", "-l", str(store)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3 files, " in captured.err
    assert "3000 of 3000 flow records can be read, 0 files damaged" in captured.err
    assert run(["verify", "-q", "-l", str(store)]) == 0
    assert capsys.readouterr() == ("", "")


def test_damage_is_named_then_repaired(store: Path, capsys: pytest.CaptureFixture[str]):
    path = Catalog(store).slots()[1].path
    sound = pq.ParquetFile(path).read_row_group(0)["flow_id"].to_pylist()
    damage(path)
    assert run(["verify", "-l", str(store)]) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: its checksum does not hold; row group 1, packets: damaged in bytes ")
    assert line.endswith("(500 of 1000 flows can be read)")
    assert run(["verify", "--repair", "-l", str(store)]) == 3
    assert "500 flow records saved" in capsys.readouterr().err
    assert run(["verify", "-l", str(store)]) == 0
    assert "1 files were put aside earlier" in capsys.readouterr().err
    assert stored_ids(store) == sorted([*range(1000), *sound, *range(2000, 3000)])


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["verify", "-l", str(tmp_path / "none")]) == 73
    assert "no store at" in capsys.readouterr().err
