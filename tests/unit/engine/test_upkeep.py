"""The processes that expire and compact beside the collector."""

import sys
import threading
import time
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.cli.main import run
from nftui.config import StoreConfig
from nftui.engine.clock import ManualClock
from nftui.engine.ledger import Ledger
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.layout import COMPACTION_LOCK
from nftui.engine.store.lock import StoreLock
from nftui.engine.store.writer import StoreWriter
from nftui.engine.upkeep import Chore, Upkeep, chores
from nftui.errors import UsageError

OLD_MS = NOON_MS - 366 * 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two finished hours, and a writer that goes on."""
    clock = ManualClock(OLD_MS)
    writer = StoreWriter(tmp_path / "store", clock=clock)
    writer.open()
    for number in range(4):
        writer.append(sample_flows(100 * number, 100, OLD_MS + 1_800_000 * number))
    writer.close()
    return tmp_path / "store"


def test_finished_hours_are_compacted_by_another_process(store: Path) -> None:
    ledger = Ledger()
    Upkeep(chores(store, StoreConfig()), ledger).once(threading.Event())
    assert ledger.snapshot() == {"compactions.run": 1}
    assert [slot.name.hour for slot in Catalog(store).slots()] == [True, True]
    assert stored_ids(store) == list(range(400))


def test_failures_are_counted(tmp_path: Path) -> None:
    ledger = Ledger()
    absent = (*chores(tmp_path / "nowhere", StoreConfig()), Chore(("/nowhere/nftui",), "compactions"))
    Upkeep(absent, ledger).once(threading.Event())
    assert ledger.snapshot() == {"compactions.failed": 2}


def test_stopping_ends_the_process(tmp_path: Path) -> None:
    ledger = Ledger()
    stopping = threading.Event()
    endless = Upkeep((Chore((sys.executable, "-c", "import time; time.sleep(60)"), "compactions"),), ledger)
    thread = threading.Thread(target=endless.once, args=(stopping,))
    thread.start()
    stopping.set()
    thread.join(120)
    assert not thread.is_alive()
    assert ledger.snapshot() == {}


def test_by_hand(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compact", "-l", str(store)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1].split(", ")[0:2] for line in lines] == [["200 flows", "2 files"]] * 2
    assert run(["compact", "-l", str(store)]) == 0
    assert capsys.readouterr().err == ""


def test_by_hand_says_what_is_wrong(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compact", "-l", str(tmp_path / "none")]) == 73
    lock = StoreLock(store, COMPACTION_LOCK)
    assert run(["compact", "-l", str(store)]) == 73
    lock.release()
    assert "is compacted by pid" in capsys.readouterr().err


def test_configured_limits_expire_before_the_rest_is_compacted(store: Path) -> None:
    ledger = Ledger()
    before = sum(slot.path.stat().st_blocks * 512 for slot in Catalog(store).slots()[:2])
    limits = StoreConfig(expire_age="1h", expire_watermark=100)
    writer = StoreWriter(store)
    writer.open()
    writer.append(sample_flows(400, 100, time.time_ns() // 1_000_000))
    writer.close()
    Upkeep(chores(store, limits), ledger).once(threading.Event())
    counts = ledger.snapshot()
    assert counts["expired.bytes"] >= before
    assert (counts["expiries.run"], counts["expired.files"], counts["compactions.run"]) == (1, 4, 1)
    assert stored_ids(store) == list(range(400, 500))


def test_expiry_that_would_leave_nothing_is_refused_and_counted(store: Path) -> None:
    ledger = Ledger()
    Upkeep(chores(store, StoreConfig(expire_age="1h", compact=False)), ledger).once(threading.Event())
    assert ledger.snapshot() == {"expiries.failed": 1}
    assert len(stored_ids(store)) == 400


def test_limits_that_are_none_are_told_at_once(store: Path) -> None:
    with pytest.raises(UsageError, match="size 'much'"):
        chores(store, StoreConfig(expire_size="much"))
