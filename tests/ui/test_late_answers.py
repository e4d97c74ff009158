"""Answers that come when the user has gone elsewhere, and screens that are taken off while they ask."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import warnings

import pytest
from driving import ready, until
from fake_source import FakeSource
from textual._context import NoActiveAppError
from textual.app import App, ComposeResult
from textual.css.query import NoMatches
from textual.pilot import Pilot
from textual.widgets import Label, Static
from textual.worker import WorkerFailed

from nftui.app import NftuiApp
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.screens.live import LiveScreen
from nftui.screens.working import WorkingScreen

SIZE = (120, 40)


class SlowSource(FakeSource):
    """A source whose answers wait while the gate is closed."""

    def __init__(self) -> None:
        super().__init__(seconds=60)
        self.gate = threading.Event()
        self.gate.set()
        self.waits: LiveRequest | None = None

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        if not self.gate.is_set():
            self.waits = request
            self.gate.wait(60)
        return super().snapshot(request)


async def late(pilot: Pilot[int], screen: LiveScreen, source: SlowSource) -> list[LiveRequest]:
    """Have a question under way; what the table shows from now on, by its question."""
    shown: list[LiveRequest] = []
    show = screen.show_table

    def note(snapshot: LiveSnapshot) -> None:
        shown.append(snapshot.request)
        show(snapshot)

    screen.show_table = note  # type: ignore[method-assign]
    source.gate.clear()
    screen.feed.now()
    await until(pilot, lambda: source.waits is not None)
    return shown


async def test_sums_asked_beside_the_past_are_not_the_flow_list_of_now() -> None:
    source = SlowSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("9")
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.view == "flows")
        within = TimeRange(screen.now_ms - 20_000, screen.now_ms - 10_000)
        screen.look(screen.outlook.go_to(within, screen.around()))
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.within == within)
        shown = await late(pilot, screen, source)
        assert source.waits is not None
        assert (source.waits.view, source.waits.limit) == ("flows", 1)
        await pilot.press("full_stop")
        assert screen.trail.place.within is None
        source.gate.set()
        await until(pilot, lambda: bool(shown))
        assert [request.limit for request in shown if request.limit == 1] == []
        assert len(screen.table.data) > 1


async def test_an_answer_in_the_order_of_before_is_not_drawn() -> None:
    source = SlowSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        shown = await late(pilot, screen, source)
        screen.trail.change(sort="packets", descending=True)
        screen.go_on()
        source.gate.set()
        await until(pilot, lambda: bool(shown))
        assert {request.sort for request in shown} == {"packets"}


class Last(Static):
    """A part that goes only when what the screen does has seen the other parts go."""

    async def on_unmount(self) -> None:
        screen = self.screen
        assert isinstance(screen, Asking)
        while screen.query(Label):
            await asyncio.sleep(0)
        screen.answered.set()
        await screen.looked.wait()


class Asking(WorkingScreen[None]):
    """Shows an answer in a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = asyncio.Event()
        self.looked = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Label("nothing")
        yield Last()

    def on_mount(self) -> None:
        self.run_worker(self._ask())

    async def _ask(self) -> None:
        try:
            await self.answered.wait()
            self.query_one(Label).update("answer")
        finally:
            self.looked.set()


async def test_an_answer_to_a_screen_that_is_taken_off_ends_nothing() -> None:
    app: App[int] = App()
    screen = Asking()
    async with app.run_test() as pilot:
        await app.push_screen(screen)
        await app.pop_screen()
        await pilot.pause()
        assert screen.looked.is_set(), "the answer came when the part had gone"
        assert app.is_running
        assert app.screen is not screen


async def lose_a_part(app: App[int], screen: Asking) -> None:
    """Have a screen that stays look for a part that has gone."""
    async with app.run_test() as pilot:
        await app.push_screen(screen)
        await screen.query_one(Label).remove()
        screen.answered.set()
        await screen.looked.wait()
        await pilot.pause()


async def test_a_part_that_is_missing_on_a_screen_that_is_there_is_an_error() -> None:
    with pytest.raises(WorkerFailed) as failed:
        await lose_a_part(App(), Asking())
    assert isinstance(failed.value.error, NoMatches)


async def test_work_that_is_cancelled_before_it_begins_is_closed_without_a_word() -> None:
    app: App[int] = App()
    screen = Asking()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        async with app.run_test() as pilot:
            await app.push_screen(screen)
            work = screen._ask()
            screen.run_worker(work).cancel()
            await pilot.pause()
            gc.collect()
            assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED
            assert not screen.looked.is_set(), "it never began"
        gc.collect()
    assert [str(warning.message) for warning in told] == []


async def test_work_for_which_there_is_no_worker_is_closed() -> None:
    screen = Asking()
    work = screen._ask()
    with pytest.raises(NoActiveAppError):
        screen.run_worker(work)
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


@pytest.mark.parametrize("turns", [0, 1, 5, 20])
async def test_an_application_that_is_left_while_its_screen_is_being_made_has_not_failed(
    monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Parts that begin then find no parts of their own; SIGTERM may come at any moment."""
    compose = LiveScreen.compose

    def leave_soon(screen: LiveScreen) -> ComposeResult:
        async def leave() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            app.leave(143)

        leaving.append(asyncio.get_running_loop().create_task(leave()))
        return compose(screen)

    monkeypatch.setattr(LiveScreen, "compose", leave_soon)
    leaving: list[asyncio.Task[None]] = []
    app = NftuiApp(FakeSource())
    await app.run_async(headless=True)
    assert (app.return_code, app.failure) == (143, None)
    assert len(leaving) == 1
