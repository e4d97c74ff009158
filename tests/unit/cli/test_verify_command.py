from pathlib import Path

import pyarrow.parquet as pq
import pytest
from export_wire import v5, v5_record
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
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
    assert "3000 flow records can be read, 0 files damaged" in captured.err
    assert run(["verify", "-q", "-l", str(store)]) == 0
    assert capsys.readouterr() == ("", "")


def test_damage_is_named_then_repaired(store: Path, capsys: pytest.CaptureFixture[str]):
    path = Catalog(store).slots()[1].path
    sound = pq.ParquetFile(path).read_row_group(0)["flow_id"].to_pylist()
    damage(path)
    assert run(["verify", "-l", str(store)]) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: its checksum does not hold; row group 1, packets: damaged in bytes ")
    assert line.endswith("(500 of 1000 flow records can be read)")
    assert run(["verify", "--repair", "-l", str(store)]) == 3
    assert "500 flow records saved" in capsys.readouterr().err
    assert run(["verify", "-l", str(store)]) == 0
    assert "1 files were put aside earlier" in capsys.readouterr().err
    assert stored_ids(store) == sorted([*range(1000), *sound, *range(2000, 3000)])


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["verify", "-l", str(tmp_path / "none")]) == 73
    assert "no store at" in capsys.readouterr().err


def test_files_of_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    capture = tmp_path / "a.pcap"
    datagrams = [v5([v5_record()] * 20, sequence=20 * number) for number in range(2)]
    wrpcap(str(capture), [Ether() / IP() / UDP(sport=4711, dport=2055) / datagram for datagram in datagrams])
    assert run(["verify", str(capture)]) == 0
    assert "1 files, " in (summary := capsys.readouterr().err)
    assert "40 flow records can be read, 0 files damaged" in summary
    capture.write_bytes(capture.read_bytes()[:-7])
    assert run(["verify", str(capture)]) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{capture}: ")
    assert " at byte " in line
    assert run(["verify", str(tmp_path / "none")]) == 2
    assert run(["verify", "--repair", str(capture)]) == 2


def test_single_file_of_ours(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    copy = tmp_path / "flows.parquet"
    copy.write_bytes(Catalog(store).slots()[0].path.read_bytes())
    assert run(["verify", str(copy)]) == 0
    assert "1000 flow records can be read, 0 files damaged" in capsys.readouterr().err
    damage(copy)
    assert run(["verify", str(copy)]) == 3
    assert "row group 1, packets" in capsys.readouterr().out


def test_a_store_and_a_directory_of_parquet_by_their_path(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Named without -l they are checked just so, never passed over as nothing."""
    assert run(["verify", str(store)]) == 0
    assert " 3000 flow records can be read, 0 files damaged" in capsys.readouterr().err
    plain = tmp_path / "plain"
    plain.mkdir()
    for number, file in enumerate(Catalog(store).slots()):
        (plain / f"{number}.parquet").write_bytes(file.path.read_bytes())
    damage(plain / "1.parquet")
    assert run(["verify", str(plain)]) == 3
    out, err = capsys.readouterr()
    assert out.startswith(f"{plain / '1.parquet'}: ")
    assert err.startswith("3 files, ")
    assert err.endswith(" 1 files damaged\n")
