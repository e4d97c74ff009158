"""What holds for all tests."""

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the program.
settings.register_profile("nftui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nftui")


@pytest.fixture(autouse=True)
def patient_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of this process may take long to end: four tests at once have less of a machine than one program.

    How soon a program ends when it is told to is measured from outside: tests/faults/test_d_ending.py, benchmarks.
    """
    for owner in ("engine.engine", "engine.replay.playback", "probe.store_output"):
        monkeypatch.setattr(f"nftui.{owner}._STOP_SECONDS", 60.0)
