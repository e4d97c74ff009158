"""Key a: no real address on the screen, in any view, and everything else goes on."""

from __future__ import annotations

import re

from driving import press, ready, rows, settle, text_of, until
from fake_source import FakeSource

from nftui.app import NftuiApp
from nftui.screens.curtain import Curtain

SIZE = (160, 40)
REAL = re.compile(r"\b10\.0\.1\.\d+|\b198\.51\.10\d\.\d+|2001:db8::|\b192\.0\.2\.\d+")


async def test_no_view_shows_a_real_address_until_the_key_is_pressed_again():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert REAL.search(text_of(pilot.app))
        await press(pilot, "a")
        for key in "123456789":
            await press(pilot, key)
            await settle(pilot)
            found = REAL.search(text_of(pilot.app))
            assert not found, (key, found)
            assert "OTHER ADDRESSES" in text_of(pilot.app)
        await press(pilot, "1", "a")
        await settle(pilot)
        assert REAL.search(text_of(pilot.app))
        assert "OTHER ADDRESSES" not in text_of(pilot.app)


async def test_the_way_down_goes_on_with_real_addresses_and_shows_others():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "a")
        host = screen.table.value("addr")
        await press(pilot, "enter")
        await settle(pilot)
        assert screen.trail.place.filter == f"ip {host}"
        assert all(host in ends for ends in rows(screen, "src_addr", "dst_addr"))
        await press(pilot, "enter")
        await until(pilot, lambda: screen.detail.has_class("-open"))
        assert not REAL.search(text_of(pilot.app))
        assert f"ip {screen.curtain.text(host)}" in text_of(pilot.app)


async def test_exporters_are_hidden_too():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, "a", "e")
        await settle(pilot)
        assert "Exporters" in text_of(pilot.app)
        assert not REAL.search(text_of(pilot.app))


def test_addresses_in_texts_keep_their_prefixes_and_nothing_else_changes():
    curtain = Curtain()
    line = "UDP  192.0.2.1 53 > 2001:db8::7 5353, not 1.2.3, 12:30:15 or 300.1.1.1; [2001:db8::7]"
    assert curtain.text(line) == line
    curtain.drawn = True
    hidden = curtain.text(line)
    found = re.fullmatch(r"UDP  (\S+) 53 > (\S+) 5353, not 1\.2\.3, 12:30:15 or 300\.1\.1\.1; \[(\S+)\]", hidden)
    assert found
    one, two, again = found.groups()
    assert two == again
    assert one != "192.0.2.1"
    assert two != "2001:db8::7"
    assert curtain.text("192.0.2.99").rpartition(".")[0] == one.rpartition(".")[0]
    assert Curtain().text("192.0.2.1") == "192.0.2.1"
