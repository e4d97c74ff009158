"""How many cores a question about the past may have."""

import os

import pytest

from nftui.config import Config, StoreConfig
from nftui.engine.health import Health, Rates
from nftui.engine.history import history
from nftui.engine.query.session import Session
from nftui.screens.recording import RecordedSource
from nftui.screens.source import LocalSource

ALL = 0
LEAVE_ONE = max(1, (os.cpu_count() or 2) - 1)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Threads of each question that is asked from now on."""
    seen: list[int] = []

    class Watched(Session):
        def __init__(self, sources, memory: str = "", threads: int = 0) -> None:
            seen.append(threads)
            super().__init__(sources, memory, threads)

    monkeypatch.setattr(history, "Session", Watched)
    return seen


def collector(root, flows: float) -> LocalSource:
    """A screen whose engine receives so many flows a second."""

    class Part:
        rate = flows

        def health(self) -> Health:
            return Health(0, rates=Rates(flows=self.rate))

    source = LocalSource(Config(store=StoreConfig(str(root))))
    source._part = Part()  # type: ignore[assignment]
    return source


def ask(source: LocalSource | RecordedSource) -> None:
    """One question about the past."""
    past = source.past()
    assert past is not None
    past.extent()
    past.close()


def test_all_cores_while_little_is_received(tmp_path, given) -> None:
    ask(collector(tmp_path, 19_000))
    assert given == [ALL]


def test_a_core_is_left_to_much_reception_and_given_back_after_it(tmp_path, given) -> None:
    source = collector(tmp_path, 20_000)
    past = source.past()
    assert past is not None
    past.extent()
    source._part.rate = 10  # type: ignore[union-attr]
    past.extent()
    assert given == [LEAVE_ONE, ALL]
    past.close()


def test_a_probe_needs_its_core_whatever_comes_of_its_packets(tmp_path, given) -> None:
    source = collector(tmp_path, 0)
    source._meter = object()  # type: ignore[assignment]
    ask(source)
    assert given == [LEAVE_ONE]


def test_a_viewer_and_a_recording_receive_nothing(tmp_path, given) -> None:
    viewer = collector(tmp_path, 300_000)
    viewer._viewing = "collect 42"
    for source in (viewer, RecordedSource([str(tmp_path)], 1.0)):
        ask(source)
    assert given == [ALL, ALL]
