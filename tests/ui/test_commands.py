"""The command line, keys of the user's own, help of each screen, and what --read-only refuses."""

from __future__ import annotations

import gc
import importlib.util
from pathlib import Path

import pytest
from driving import live, press, ready, settle, text_of, until
from fake_probe import FakeProbe
from fake_source import FakeSource
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from nftui.app import AppOptions, NftuiApp
from nftui.engine.ingest.allow import Refused
from nftui.screens.action import Action
from nftui.screens.action_table import ActionTable
from nftui.screens.command_line import CommandLine
from nftui.screens.exporters import ExportersScreen
from nftui.screens.live import LiveScreen
from nftui.screens.probe import ProbeScreen
from nftui.widgets.closed_widgets import forget_closed_widgets
from nftui.widgets.help_overlay import HelpOverlay

SIZE = (120, 40)
ACTIONS = ActionTable().actions


def notes(app: NftuiApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def command(pilot: Pilot[int], text: str) -> None:
    """Type a line after a colon and run it."""
    await pilot.press("colon")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine))
    await pilot.press(
        *("space" if c == " " else "underscore" if c == "_" else "minus" if c == "-" else c for c in text)
    )
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(pilot.app.screen, CommandLine))
    await pilot.pause()


async def test_colon_and_ctrl_p_open_the_same_list_with_keys():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for key in ("colon", "ctrl+p"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine))
            await pilot.press(*"pau")
            await pilot.pause()
            shown = text_of(pilot.app)
            assert pilot.app.screen.offered[0] == "pause"
            assert "Space p" in shown
            assert "Hold the table still" in shown
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_typed_commands_do_what_their_keys_do():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await command(pilot, "view-ports")
        await until(pilot, lambda: screen.trail.place.view == "port")
        await command(pilot, "filter udp and port 53")
        await until(pilot, lambda: screen.trail.place.filter == "udp and port 53")
        await command(pilot, "row-down")
        assert screen.table.cursor_row == 1
        await command(pilot, "theme nftui-light")
        assert pilot.app.theme == "nftui-light"
        await command(pilot, "theme nosuch")
        assert "No theme nosuch" in notes(pilot.app)[-1]
        await command(pilot, "reset")
        assert screen.trail.place.filter == ""
        await press(pilot, "backspace")
        assert screen.trail.place.filter == "udp and port 53"


async def test_tab_completes_and_arrows_choose():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("colon", *"view", "down", "tab")
        await pilot.pause()
        line = pilot.app.screen
        assert isinstance(line, CommandLine)
        assert line._box.value == "view-pairs"
        await pilot.press("enter")
        await until(pilot, lambda: screen.trail.place.view == "pair")
        await pilot.press("colon", *"them", "tab", *"nftui-m", "tab", "enter")
        await until(pilot, lambda: pilot.app.theme == "nftui-mono")


async def test_unknown_command_does_nothing_and_says_so():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("colon", *"xyzzy")
        await until(pilot, lambda: "nothing is called that" in text_of(pilot.app))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CommandLine)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_action_of_another_screen_opens_it_and_names_the_key():
    source = FakeSource()
    source.probe = FakeProbe()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await command(pilot, "probe-expire")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProbeScreen))
        assert notes(pilot.app)[-1] == "x: End all flows in the cache now and hand them on."
        assert source.probe.commands == []
        await command(pilot, "view-ports")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        assert live(pilot.app).trail.place.view == "port"


async def test_huge_paste_into_the_command_line_is_cut():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine))
        from textual.events import Paste

        pilot.app.screen.focused.post_message(Paste("filter port 443\x1b[2J\n" * 100_000))
        box = pilot.app.screen._box
        await until(pilot, lambda: bool(box.value))
        assert len(box.value) <= 4200
        assert box.value.isprintable()


async def test_changed_keys_work_and_old_ones_do_not():
    options = AppOptions(keys={"units": "n", "names": "t", "pause": "ctrl+x", "row-down": "F9", "redraw": ""})
    async with NftuiApp(FakeSource(), options).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "n")
        assert (screen.display_options.bits, screen.display_options.names) == (False, False)
        await press(pilot, "t")
        assert screen.display_options.names
        await press(pilot, "f9")
        assert screen.table.cursor_row == 1
        await press(pilot, "j", "down")
        assert screen.table.cursor_row == 1
        await pilot.press("space")
        assert screen.paused is None
        await pilot.press("ctrl+x")
        await until(pilot, lambda: screen.paused is not None)
        shown = text_of(pilot.app)
        assert "Ctrl+X pause" in shown
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpOverlay))
        assert not [line for line in text_of(pilot.app).splitlines() if "Draw the whole screen anew" in line]


