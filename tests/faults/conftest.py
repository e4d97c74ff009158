"""Collectors of a test end with it, however it ends."""

import pytest
from collector_process import Collector


@pytest.fixture
def collect():
    """Starts collectors: `collect(store, *options)`."""
    started: list[Collector] = []

    def _collect(*arguments, **more) -> Collector:
        started.append(Collector(*arguments, **more))
        return started[-1]

    yield _collect
    for collector in started:
        collector.process.kill()
        collector.process.communicate()
