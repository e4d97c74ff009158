"""The exporters screen: what is wrong, why, and what to do, for each exporter and for who is refused."""

from __future__ import annotations

import pytest
from driving import ready, text_of, until
from textual.pilot import Pilot
from troubled import TroubledSource

from nftui.app import NftuiApp
from nftui.engine.ingest.allow import Refused
from nftui.screens.exporter import ExporterScreen
from nftui.screens.exporters import ExportersScreen
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.pager import Pager
from nftui.widgets.question import Question

SIZES = ((80, 24), (120, 40), (200, 50))


def application() -> tuple[NftuiApp, TroubledSource]:
    source = TroubledSource(seconds=5)
    return NftuiApp(source), source


async def opened(pilot: Pilot[int]) -> ExportersScreen:
    await ready(pilot)
    await pilot.press("e")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportersScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ExportersScreen)
    await until(pilot, lambda: len(screen.query_one(FlowTable).data) >= 3 and len(shown(pilot)) > 40)
    return screen


async def page(pilot: Pilot[int], *keys: str) -> ExporterScreen:
    await opened(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExporterScreen) and "domains" in shown(pilot))
    await pilot.press(*keys)
    screen = pilot.app.screen
    assert isinstance(screen, ExporterScreen)
    return screen


def shown(pilot: Pilot[int]) -> str:
    found = pilot.app.screen.query(Pager)
    return found.first().text if found else ""


async def test_the_list_says_what_is_wrong_with_each() -> None:
    app, _ = application()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        data = screen.query_one(FlowTable).data
        assert data.values["address"] == ["192.0.2.1 gw1", "192.0.2.2", "192.0.2.3"]
        assert data.values["state"] == ["waiting", "ok", "ok"]
        assert data.values["lost"] == [321, 0, 0]
        assert "sysctl -w net.core.rmem_max=" in shown(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "192.0.2.2" in shown(pilot))
        assert "Nothing is wrong with this exporter." in shown(pilot)


@pytest.mark.parametrize(
    ("key", "words"),
    [("1", ["42 data sets wait", "as if it took local time for UTC", "Interface 3", "NTP"]),
     ("2", ["template 300 of domain 7 (IPFIX) is missing", "template 256", "11 fields, 46 bytes and more",
            "known for 2h, refreshed 90s ago", "sourceIPv4Address", "  var", "contested"]),
     ("3", ["1:100", "sampler 1, from options data", "1:100 became 1:1,000"]),
     ("4", ["lost by its numbers", "321", "dropped by the kernel", "180",
            "In 2 of 4 minutes with gaps the kernel dropped datagrams, too"]),
     ("5", ["3600.250 s ahead of ours", "300.0 s from the end", "count datagrams, which the protocol does not say"]),
     ("6", ["1.20 Gbit/s (120.0 %)", "12 lost so far", "ge-0/0/1", "red"]),
     ("7", ["9.12235", "fancyElement", "exportedFlowRecordTotalCount", "123,456"]),
     ("8", ["datagrams.rejected.version", "0000  1b 5d", "]0;PWNED", "more were not kept", "sets.bad_length"]),
     ("9", ["sequence.lost", "321"])],
)  # fmt: skip
async def test_sections_of_an_exporter(key: str, words: list[str]) -> None:
    app, _ = application()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await page(pilot, key)
        assert screen.chosen == int(key) - 1
        assert [word for word in words if word not in shown(pilot)] == []
        assert "\x1b" not in text_of(app)


async def test_sections_follow_each_other_and_go_round() -> None:
    app, _ = application()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await page(pilot)
        await pilot.press("tab", "right")
        assert screen.chosen == 2
        await pilot.press("h", "shift+tab", "left")
        assert screen.chosen == 8
        await pilot.press("escape")
        assert isinstance(app.screen, ExportersScreen)


async def test_long_sections_are_read_page_by_page() -> None:
    app, _ = application()
    async with app.run_test(size=(60, 12)) as pilot:
        screen = await page(pilot, "1")
        pager = screen.pager
        assert pager.rows > pager.size.height
        await pilot.press("space")
        assert pager.top == pager.size.height - 1
        await pilot.press("G")
        assert pager.top == pager.rows - pager.size.height
        await pilot.press("g", "j", "j", "k")
        assert pager.top == 1
        screen.draw()
        assert pager.top == 1, "an answer every second leaves the reader where they are"
        await pilot.press("2")
        assert pager.top == 0


async def test_hidden_addresses_hide_bytes_too() -> None:
    app, source = application()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        await page(pilot, "8")
        assert "bytes are not shown while addresses are hidden" in shown(pilot)
        assert "192.0.2.1" not in text_of(app)
        await pilot.press("1")
        assert "192.0.2.1" not in text_of(app)
    assert source.allowed == []


async def test_a_refused_sender_is_allowed_and_an_exporter_refused() -> None:
    app, source = application()
    source.strangers = [Refused("203.0.113.9", 17, source.clock.now_ms())]
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        table = screen.query_one(FlowTable)
        await until(pilot, lambda: len(table.data) == 4)
        await pilot.press("end")
        await until(pilot, lambda: "nftui --allow 203.0.113.9" in shown(pilot))
        await pilot.press("enter")
        assert app.screen is screen, "there is no page about who was not looked at"
        await pilot.press("a")
        await until(pilot, lambda: source.allowed == ["203.0.113.9"])
        await until(pilot, lambda: len(table.data) == 3)
        await pilot.press("home", "x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: [one.address for one in source.strangers] == ["192.0.2.1"])


async def test_an_exporter_that_was_forgotten_stays_as_it_was() -> None:
    app, source = application()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await page(pilot)
        source.exporters = list  # type: ignore[method-assign]
        screen.ask_again()
        await pilot.pause(0.1)
        assert "domains" in shown(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["2", "4", "8"], ids=["templates", "losses", "rejected"])
def test_exporter_page(snap_compare, key: str, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    app, _ = application()

    async def play(pilot: Pilot[int]) -> None:
        await page(pilot, key)

    assert snap_compare(app, terminal_size=size, run_before=play)
