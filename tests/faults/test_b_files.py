"""Cases B2, B9 and B15 of docs/reliability.md: files that are torn, that are not ours, that an older version wrote."""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collector_process import FULL
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.cli.main import run
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.schema import FIELDS, SCHEMA_VERSION
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.compact import compact_hour
from nftui.engine.store.expire import due, holdings, remove
from nftui.engine.store.retention import Policy
from nftui.engine.store.verify import verify_store
from nftui.engine.store.writer import StoreWriter

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
ADDED = {"site"}
"""Columns that came into the present version later: a version may gain columns, docs/formats.md."""
SLOT_MS = 300_000
CUTS = 1024 if FULL else 48


def three_slots(root: Path) -> None:
    writer = StoreWriter(root, limits=Limits(flush_seconds=0, settle_seconds=1e9))
    writer.open()
    for slot in range(3):
        writer.append(sample_flows(slot * 50, 50, NOON_MS + slot * SLOT_MS))
        writer.tick()
    writer.close()


@pytest.mark.timeout(900)
def test_a_file_that_is_cut_anywhere_costs_its_own_flows_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """B2: the others answer, exit code 3, the file is named; the next start puts it aside."""
    root = tmp_path / "s"
    three_slots(root)
    torn = Catalog(root).slots()[1].path
    whole = torn.read_bytes()
    for cut in sorted({0, 1, 4, *(len(whole) * part // CUTS for part in range(CUTS)), len(whole) - 1}):
        torn.write_bytes(whole[:cut])
        code = run(["dump", "-R", str(root), "-q", "-o", "fmt:%byt"])
        out, err = capsys.readouterr()
        assert code == 3, cut
        assert len(out.splitlines()) == 100, cut
        assert torn.name in err, cut
        assert "Traceback" not in err
        if cut % 8 == 0:
            writer = StoreWriter(root, clock=ManualClock(NOON_MS))
            assert writer.open().quarantined == (torn.name,), cut
            writer.close()
            assert stored_ids(root) == [*range(50), *range(100, 150)]
            assert run(["dump", "-R", str(root), "-q", "-o", "fmt:%byt"]) == 0
            capsys.readouterr()
            shutil.rmtree(root / "_quarantine")
    torn.write_bytes(whole)
    assert run(["dump", "-R", str(root), "-q", "-o", "fmt:%byt"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 150


def foreign_files(root: Path) -> dict[Path, bytes]:
    """Twenty files of others in every directory of a store, some of them with names much like ours, and one with it."""
    hour = Catalog(root).slots()[0].path.parent
    table = pa.table({"a": [1, 2, 3]})
    places = [root / name for name in ("notes.txt", "flows.parquet", ".hidden", "date=2026-11-21.bak", "date=latest")]
    places += [root / "_live" / name for name in ("mine.arrows", "20261121T120000Z.arrows")]
    places += [root / "_tmp" / name for name in ("other.tmp", ".mine.tmp.bak", "keep")]
    places += [hour.parent / name for name in ("hour=24", "_SUCCESS", "_metadata", "readme")]
    places += [hour / name for name in ("part-00000.parquet", "_x.rollup", ".crc", "a.parquet.bak", "0.parquet")]
    places.append(hour / "20261121T000000Z-deadbeef-000001.parquet")
    for place in places:
        if place.suffix == ".parquet":
            pq.write_table(table, place)
        else:
            place.write_bytes(f"of {place.name}".encode())
    return {place: place.read_bytes() for place in places}


def test_files_of_others_are_never_touched(tmp_path: Path) -> None:
    """B9: not by a start, a compaction, or an expiry that removes everything of ours."""
    three_slots(tmp_path)
    foreign = foreign_files(tmp_path)
    assert len(foreign) == 20
    writer = StoreWriter(tmp_path, clock=ManualClock(NOON_MS))
    assert writer.open().quarantined == ("20261121T000000Z-deadbeef-000001.parquet",)  # its name is ours: put aside
    writer.close()
    aside = tmp_path / "_quarantine" / "20261121T000000Z-deadbeef-000001.parquet"
    own = next(place for place in foreign if place.name == aside.name)
    assert aside.read_bytes() == foreign[own]
    own.write_bytes(foreign[own])
    for _ in compact_hour(tmp_path, NOON_MS, DEFAULT):
        pass
    own.write_bytes(foreign[own])
    removed = list(remove(tmp_path, due(holdings(tmp_path), Policy(most_bytes=0), 1 << 50), 1 << 50))
    assert removed
    assert [place.name for place in foreign if not place.exists() or place.read_bytes() != foreign[place]] == []


def golden_stores() -> list[Path]:
    return sorted(GOLDEN.glob("store-v*"))


def test_the_present_schema_has_its_golden_store() -> None:
    assert GOLDEN / f"store-v{SCHEMA_VERSION}" in golden_stores()


@pytest.mark.parametrize("golden", golden_stores(), ids=lambda path: path.name)
def test_stores_of_every_released_schema_stay_readable(golden: Path, tmp_path: Path, capsys) -> None:
    """B15: read as it lies; then opened, sealed, compacted and written to by this version, with the same sums."""
    about = json.loads((golden / "sums.json").read_text())
    root = tmp_path / "s"
    shutil.copytree(golden, root)
    rows = about["flows"]
    assert stored_ids(root) == list(range(rows))
    assert all(not verdict.problems for verdict in verify_store(root))
    columns = set(pq.read_schema(Catalog(root).slots()[0].path).names) | ADDED
    assert (
        columns >= {column for name in FIELDS for column in FIELDS[name].physical} or about["schema"] < SCHEMA_VERSION
    )
    before = raw_sums(root)
    assert before == (rows, about["packets"], about["bytes"])
    assert run(["dump", "-R", str(root), "-q", "-o", "fmt:%byt", "proto tcp"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == rows // 3
    writer = StoreWriter(root, 300, ManualClock(NOON_MS + 7_200_000))
    report = writer.open()
    assert (report.rows, report.quarantined) == (rows // 5, ())
    writer.append(sample_flows(rows, 10, NOON_MS + 7_200_000))
    writer.close()
    assert stored_ids(root) == list(range(rows + 10))
    for hour in (NOON_MS, NOON_MS + 3_600_000):
        for _ in compact_hour(root, hour, DEFAULT):
            pass
    assert stored_ids(root) == list(range(rows + 10))
    assert all(not verdict.problems for verdict in verify_store(root))
    assert not (root / "_quarantine").exists()
    assert raw_sums(golden) == before
    assert not os.path.exists(golden / ".lock"), "reading has written to the store"


def raw_sums(root: Path) -> tuple[int, int, int]:
    """Flows, packets and bytes over sealed files and live segments."""
    found = [0, 0, 0]
    with Catalog(root).snapshot() as snapshot:
        tables = [pq.read_table(file.path, columns=["flows", "packets", "bytes"]) for file in snapshot.sealed]
        tables += [reader.table(["flows", "packets", "bytes"]) for reader in snapshot.live]
    for table in tables:
        for place, name in enumerate(("flows", "packets", "bytes")):
            found[place] += sum(table.column(name).to_pylist())
    return found[0], found[1], found[2]
