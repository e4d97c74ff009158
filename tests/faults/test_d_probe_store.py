"""A probe that stores what it meters: packets never wait for a disk that hangs; a capture file does."""

import threading
from pathlib import Path

import pytest
from store_samples import sample_flows, stored_ids

from nftui.engine.store.writer import StoreWriter
from nftui.errors import PartialAnswer
from nftui.probe import store_output
from nftui.probe.store_output import StoreOutput


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch):
    """A disk that hangs until it is released."""
    released, reached = threading.Event(), threading.Event()
    real = StoreWriter.append

    def append(self: StoreWriter, batch) -> None:
        reached.set()
        assert released.wait(600)
        real(self, batch)

    monkeypatch.setattr(StoreWriter, "append", append)
    released.reached = reached  # type: ignore[attr-defined]
    yield released
    released.set()


def test_metering_does_not_wait(tmp_path: Path, held) -> None:
    output = StoreOutput(tmp_path / "s", live=True)
    for first in range(0, 5000, 100):
        output.write(sample_flows(first, 100), 100, 0)  # would hang here
    assert held.reached.wait(120)
    held.set()
    output.close()
    assert stored_ids(tmp_path / "s") == list(range(5000))
    assert output.statistics().records == 5000


def test_what_cannot_be_stored_in_time_is_told(tmp_path: Path, held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_output, "_STOP_SECONDS", 0.2)
    output = StoreOutput(tmp_path / "s", live=True)
    output.write(sample_flows(0, 100), 100, 0)
    assert held.reached.wait(120)
    with pytest.raises(PartialAnswer, match="100 flows could not be stored in"):
        output.close()


def test_a_file_waits_for_the_disk(tmp_path: Path, held, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(store_output, "DEFAULT", replace(store_output.DEFAULT, unsaved_flows=1000))
    output = StoreOutput(tmp_path / "s", live=False)
    done = threading.Event()

    def read() -> None:
        for first in range(0, 5000, 100):
            output.write(sample_flows(first, 100), 100, 0)
        done.set()

    reading = threading.Thread(target=read)
    reading.start()
    assert held.reached.wait(120)
    assert not done.wait(0.3)
    held.set()
    assert done.wait(120)
    reading.join()
    output.close()
    assert stored_ids(tmp_path / "s") == list(range(5000))
