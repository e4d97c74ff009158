"""The live screen with a cluster behind its past: history, drill and what changed; keys are always answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason="needs the extra spark: make cluster-test installs it")

from compaction import write
from spark_standalone import StandaloneCluster
from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))
from driving import ready, rows, text_of, until
from fake_source import FakeSource, flows

from nftui.app import NftuiApp
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.lake.place import Place
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.spark.address import Address, parse_backend
from nftui.engine.spark.holdings import LakeOnCluster
from nftui.screens.changes import ChangesScreen
from nftui.screens.live import LiveScreen
from nftui.screens.source import Past
from nftui.widgets.flow_table import FlowTable

SIZE = (120, 40)
SLOT = 300_000
PATIENCE = 240.0


class LakeSource(FakeSource):
    """Live flows as ever, and a lake on a cluster for the past."""

    def __init__(self, address: Address, root: Path) -> None:
        super().__init__(seconds=40)
        self._address, self._root = address, root

    def past(self) -> Past:  # type: ignore[override]
        lake = LakeOnCluster(self._address, Place(str(self._root)))
        return History(holdings=lake, sessions=lake.session)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Flows of an hour before the live ones."""
    now = FakeSource(seconds=40).clock.now_ms() // SLOT * SLOT
    write(tmp_path, *(flows(slot, 400, now - slot * SLOT + 1000) for slot in range(12, 0, -1)))
    return tmp_path


@pytest.fixture
def here(root: Path) -> Iterator[History]:
    """The same flows on DuckDB."""
    with closing(History([str(root)])) as history:
        yield history


async def answers_keys(pilot: Pilot[int], screen: LiveScreen, source: FakeSource) -> None:
    """While a question is under way, keys do what they always do, and what is live comes in."""
    assert screen.past.busy
    await pilot.press("question_mark")
    await until(pilot, lambda: pilot.app.screen is not screen)
    await pilot.press("escape")
    await until(pilot, lambda: pilot.app.screen is screen)
    before = screen.table.cursor_row
    await pilot.press("j")
    assert screen.table.cursor_row != before
    source.advance()
    now = source.clock.now_ms()
    await until(pilot, lambda: screen.now_ms >= now)


async def answered(pilot: Pilot[int], screen: LiveScreen) -> None:
    """Wait until the table shows what its place asks for."""

    def there() -> bool:
        place, found = screen.trail.place, screen.snapshot
        assert not screen.past_problem, screen.past_problem
        return (
            not screen.past.busy
            and found is not None
            and (found.request.within, found.request.view, found.request.filter and found.request.filter.text)
            == (place.within, place.view, place.filter or None)
        )

    await until(pilot, there, PATIENCE)


async def test_history_drill_and_changes_are_answered_by_the_cluster(
    cluster: StandaloneCluster, root: Path, here: History
) -> None:
    source = LakeSource(parse_backend(cluster.address), root)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.extent is not None, PATIENCE)
        extent = here.extent()
        assert extent is not None
        assert screen.extent.start_ms == extent.start_ms
        within = TimeRange(extent.start_ms + 600_000, extent.start_ms + 2_400_000)
        screen.look(screen.outlook.go_to(within, screen.around()))
        await answers_keys(pilot, screen, source)
        await answered(pilot, screen)
        expected = here.snapshot(screen.request())
        assert rows(screen, "addr", "bytes", "flows") == list(
            zip(*(expected.values[name] for name in ("addr", "bytes", "flows")), strict=True)
        )
        await pilot.press("enter")
        await until(pilot, lambda: screen.trail.place.view != "host" or bool(screen.trail.place.filter))
        await answered(pilot, screen)
        expected = here.snapshot(screen.request())
        assert len(expected) > 0
        assert screen.table.data.keys.tolist() == expected.keys.tolist()
        await pilot.press("9")
        await answered(pilot, screen)
        assert screen.table.data.keys.tolist() == here.snapshot(screen.request()).keys.tolist()
        await pilot.press("escape", "escape", "C")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangesScreen))
        found = pilot.app.screen
        assert isinstance(found, ChangesScreen)
        await until(pilot, found._is_answer, PATIENCE)
        data = found.query_one(FlowTable).data
        request: LiveRequest = found.changes.request
        expected_changes = here.changes(request, found.changes.before)
        assert data.keys.tolist() == expected_changes.keys.tolist()
        assert data.values["difference"].tolist() == expected_changes.values["difference"].tolist()


async def test_without_the_cluster_the_screen_says_so_and_live_goes_on(root: Path) -> None:
    source = LakeSource(parse_backend("sc://127.0.0.1:1"), root)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        now = source.clock.now_ms()
        screen.look(screen.outlook.go_to(TimeRange(now - 600_000, now - 300_000), screen.around()))
        refused = "backend sc://127.0.0.1:1 cannot be reached: connection refused"
        await until(pilot, lambda: refused in text_of(pilot.app), PATIENCE)
        source.advance()
        await until(pilot, lambda: screen.now_ms > now)
        assert refused in text_of(pilot.app)
        await pilot.press("full_stop")
        await until(pilot, lambda: screen.snapshot.request.within is None and len(screen.table.data) > 0)
        await until(pilot, lambda: refused not in text_of(pilot.app))
