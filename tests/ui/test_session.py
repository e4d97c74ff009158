"""The session file: bounded, the user's alone, and never trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from driving import press, ready, settle, text_of, until
from fake_source import FakeSource

from nftui.app import AppOptions, NftuiApp
from nftui.screens.session import Session

SIZE = (120, 40)


def test_values_come_back_and_nobody_else_can_read_them(tmp_path: Path):
    path = tmp_path / "state" / "nftui" / "session.json"
    session = Session(path)
    session.keep("filter", "tcp and port 443")
    session.keep("bits", False)
    session.keep("columns", {"host": ["a", "b"]})
    assert session.save()
    assert path.stat().st_mode & 0o777 == 0o600
    again = Session(path)
    assert (again.text("filter"), again.flag("bits", True)) == ("tcp and port 443", False)
    assert again.table("columns") == {"host": ["a", "b"]}
    assert [file.name for file in path.parent.iterdir()] == ["session.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 2, "filter": "x"}', b'{"filter": "x"}', b"[" * 100_000,
     b'{"version": 1, "filter": "' + b"x" * 70_000 + b'"}'],
    ids=["empty", "cut", "list", "null", "bytes", "newer", "no version", "deep", "large"],
)  # fmt: skip
def test_damaged_file_is_an_empty_one(tmp_path: Path, content: bytes):
    path = tmp_path / "session.json"
    path.write_bytes(content)
    session = Session(path)
    assert (session.text("filter", 100_000), session.flag("bits", True), session.table("columns")) == ("", True, {})
    session.keep("filter", "udp")
    assert session.save()
    assert Session(path).text("filter") == "udp"


def test_values_of_a_wrong_kind_or_with_control_characters_are_not_taken(tmp_path: Path):
    path = tmp_path / "session.json"
    values = {"version": 1, "view": 7, "filter": "a\x1b[2Jb", "bits": "no", "columns": [1], "theme": "x" * 65}
    path.write_text(json.dumps(values))
    session = Session(path)
    assert (session.text("view"), session.text("filter"), session.text("theme")) == ("", "a[2Jb", "")
    assert session.flag("bits", True)
    assert session.table("columns") == {}


def test_pipe_and_world_writable_file_are_not_read(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert Session(pipe).text("filter") == ""
    path = tmp_path / "session.json"
    path.write_text('{"version": 1, "filter": "udp"}')
    path.chmod(0o666)
    assert Session(path).text("filter") == ""


def test_nothing_is_kept_without_a_file_or_beyond_the_bound(tmp_path: Path):
    assert not Session().save()
    path = tmp_path / "session.json"
    session = Session(path)
    session.keep("columns", {str(n): "x" * 100 for n in range(1000)})
    assert not session.save()
    assert not path.exists()


async def leave(path: Path, *keys: str, **options: object) -> NftuiApp:
    """Start, press keys, and leave; the app as it was."""
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path), **options))  # type: ignore[arg-type]
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, *keys)
        app.remember()
    return app


async def test_screen_comes_back_as_it_was_left(tmp_path: Path):
    path = tmp_path / "session.json"
    app = await leave(path, "4", "s", "S", "t", "n", "u", "c", "slash", *"udp", "enter")
    place = app._live.trail.place
    assert (place.view, place.filter, place.descending) == ("port", "udp", False)
    again = NftuiApp(FakeSource(), AppOptions(session=Session(path)))
    async with again.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await settle(pilot)
        now = screen.trail.place
        assert (now.view, now.filter, now.sort, now.descending) == (place.view, "udp", place.sort, False)
        assert now.sort
        assert (screen.display_options.bits, screen.display_options.names) == (False, True)
        assert (screen.unscaled, screen.chart_wanted) == (True, False)
        assert "udp" in text_of(again)


async def test_fresh_ignores_what_was_kept(tmp_path: Path):
    path = tmp_path / "session.json"
    await leave(path, "4", "t")
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path, fresh=True)))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert (screen.trail.place.view, screen.display_options.bits) == ("host", True)


@pytest.mark.parametrize(
    ("options", "filter_text"),
    [
        ({"filter": "tcp", "typed": frozenset({"filter"})}, "tcp"),
        ({"filter": "tcp"}, "tcp"),  # new in the configuration
        ({"filter": ""}, "udp"),
    ],
    ids=["typed", "configured", "neither"],
)
async def test_filter_of_this_start_wins_over_the_kept_one(
    tmp_path: Path, options: dict[str, object], filter_text: str
):
    path = tmp_path / "session.json"
    await leave(path, "slash", *"udp", "enter")
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path), **options))  # type: ignore[arg-type]
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert screen.trail.place.filter == filter_text


async def test_kept_filter_that_is_no_filter_and_order_that_is_none_are_dropped(tmp_path: Path):
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"version": 1, "filter": "port port", "view": "host", "sort": "nonsense"}))
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path)))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert screen.trail.place.filter == ""
        assert screen.problem == ""
        assert len(screen.table.data) > 5


async def test_theme_comes_back_unless_another_one_is_asked_for(tmp_path: Path):
    path = tmp_path / "session.json"
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path)))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.action_theme("nftui-light")
        app.remember()
    assert NftuiApp(FakeSource(), AppOptions(session=Session(path))).theme == "nftui-light"
    typed = AppOptions(theme="nftui-mono", session=Session(path), typed=frozenset({"theme"}))
    assert NftuiApp(FakeSource(), typed).theme == "nftui-mono"
    assert NftuiApp(FakeSource(), AppOptions(theme="nftui-contrast", session=Session(path))).theme == "nftui-contrast"


async def test_columns_and_bookmarks_come_back(tmp_path: Path):
    path = tmp_path / "session.json"
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path)))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("V")
        await until(pilot, lambda: pilot.app.screen is not screen)
        await pilot.press("j", "space", "k", "plus", "plus", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await settle(pilot)
        columns = [(column.name, column.width) for column in screen.table.columns]
        chosen = screen.choices.of("host")
        assert chosen.names
        assert chosen.widths
        await press(pilot, "left_square_bracket")
        brush = screen.outlook.brush
        await pilot.press("m", "Q")
        await until(pilot, lambda: pilot.app.screen is screen)
        app.remember()
    again = NftuiApp(FakeSource(), AppOptions(session=Session(path)))
    async with again.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert [(column.name, column.width) for column in screen.table.columns] == columns
        assert screen.choices.of("host") == chosen
        await pilot.press("apostrophe", "Q")
        await until(pilot, lambda: screen.outlook.brush is not None)
        assert screen.outlook.brush == brush


async def test_a_session_of_many_columns_and_bookmarks_still_fits(tmp_path: Path):
    path = tmp_path / "session.json"
    app = NftuiApp(FakeSource(), AppOptions(session=Session(path)))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for number in range(200):
            screen.choices.choose(f"by:{number}", [f"{n:040}" for n in range(100)], {f"{n:040}": 9 for n in range(100)})
            for code in range(60):
                screen.bookmarks.set(f"/store/{number}", chr(0x4E00 + code), screen.outlook)
        screen.bookmarks.set(screen.store, "a", screen.outlook)
        app.remember()
    kept = Session(path)
    assert list(kept.table("columns")) == ["by:198", "by:199"]
    assert list(kept.table("bookmarks"))[-1] == screen.store
    assert len(kept.table("bookmarks")) > 4


async def test_read_only_writes_no_session(tmp_path: Path):
    path = tmp_path / "session.json"
    await leave(path, "4", read_only=True)
    assert not path.exists()