@pytest.mark.parametrize(
    ("keys", "heading", "line"),
    [
        ((), "Keys of the tables", "Only flows with the value under the cursor."),
        (("e",), "Keys of the exporters screen", "Accept the refused sender under the cursor."),
        (("P",), "Keys of the probe's statistics", "Forget all flows in the cache."),
        (("P", "2"), "Keys of the probe's flow cache", "The next row."),
    ],
)
async def test_help_is_about_the_screen_on_top(keys: tuple[str, ...], heading: str, line: str):
    source = FakeSource()
    source.probe = FakeProbe()
    async with NftuiApp(source).run_test(size=(200, 60)) as pilot:
        await ready(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.2)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpOverlay))
        await until(pilot, lambda: heading in text_of(pilot.app) and line in text_of(pilot.app))
        await pilot.press("f1")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HelpOverlay))


def changing() -> list[Action]:
    return [action for action in ACTIONS if action.changes]


def test_actions_that_change_something_are_marked():
    marked = {action.name for action in changing()}
    assert {"allow", "refuse", "probe-expire", "probe-delete", "probe-gather", "probe-timeouts",
            "export", "filter-save"} <= marked  # fmt: skip


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("action", changing(), ids=lambda action: action.name)
async def test_read_only_refuses_every_action_that_changes_something(action: Action, read_only: bool):
    done: list[object] = []

    class Target(Widget):
        SCOPE = action.scope

    setattr(Target, f"action_{action.method}", lambda *given: done.append(given))
    app = NftuiApp(FakeSource(seconds=2), AppOptions(read_only=read_only))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.run_action(action.command, Target())
        await pilot.pause()
        assert bool(done) is not read_only
        assert any("--read-only" in note for note in notes(app)) is read_only


async def test_read_only_keeps_everything_else():
    app = NftuiApp(FakeSource(), AppOptions(read_only=True))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "4", "t", "slash", *"udp", "enter")
        assert (screen.trail.place.view, screen.trail.place.filter) == ("port", "udp")
        assert not screen.display_options.bits


async def test_read_only_neither_allows_a_sender_nor_commands_a_probe():
    source = FakeSource()
    source.probe = FakeProbe()
    source.strangers.append(Refused("198.51.100.9", 12, source.clock.now_ms()))
    async with NftuiApp(source, AppOptions(read_only=True)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportersScreen))
        await until(pilot, lambda: "198.51.100.9" in text_of(pilot.app))
        await pilot.press("G", "a")
        await until(pilot, lambda: any("--read-only" in note for note in notes(pilot.app)))
        assert source.allowed == []
        await pilot.press("escape")
        await pilot.pause(0.2)
        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProbeScreen))
        await pilot.press("x")
        await pilot.pause(0.2)
        assert isinstance(pilot.app.screen, ProbeScreen), "no question is asked"
        await command(pilot, "probe-delete")
        assert source.probe.commands == []


async def test_low_bandwidth_asks_less_often_and_shows_no_trends():
    app = NftuiApp(FakeSource(), AppOptions(low_bandwidth=True))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await settle(pilot)
        assert screen.feed._pace.interval == 2.0
        assert not {"trend", "share_bar"} & {column.name for column in screen.table.columns}


def test_table_of_keys_in_the_documentation_is_the_one_in_force():
    root = Path(__file__).parents[2]
    spec = importlib.util.spec_from_file_location("key_list", root / "tools" / "key_list.py")
    assert spec is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)  # type: ignore[union-attr]
    page = (root / "docs" / "keys.md").read_text(encoding="utf-8")
    assert page.partition(tool.MARK)[2] == tool.key_list(), "python tools/key_list.py writes it anew"


async def test_nothing_is_kept_of_screens_that_were_closed():
    def painted() -> int:
        gc.collect()
        return sum(type(thing) is Strip for thing in gc.get_objects())

    async with NftuiApp(FakeSource(seconds=5)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        forget_closed_widgets()
        before = painted()
        for _ in range(4):
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(pilot.app.screen, HelpOverlay))
            await pilot.pause(0.1)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        kept = painted() - before
        forget_closed_widgets()
        assert painted() - before < kept / 3 < kept


def test_other_commands_of_the_same_method_are_not_refused():
    table = ActionTable()
    save = table.named("filter-save")
    assert table.changing("", save.method, save.values) is save
    assert table.changing("", save.method, ("search",)) is None
