"""The rows of the screen of changes as a file: all of them, with the numbers of both ranges; a picture; stopped."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from driving import ready, text_of, until
from fake_past import FakePast
from fake_source import FakeSource
from textual.pilot import Pilot
from textual.widgets import Input

from nftui.app import AppOptions, NftuiApp
from nftui.engine.history.changes import Changes
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.screens.changes import ChangesScreen
from nftui.widgets.export_dialog import ExportDialog
from nftui.widgets.flow_table import FlowTable

SIZE = (140, 40)
FORMATS = ["csv", "ndjson", "parquet", "svg"]
COLUMNS = ["addr", "change", "now", "before", "difference", "share"]


async def opened(pilot: Pilot[int]) -> ChangesScreen:
    """The screen with its answer on it."""
    screen = await ready(pilot)
    await until(pilot, lambda: screen.extent is not None)
    await pilot.press("C")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChangesScreen))
    found = pilot.app.screen
    assert isinstance(found, ChangesScreen)
    await until(pilot, lambda: found._is_answer() and len(found.query_one(FlowTable).data) > 0)
    return found


async def begin(pilot: Pilot[int], screen: ChangesScreen, path: Path) -> None:
    """Have a file written, in the format of its suffix."""
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
    await pilot.press(*["down"] * FORMATS.index(path.suffix[1:]))
    box = pilot.app.screen.query_one(Input)
    assert box.value.startswith("nftui-changes-hosts-")
    assert box.value.endswith(path.suffix)
    box.value = str(path)
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is screen)


async def written(pilot: Pilot[int], screen: ChangesScreen, path: Path) -> str:
    """Have a file written, and wait for what is told of it."""
    await begin(pilot, screen, path)
    await until(pilot, lambda: bool(told(pilot, path)))
    return told(pilot, path)[-1]


def told(pilot: Pilot[int], path: Path) -> list[str]:
    """What is told of a file."""
    return [note.message for note in pilot.app._notifications if str(path) in note.message]


def expected(changes: Changes) -> list[tuple[object, ...]]:
    """Rows of a comparison by column of the file."""
    return [tuple(changes.values[name][row] for name in COLUMNS) for row in range(len(changes))]


async def test_all_rows_are_written_with_the_numbers_of_both_ranges(tmp_path: Path) -> None:
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert screen.changes is not None
        rows = expected(screen.changes)
        assert {row[1] for row in rows} >= {"grown", "shrunk"}
        total = screen.changes.rows_total
        for form in FORMATS[:3]:
            path = tmp_path / f"changes.{form}"
            assert await written(pilot, screen, path) == f"{path}: {total} rows written."
    lines = list(csv.reader(io.StringIO((tmp_path / "changes.csv").read_text())))
    assert lines[0] == COLUMNS
    found = [(*line[:2], *map(float, line[2:])) for line in lines[1:]]
    assert found == [(*row[:2], *(pytest.approx(number) for number in row[2:])) for row in rows]
    assert [json.loads(line) for line in (tmp_path / "changes.ndjson").read_text().splitlines()] == [
        dict(zip(COLUMNS, (*row[:2], *map(float, row[2:])), strict=True))  # type: ignore[arg-type]
        for row in rows
    ]
    table = pq.read_table(tmp_path / "changes.parquet")
    assert [(field.name, str(field.type)) for field in table.schema] == [
        (name, "string" if name in COLUMNS[:2] else "double") for name in COLUMNS
    ]
    assert list(zip(*table.to_pydict().values(), strict=True)) == rows


async def test_rows_that_are_not_shown_are_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nftui.screens.changes._ROWS", 3)
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert screen.changes is not None
        assert len(screen.changes) == 3 < screen.changes.rows_total
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        total = screen.changes.rows_total
        await until(pilot, lambda: f"Write all {total} changes of hosts in bit/s" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("escape")
        path = tmp_path / "changes.ndjson"
        assert await written(pilot, screen, path) == f"{path}: {total} rows written."
        request, before = source.stored.compared[0]  # type: ignore[union-attr]
        whole = source.stored.changes(replace(request, limit=total), before)  # type: ignore[union-attr]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [tuple(line.values()) for line in lines] == expected(whole)
        assert len(screen.query_one(FlowTable).data) == 3, "the table stays as it was"


async def test_hidden_addresses_are_not_written(tmp_path: Path) -> None:
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert screen.changes is not None
        screen._curtain.drawn = True
        path = tmp_path / "changes.csv"
        await written(pilot, screen, path)
        real = set(screen.changes.values["addr"])
        shown = [line[0] for line in csv.reader(io.StringIO(path.read_text()))][1:]
        assert len(shown) == screen.changes.rows_total
        assert not real & set(shown)


async def test_a_picture_of_the_screen(tmp_path: Path) -> None:
    async with NftuiApp(FakeSource(seconds=400)).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        path = tmp_path / "changes.svg"
        assert await written(pilot, screen, path) == f"{path} written."
    text = path.read_text().replace("&#160;", " ")
    assert text.startswith("<svg")
    assert "What changed" in text
    assert "svg: a picture" not in text, "the dialog has gone"


async def test_a_file_that_exists_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    path.write_text("mine")
    async with NftuiApp(FakeSource(seconds=400)).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert await written(pilot, screen, path) == f"{path}: exists; choose another name"
        assert screen._file.writing is None
    assert path.read_text() == "mine"


class Halting(FakePast):
    """A past whose comparison of all groups is not answered before the gate is open."""

    def changes(self, request: LiveRequest, before: TimeRange) -> Changes:
        if request.limit > 3:
            self.gate.clear()
        return super().changes(request, before)


async def test_escape_stops_a_file_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nftui.screens.changes._ROWS", 3)
    source = FakeSource(seconds=400)
    past = Halting()
    past.batches = source.stored.batches  # type: ignore[union-attr]
    source.stored = past
    path = tmp_path / "changes.csv"
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        total = screen.changes.rows_total  # type: ignore[union-attr]
        await begin(pilot, screen, path)
        await until(pilot, lambda: f"writing, 0 of {total} rows" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("ctrl+s")
        assert told(pilot, path) == [f"{path} is still being written; Esc stops that."]
        await pilot.press("escape")
        await until(pilot, lambda: f"Stopped: {path} was not written." in told(pilot, path))
        assert pilot.app.screen is screen
        assert "writing" not in text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is not screen)
    assert list(tmp_path.iterdir()) == []


async def test_read_only_writes_no_file() -> None:
    app = NftuiApp(FakeSource(seconds=400), AppOptions(read_only=True))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert pilot.app.screen is screen
