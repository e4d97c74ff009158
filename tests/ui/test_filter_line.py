"""The filter line: colours, offers from grammar and data, earlier and saved filters, what it says below."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from driving import live, press, ready, settle, text_of, until
from fake_source import HOSTILE, FakeSource
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from nftui.app import NftuiApp
from nftui.screens.filter_history import FilterHistory
from nftui.screens.filter_reader import FilterReader
from nftui.screens.live import LiveScreen
from nftui.widgets.filter_offers import OfferList

SIZE = (100, 30)


async def typing(pilot: Pilot[int], text: str) -> LiveScreen:
    """The filter line open, with a text in it whose last letter was typed, and all values known."""
    screen = await ready(pilot)
    await pilot.press("slash")
    await type_into(pilot, text)
    await until(pilot, lambda: not screen.language.seen._asked)
    return screen


async def type_into(pilot: Pilot[int], text: str, *keys: str) -> None:
    """Put a text into the line, its last letter with a key, then press keys."""
    live(pilot.app).filter_bar.input.show(text[:-1])  # type: ignore[arg-type]
    await pilot.press({" ": "space"}.get(text[-1], text[-1]), *keys)
    await pilot.pause()


def offered(screen: LiveScreen) -> list[str]:
    return [offer.text for offer in screen.filter_bar.list.offers] if screen.filter_bar.list.is_open else []


async def test_tab_takes_word_by_word_what_grammar_and_live_flows_offer():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "sr")
        assert offered(screen)[0] == "src"
        await pilot.press("tab", *"ip")
        await pilot.pause()
        await pilot.press("space")
        await until(pilot, lambda: "10.0.1.1" in offered(screen))
        busiest = str(screen.table.data.values["addr"][0])
        assert offered(screen)[0] == busiest
        await pilot.press("tab", *"an", "tab", *"tc", "tab")
        await settle(pilot)
        assert screen.filter_bar.input.value == f"src ip {busiest} and tcp "
        assert screen.trail.place.filter == f"src ip {busiest} and tcp"
        await pilot.press("enter")
        assert not screen.filter_bar.has_class("-open")


async def test_arrows_choose_enter_takes_what_is_chosen_and_esc_leaves_the_list_first():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "port 44")
        assert "443" in offered(screen)
        await pilot.press("down")
        chosen = offered(screen)[0]
        await pilot.press("enter")
        assert screen.filter_bar.input.value == f"port {chosen} "
        await pilot.press(*"a")
        await until(pilot, lambda: offered(screen) == ["and"])
        await pilot.press("down", "escape")
        assert offered(screen) == []
        assert screen.filter_bar.has_class("-open")
        await pilot.press("escape")
        await settle(pilot)
        assert not screen.filter_bar.has_class("-open")
        assert screen.trail.place.filter == ""


async def test_a_click_takes_an_offer():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "du")
        assert offered(screen)[0] == "duration"
        await pilot.click(OfferList, offset=(2, 0))
        await pilot.pause()
        assert screen.filter_bar.input.value == "duration "


async def test_enter_applies_what_is_typed_although_something_longer_is_offered():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "port 53")
        await pilot.press("enter")
        await settle(pilot)
        assert screen.trail.place.filter == "port 53"
        assert not screen.filter_bar.has_class("-open")


async def test_a_misspelt_word_is_replaced_by_the_one_that_was_meant():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "protp tcp")
        assert "did you mean proto?" in screen.filter_bar.problem
        assert screen.filter_bar.input.wrong == (0, 5)
        await pilot.press("tab")
        await settle(pilot)
        assert screen.filter_bar.input.value == "proto tcp"
        assert screen.filter_bar.problem == ""


async def test_a_valid_filter_is_explained_below_and_its_share_counted():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "tcp and not port 443")
        await settle(pilot)
        assert screen.filter_bar.below.strip() == "proto = 6 (TCP) and not (src_port = 443 or dst_port = 443)"
        total = screen.snapshot.total
        share = 100 * total.matched.flows / total.unfiltered.flows
        assert 0 < share < 100
        assert f"flows {share:.1f} %" in text_of(pilot.app)


async def test_words_values_and_errors_have_their_colours():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "port 53 or zz")
        box = screen.filter_bar.input
        styles = {box._value.plain[s.start : s.end]: s.style for s in box._value.spans}
        ink = {role: box.get_component_rich_style(f"filter-input--{role}").color for role in
               ("keyword", "value", "joining", "wrong")}  # fmt: skip
        assert styles["port"].color == ink["keyword"]
        assert styles["53"].color == ink["value"]
        assert styles["or"].color == ink["joining"]
        assert (styles["zz"].color, styles["zz"].underline) == (ink["wrong"], True)
        assert len(set(ink.values())) == 4


async def test_ctrl_r_finds_an_earlier_filter_by_words_in_it():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.filter_bar.past.put(["port 53 and udp", "port 443", "port 22"])
        await pilot.press("slash", "ctrl+r")
        await type_into(pilot, "ud 53")
        await until(pilot, lambda: offered(screen) == ["port 53 and udp"])
        await pilot.press("enter")
        await settle(pilot)
        assert screen.trail.place.filter == "port 53 and udp"
        await pilot.press("ctrl+r")
        await type_into(pilot, "nothing")
        await until(pilot, lambda: "no earlier filter" in screen.filter_bar.below)
        await pilot.press("escape")
        assert screen.filter_bar.input.value == "port 53 and udp"


async def test_up_and_down_walk_through_earlier_filters_and_back_to_what_was_typed():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for text in ("port 53", "port 22"):
            await pilot.press("slash")
            await type_into(pilot, text, "enter", "slash", "escape")
        await pilot.press("slash")
        await type_into(pilot, "user x")
        box = screen.filter_bar.input
        seen = []
        for key in ("up", "up", "up", "down", "down"):
            await pilot.press(key)
            seen.append(box.value)
        assert seen == ["port 22", "port 53", "port 53", "port 22", "user x"]


async def test_typed_filters_are_kept_for_the_next_session(tmp_path: Path):
    path = tmp_path / "state" / "filter_history"
    reader = FilterReader(history_file=path)
    async with NftuiApp(FakeSource(), read_filter=reader).run_test(size=SIZE) as pilot:
        await typing(pilot, "port 53")
        await pilot.press("enter")
        await until(pilot, path.exists)
    assert path.read_text() == "port 53\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with NftuiApp(FakeSource(), read_filter=reader).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash")
        await until(pilot, lambda: len(screen.filter_bar.past) == 1)
        await press(pilot, "up")
        assert screen.trail.place.filter == "port 53"


async def test_what_an_evil_history_holds_reaches_the_screen_as_text(tmp_path: Path):
    path = tmp_path / "filter_history"
    path.write_text(f"{HOSTILE} port 53\n" + "x" * 100_000 + "\n")
    async with NftuiApp(FakeSource(), read_filter=FilterReader(history_file=path)).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash")
        await until(pilot, lambda: len(screen.filter_bar.past) == 2)
        await pilot.press("up", "up")
        assert screen.filter_bar.input.value == "]0;PWNED[2J31m[red]evil[/red] port 53"
        assert screen.trail.place.filter == ""


async def test_a_filter_is_saved_under_a_name_and_offered_by_it(tmp_path: Path):
    path = tmp_path / "filters.toml"
    reader = FilterReader({"web": "tcp port 80"}, fixed=frozenset({"web"}), saved_file=path)
    async with NftuiApp(FakeSource(), read_filter=reader).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "udp and port 53")
        await pilot.press("ctrl+s")
        await type_into(pilot, "my dns", "enter")
        assert "a name has letters, digits" in screen.filter_bar.below
        await type_into(pilot, "dns", "enter")
        await until(pilot, lambda: "saved as @dns" in screen.filter_bar.below)
        assert screen.filter_bar.input.value == "udp and port 53"
        assert 'dns" = "udp and port 53"\n' in path.read_text()
        await pilot.press("ctrl+u", "at")
        await until(pilot, lambda: offered(screen) == ["@dns", "@web"])
        assert "udp and port 53" in text_of(pilot.app)
        await pilot.press("tab")
        await settle(pilot)
        assert screen.trail.place.filter == "@dns"
        await pilot.press("ctrl+s")
        await type_into(pilot, "web", "enter")
        await until(pilot, lambda: "@web stands in the configuration file" in screen.filter_bar.below)


async def test_a_huge_paste_is_cut_and_said_so():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("slash")
        screen.filter_bar.input.post_message(events.Paste("port 53 or " * 10_000))
        await until(pilot, lambda: "110,000 characters were pasted" in screen.filter_bar.below)
        assert len(screen.filter_bar.input.value) == 4096
        assert screen.trail.place.filter == ""


async def test_exclamation_mark_turns_the_filter_round_and_back():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "port 53 or port 22")
        await press(pilot, "enter", "exclamation_mark")
        assert screen.trail.place.filter == "not (port 53 or port 22)"
        await press(pilot, "exclamation_mark")
        assert screen.trail.place.filter == "port 53 or port 22"
        screen.trail.change(filter="not (tcp) or (udp)")
        await press(pilot, "exclamation_mark")
        assert screen.trail.place.filter == "not (not (tcp) or (udp))"


async def test_values_from_outside_are_clean_in_the_list():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.language.seen.put(("application_name",), [HOSTILE])
        await pilot.press("slash", *"app ")
        await until(pilot, lambda: "[red]evil[/red]" in text_of(live(pilot.app).app))
        shown = text_of(live(pilot.app).app)
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize("odd", ["directory", "fifo"])
def test_a_history_that_is_no_file_is_no_history(odd: str, tmp_path: Path):
    import os

    path = tmp_path / "filter_history"
    path.mkdir() if odd == "directory" else os.mkfifo(path)
    assert FilterHistory(path).read() == []


async def test_a_letter_right_behind_enter_does_not_end_the_screen() -> None:
    """The answer to Enter comes when the box has a letter more already, and with it no filter any longer."""
    async with NftuiApp(FakeSource(seconds=3)).run_test(size=SIZE) as pilot:
        screen = await typing(pilot, "port 443")
        bar = screen.filter_bar
        submitted = Input.Submitted(bar.input, "port 443")
        bar.input.value = "port 443e"
        bar._submitted(submitted)
        await until(pilot, lambda: screen.trail.place.filter == "port 443")
