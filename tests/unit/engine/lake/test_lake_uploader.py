"""The collector's side of uploads: what is counted, told and tried again."""

import sys
import threading
from pathlib import Path

import pytest
from lakes import compact, lake_ids, write_slots
from store_samples import NOON_MS

from nftui.config import LakeConfig
from nftui.engine.lake import uploader
from nftui.engine.lake.place import parse_place
from nftui.engine.lake.uploader import Uploader
from nftui.engine.ledger import Ledger
from nftui.engine.store.catalog import Catalog


@pytest.fixture
def made(tmp_path):
    """A store with three files and an uploader whose program is the given Python text."""
    (tmp_path / "lake").mkdir()
    write_slots(tmp_path / "store", 0, 3)

    def make(text: str | None = None) -> tuple[Uploader, Ledger]:
        ledger = Ledger()
        program = () if text is None else ((sys.executable, "-c", f"import os, sys, time\n{text}"),)
        return Uploader(tmp_path / "store", LakeConfig(str(tmp_path / "lake"), "a"), ledger, *program), ledger

    return make


def test_waiting_files_are_counted_and_brought(made, tmp_path):
    one, ledger = made()
    assert one.look() == 3
    assert ledger.snapshot()["lake.waiting"] == 3
    assert one.once(threading.Event())
    assert one.look() == 0
    counts = ledger.snapshot()
    assert (counts["lake.uploaded"], counts["lake.waiting"], counts.get("lake.lag_seconds", 0)) == (3, 0, 0)
    assert counts["lake.uploaded_bytes"] == sum(
        file.path.stat().st_size for file in Catalog(tmp_path / "store").slots()
    )
    assert one.problem == ""
    assert lake_ids(parse_place(str(tmp_path / "lake"))) == list(range(180))


def test_what_fails_is_counted_by_its_cause_and_told(made):
    one, ledger = made("""print('{"lake.uploaded": 1}')
print('{"failed": "denied", "error": "lake s3://x: no \\\\u001b[2J keys"}')
sys.exit(69)""")
    one.look()
    assert not one.once(threading.Event())
    assert ledger.snapshot()["lake.failed.denied"] == 1
    assert ledger.snapshot()["lake.uploaded"] == 1
    assert "3 finished files" in one.problem
    assert "lake s3://x: no" in one.problem
    assert "\x1b" not in one.problem


@pytest.mark.parametrize("text", ["sys.exit(1)", "os.kill(os.getpid(), 11)", "print('no json'); sys.exit(3)"])
def test_an_upload_that_dies_is_a_failure(made, text):
    one, ledger = made(text)
    assert not one.once(threading.Event())
    assert ledger.snapshot()["lake.failed.other"] == 1


def test_an_upload_that_says_nothing_is_ended(made, monkeypatch):
    monkeypatch.setattr(uploader, "_SILENT_SECONDS", 0.5)
    one, ledger = made("time.sleep(600)")
    assert not one.once(threading.Event())
    assert ledger.snapshot()["lake.failed.hung"] == 1
    assert "hangs" in one.problem


def test_an_upload_that_is_slow_but_alive_is_not_ended(made, monkeypatch):
    monkeypatch.setattr(uploader, "_SILENT_SECONDS", 5.0)
    one, ledger = made("for _ in range(7): print('{}', flush=True); time.sleep(0.8)")
    assert one.once(threading.Event())
    assert not any(name.startswith("lake.failed") for name in ledger.snapshot())


@pytest.mark.parametrize("text", ["time.sleep(600)", "import signal; signal.signal(15, lambda *a: 0); time.sleep(600)"])
def test_the_end_does_not_wait_for_an_upload(made, tmp_path, text):
    started = tmp_path / "started"
    one, _ = made(f"open({str(started)!r}, 'w').write(str(os.getpid()))\n{text}")
    stopping = threading.Event()
    thread = threading.Thread(target=one.once, args=(stopping,))
    thread.start()
    while not started.exists() or not started.read_text():
        threading.Event().wait(0.01)
    stopping.set()
    thread.join(120)
    assert not thread.is_alive()
    assert not Path(f"/proc/{started.read_text()}").exists()


def test_a_second_try_is_counted_and_a_success_ends_the_trouble(made, monkeypatch):
    monkeypatch.setattr(uploader, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(uploader, "_PAUSE_SECONDS", 0.05)
    one, ledger = made("""print('{"failed": "unreachable", "error": "away"}'); sys.exit(69)""")
    stopping = threading.Event()
    thread = threading.Thread(target=one.run, args=(stopping,))
    thread.start()
    try:
        while ledger.snapshot().get("lake.retried", 0) < 2:
            threading.Event().wait(0.02)
        one._program = uploader._PROGRAM
        while ledger.snapshot().get("lake.uploaded", 0) < 3 or one.problem:
            threading.Event().wait(0.02)
    finally:
        stopping.set()
        thread.join()
    assert ledger.snapshot()["lake.waiting"] == 0


def test_files_that_expire_before_they_are_brought_are_counted(made, tmp_path):
    one, ledger = made()
    one.look()
    Catalog(tmp_path / "store").slots()[0].path.unlink()
    one.look()
    assert ledger.snapshot()["lake.missed"] == 1
    compact(tmp_path / "store", NOON_MS)
    one.look()
    assert ledger.snapshot()["lake.missed"] == 1


def test_keys_and_places_do_not_stand_on_the_command_line(made, monkeypatch, tmp_path):
    told = tmp_path / "told"
    one, _ = made(f"open({str(told)!r}, 'w').write(repr(sys.argv) + os.environ['NFTUI_LAKE_URI'])")
    assert one.once(threading.Event())
    arguments, uri = told.read_text().split("]")
    assert uri == str(tmp_path / "lake")
    assert str(tmp_path / "lake") not in arguments
