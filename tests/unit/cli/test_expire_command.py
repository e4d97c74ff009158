from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.cli.main import run
from nftui.engine.limits import Limits
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.layout import COMPACTION_LOCK, DAY_MS
from nftui.engine.store.lock import StoreLock
from nftui.engine.store.writer import StoreWriter


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Ten days of 100 flows each."""
    writer = StoreWriter(tmp_path / "store", limits=Limits(flush_seconds=0, settle_seconds=1e9))
    writer.open()
    for day in range(10):
        writer.append(sample_flows(day * 100, 100, NOON_MS - (9 - day) * DAY_MS))
        writer.tick()
    writer.close()
    return str(tmp_path / "store")


def size_of(store: str) -> int:
    return sum(slot.path.stat().st_blocks * 512 for slot in Catalog(Path(store)).slots())


def test_size_limit(store: str, capsys: pytest.CaptureFixture[str]):
    half = size_of(store) // 2
    assert run(["expire", "-e", store, "-s", str(half), "-w", "100"]) == 0
    assert capsys.readouterr().err.startswith("5 files removed, ")
    assert stored_ids(Path(store)) == list(range(500, 1000))


def test_dry_run_names_files_and_removes_none(store: str, capsys: pytest.CaptureFixture[str]):
    half = size_of(store) // 2
    assert run(["expire", "-e", store, "-s", str(half), "-w", "100", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[1] for line in lines] == [slot.file for slot in Catalog(Path(store)).slots()[:5]]
    assert len(stored_ids(Path(store))) == 1000


def test_list_tells_contents_and_forecast(store: str, capsys: pytest.CaptureFixture[str]):
    assert run(["expire", "-l", store, "-s", "1G", "-t", "8w"]) == 0
    lines = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    told = {name: value.strip() for name, value in lines.items()}
    assert (told["Files"], told["Lifetime"], told["Max size"], told["Max age"]) == (
        "10",
        "9.0 days",
        "1.0 GB",
        "56 days",
    )
    assert (told["Watermark"], told["Will keep"], told["Min free"]) == ("95%", "56.0 days", "<none>")
    assert told["Growth"].endswith(" a day")
    assert told["Full"].startswith("in ")


def test_nothing_left_needs_a_word(store: str, capsys: pytest.CaptureFixture[str]):
    assert run(["expire", "-e", store, "-s", "0"]) == 73
    assert "no flow would be left" in capsys.readouterr().err
    assert run(["expire", "-e", store, "-s", "0", "--all"]) == 0
    assert stored_ids(Path(store)) == []


def test_what_is_wrong_is_said(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["expire", "-e", str(tmp_path / "none"), "-s", "1G"]) == 73
    assert run(["expire", "-e", store]) == 2
    assert run(["expire", "-e", store, "-s", "lots"]) == 2
    assert run(["expire", "-e", store, "-l", store]) == 2
    lock = StoreLock(Path(store), COMPACTION_LOCK)
    assert run(["expire", "-e", store, "-s", str(size_of(store) // 2)]) == 73
    lock.release()
    assert len(stored_ids(Path(store))) == 1000
    assert "is compacted by pid" in capsys.readouterr().err
