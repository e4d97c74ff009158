"""What holds for all tests."""

import pytest


@pytest.fixture(autouse=True)
def patient_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of this process may take long to end: four tests at once have less of a machine than one program.

    How soon a program ends when it is told to is measured from outside: tests/faults/test_d_ending.py, benchmarks.
    """
    for owner in ("engine.engine", "engine.replay.playback", "probe.store_output"):
        monkeypatch.setattr(f"nftui.{owner}._STOP_SECONDS", 60.0)
