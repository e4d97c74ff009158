"""A file of a long range: how far it is, stopped by Esc, and nothing is left of one that is not complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from driving import ready, text_of, until
from fake_past import FakePast
from fake_source import FakeSource
from textual.pilot import Pilot
from textual.widgets import Input

from nftui.app import NftuiApp
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.screens.live import LiveScreen
from nftui.widgets.export_dialog import ExportDialog

PORTION = 10


class Halting(FakePast):
    """A past whose second portion of a file is not answered before the gate is open."""

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        if request.limit == PORTION and request.offset == PORTION:
            self.gate.clear()
        return super().snapshot(request)


async def begin(pilot: Pilot[int], path: Path) -> LiveScreen:
    """Hosts of ten seconds of the past, being written; the screen."""
    screen = await ready(pilot)
    now = screen.now_ms
    within = TimeRange(now - 20_000, now - 10_000)
    screen.look(screen.outlook.go_to(within, screen.around()))
    await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.within == within)
    await until(pilot, lambda: not screen.past.busy)
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
    pilot.app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is screen)
    return screen


def halting(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    """A source of which a file is begun and not ended."""
    monkeypatch.setattr("nftui.screens.export_file.PORTION", PORTION)
    source = FakeSource()
    past = Halting()
    past.batches = source.stored.batches  # type: ignore[union-attr]
    source.stored = past
    return source


def said(pilot: Pilot[int]) -> list[str]:
    """What was told below the table."""
    return [note.message for note in pilot.app._notifications]


async def test_escape_stops_it_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = halting(monkeypatch)
    async with NftuiApp(source).run_test(size=(140, 40)) as pilot:
        screen = await begin(pilot, tmp_path / "hosts.csv")
        total = screen.snapshot.rows_total  # type: ignore[union-attr]
        await until(pilot, lambda: f"writing, 10 of {total} rows" in text_of(pilot.app))  # type: ignore[arg-type]
        assert f"{1000 / total:.0f} %" in text_of(pilot.app)  # type: ignore[arg-type]
        assert "Esc stops it" in text_of(pilot.app)  # type: ignore[arg-type]
        assert [path.name[0] for path in tmp_path.iterdir()] == ["."], "it has its name when it is complete"
        await pilot.press("ctrl+s")
        assert any("still being written" in words for words in said(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: f"Stopped: {tmp_path / 'hosts.csv'} was not written." in said(pilot))
        await until(pilot, lambda: not list(tmp_path.iterdir()))
        assert "writing" not in text_of(pilot.app)  # type: ignore[arg-type]
        assert screen.trail.place.within is not None, "the range stays"


async def test_a_stopped_file_can_be_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = halting(monkeypatch)
    async with NftuiApp(source).run_test(size=(140, 40)) as pilot:
        screen = await begin(pilot, tmp_path / "hosts.csv")
        await until(pilot, lambda: "writing, 10 of" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: screen._writing is None)
        monkeypatch.setattr("nftui.screens.export_file.PORTION", 1000)
        source.stored.gate.set()  # type: ignore[union-attr]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press("down")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "hosts.csv")
        await pilot.press("enter")
        total = screen.snapshot.rows_total  # type: ignore[union-attr]
        await until(pilot, lambda: any(f"{total} rows written" in words for words in said(pilot)))
        lines = [json.loads(line) for line in (tmp_path / "hosts.csv").read_text().splitlines()]
        assert len(lines) == total


async def test_the_table_answers_while_a_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = halting(monkeypatch)
    async with NftuiApp(source).run_test(size=(140, 40)) as pilot:
        screen = await begin(pilot, tmp_path / "hosts.csv")
        await until(pilot, lambda: "writing, 10 of" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("full_stop", "4")
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.view == "port")


async def test_leaving_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = halting(monkeypatch)
    async with NftuiApp(source).run_test(size=(140, 40)) as pilot:
        screen = await begin(pilot, tmp_path / "hosts.csv")
        await until(pilot, lambda: "writing, 10 of" in text_of(pilot.app))  # type: ignore[arg-type]
        reader = screen._reader
    assert reader is not None
    reader._pool.shutdown(wait=True)
    assert list(tmp_path.iterdir()) == []
