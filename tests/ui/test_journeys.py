"""What a user does on the live screen, and what must then be there."""

from __future__ import annotations

import numpy as np
import pytest
from driving import live, press, ready, rows, settle, text_of, until
from fake_source import HOSTILE, FakeSource, flows

from nftui.app import AppOptions, NftuiApp
from nftui.engine.batch import TextColumn
from nftui.engine.ingest.allow import Refused
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.schema import FIELDS
from nftui.errors import ListenError
from nftui.screens.filter_reader import FilterReader
from nftui.widgets.empty_state import EmptyState
from nftui.widgets.health_strip import HealthStrip
from nftui.widgets.help_overlay import HelpOverlay
from nftui.widgets.ribbon import Ribbon

SIZE = (120, 40)


async def test_hosts_come_first_busiest_on_top():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        expected = source.window.snapshot(LiveRequest(limit=500))
        shown = rows(screen, "addr", "rate")
        assert [addr for addr, _ in shown] == expected.values["addr"]
        rates = [rate for _, rate in shown]
        assert rates == sorted(rates, reverse=True)
        assert f" {expected.values['addr'][0]} " in text_of(pilot.app)


async def test_cursor_stays_on_its_row_and_line_when_the_order_changes():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j", "j", "j", "j", "j")
        host, line = screen.table.value("addr"), screen.table.cursor_row - screen.table.top
        # A flood of another host pushes every row down by one.
        batch = flows(99, 400, source.clock.now_ms(), scale=900)
        batch.columns["src_addr_lo"][:] = (0xFFFF << 32) | 0x0A636363
        batch.columns["src_addr_hi"][:] = 0
        source.add(batch)
        before = screen.table.cursor_row
        await settle(pilot)
        assert screen.table.value("addr") == host
        assert screen.table.cursor_row > before
        assert screen.table.cursor_row - screen.table.top == line


async def test_untouched_cursor_rests_on_the_top_row():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        first = screen.table.value("addr")
        batch = flows(99, 400, source.clock.now_ms(), scale=900)
        batch.columns["src_addr_lo"][:] = (0xFFFF << 32) | 0x0A636363
        batch.columns["src_addr_hi"][:] = 0
        source.add(batch)
        await settle(pilot)
        assert screen.table.cursor_row == 0
        assert screen.table.value("addr") == "10.99.99.99" != first


async def test_enter_on_a_host_lists_its_flows_and_esc_returns_to_it():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j", "j")
        host = screen.table.value("addr")
        await press(pilot, "enter")
        assert (screen.trail.place.view, screen.trail.place.filter) == ("flows", f"ip {host}")
        listed = rows(screen, "src_addr", "dst_addr")
        assert len(listed) > 10
        assert all(host in ends for ends in listed)
        assert f"hosts > {host} > latest" in text_of(pilot.app)
        await press(pilot, "escape")
        assert (screen.trail.place.view, screen.trail.place.filter) == ("host", "")
        assert screen.table.value("addr") == host


async def test_enter_on_a_flow_shows_every_field_that_it_has():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9", "j", "j")
        batch, row = source.flow(screen.table.cursor_key)
        await press(pilot, "enter")
        await until(pilot, lambda: screen.detail.has_class("-open"))
        shown = {line.name: line.value for line in screen.detail.lines}
        assert set(shown) == {name for name in FIELDS if batch.value(name, row) is not None}
        octets = batch.value("bytes", row)
        assert shown["bytes"] == f"{octets:,} B, sampled 1:100: about {octets * 100:,} B"
        assert shown["extra"] == '47455420 = 1,195,725,856 = "GET"'
        assert shown["sampler_address"].startswith("192.0.2.")
        await press(pilot, "escape")
        assert not screen.detail.has_class("-open")
        assert screen.table.has_focus


async def test_filter_is_checked_while_typed_and_the_last_valid_one_stays():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash", *"port 53")
        assert screen.trail.place.filter == "port 53"
        await press(pilot, *" and prot")
        assert screen.trail.place.filter == "port 53"
        line = screen.filter_bar.problem
        assert line.index("^") == len(" filter ") + len("port 53 and ")
        assert "proto" in line
        await press(pilot, *"o udp", "enter")
        assert screen.trail.place.filter == "port 53 and proto udp"
        assert not screen.filter_bar.has_class("-open")
        await press(pilot, "9")
        listed = rows(screen, "proto", "src_port", "dst_port")
        assert listed
        assert all(proto == "UDP" and "53" in ports for proto, *ports in listed)


async def test_esc_in_the_filter_clears_it_and_history_brings_it_back():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash", *"port 53", "enter")
        await press(pilot, "slash", "escape")
        assert screen.trail.place.filter == ""
        await press(pilot, "slash", "up")
        assert screen.filter_bar.input.value == "port 53"
        assert screen.trail.place.filter == "port 53"


async def test_sort_keys_and_header_click_order_the_rows():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "s")
        assert screen.table.sort == "tx"
        sent = [value for (value,) in rows(screen, "tx")]
        assert sent == sorted(sent, reverse=True)
        await press(pilot, "S")
        sent = [value for (value,) in rows(screen, "tx")]
        assert sent == sorted(sent)
        await press(pilot, "less_than_sign")
        assert (screen.table.sort, screen.trail.place.descending) == ("rate", True)
        header = screen.table.render_line(0).text
        await pilot.click("#table", offset=(header.index("pkt/s"), 0))
        await settle(pilot)
        assert screen.table.sort == "packet_rate"
        assert "▼pkt/s" in screen.table.render_line(0).text


async def test_a_column_that_is_named_orders_the_rows():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("colon", *"sort", "space", *"Tx", "enter")
        await until(pilot, lambda: screen.table.sort == "tx")
        await pilot.press("colon", *"sort", "space", *"nothing", "enter")
        await until(pilot, lambda: any("No column nothing" in note.message for note in pilot.app._notifications))
        assert screen.table.sort == "tx"


async def test_an_empty_table_says_why_and_what_to_press():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"port 1", "enter")
        await until(
            pilot, lambda: "No flow here passes the filter: / changes it, ! turns it round." in text_of(pilot.app)
        )
        await press(pilot, "exclamation_mark")
        await until(pilot, lambda: "No flow here" not in text_of(pilot.app))


async def test_pause_holds_the_table_while_flows_are_taken_in():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "space")
        held = rows(screen, "addr", "rate")
        for _ in range(5):
            source.advance()
        await settle(pilot)
        assert rows(screen, "addr", "rate") == held
        bar = screen.query_one("#totals", Ribbon).text
        assert "PAUSED" in bar
        assert "new" in bar
        assert "+0 new" not in bar
        await press(pilot, "space")
        assert rows(screen, "addr", "rate") != held
        assert "PAUSED" not in screen.query_one("#totals", Ribbon).text


async def test_sorting_while_paused_shows_the_new_order_and_stays_paused():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "space", "s")
        sent = [value for (value,) in rows(screen, "tx")]
        assert sent == sorted(sent, reverse=True)
        source.advance()
        held = rows(screen, "addr", "tx")
        await settle(pilot)
        assert rows(screen, "addr", "tx") == held


@pytest.mark.parametrize(("key", "exclude"), [("f", False), ("F", True)])
async def test_filter_by_cell(key: str, exclude: bool):
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "5", "j")
        proto = screen.table.value("proto")
        await press(pilot, key)
        shown = [value for (value,) in rows(screen, "proto")]
        assert (proto not in shown) if exclude else (shown == [proto])
        await press(pilot, "escape")
        assert screen.trail.place.filter == ""


async def test_units_and_names():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert "Gbit/s" in text_of(pilot.app).replace(" ", "")
        await press(pilot, "t")
        assert "bit/s" not in text_of(pilot.app)
        assert "B/s" in screen.table.render_line(0).text
        await press(pilot, "4")
        assert " 443 " in text_of(pilot.app)
        await press(pilot, "n")
        assert " https " in text_of(pilot.app)
        await press(pilot, "N")
        assert " https " not in text_of(pilot.app)


async def test_every_view_has_rows():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for key in "123456789":
            await press(pilot, key)
            assert len(screen.table.data) > 0, screen.trail.place.view
            assert screen.snapshot.request.view == screen.trail.place.view


async def test_help_lists_every_key():
    async with NftuiApp(FakeSource()).run_test(size=(200, 160)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpOverlay))
        actions = [action for action in pilot.app.actions.on("live") if action.keys]
        await until(pilot, lambda: all(action.key_text in text_of(pilot.app) for action in actions))
        shown = text_of(pilot.app)
        for action in actions:
            assert action.doc.split()[0] in shown


async def test_quiet_health_turns_loud_when_something_is_lost():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        strip = screen.query_one(HealthStrip)
        assert "drops 0" in strip.text
        source.counts["kernel.dropped"] = 1200
        source.recent["kernel.dropped"] = 1200
        source.warnings = ("the kernel dropped 1200 datagrams",)
        await settle(pilot)
        assert "drops 1.20k (+1.20k)" in strip.text
        assert "the kernel dropped 1200 datagrams" in text_of(pilot.app)
        source.recent.clear()
        source.warnings = ()
        await settle(pilot)
        assert "drops 1.20k " in strip.text
        assert "+" not in strip.text


async def test_exporters_panel_allows_a_refused_sender():
    source = FakeSource()
    source.strangers = [Refused("198.51.100.7", 33, source.clock.now_ms())]
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "refused" in text_of(pilot.app))
        assert "192.0.2.1" in text_of(pilot.app)
        await pilot.press("end")
        await until(pilot, lambda: "33 datagrams came, counted" in text_of(pilot.app))
        await pilot.press("a")
        await until(pilot, lambda: source.allowed == ["198.51.100.7"])
        await pilot.press("escape")
        assert pilot.app.screen is live(pilot.app)


async def test_empty_state_has_lines_to_paste_for_this_address_and_port():
    source = FakeSource(empty=True)
    async with NftuiApp(source).run_test(size=(180, 60)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.query_one(EmptyState).has_class("-open"))
        await until(pilot, lambda: "[::]:2055" in text_of(pilot.app))
        shown = text_of(pilot.app)
        for line in (
            "[::]:2055",
            "softflowd -i eth0 -v 9 -n 192.0.2.10:2055",
            "fprobe -i eth0 192.0.2.10:2055",
            "nfprobe_receiver: 192.0.2.10:2055",
            "ip flow-export destination 192.0.2.10 2055",
            "destination 192.0.2.10",
            "flow-server 192.0.2.10 port 2055",
        ):
            assert line in shown
        source.advance()
        await settle(pilot)
        assert not screen.query_one(EmptyState).has_class("-open")
        assert screen.table.has_focus


async def test_source_that_cannot_start_ends_the_application_with_its_exit_code():
    app = NftuiApp(FakeSource(error=ListenError("port 2055 is in use")))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.failure is not None)
    assert app.return_code == 69
    assert str(app.failure) == "port 2055 is in use"


NAMES = FilterReader(
    {"web": "proto tcp and dst port in [80 443]", "lab": "ip host.example.net"},
    lambda name: [((0xFFFF << 32) + 0xC0000201,) * 2] if name == "edge" else None,
)


async def test_saved_filters_and_named_exporters_are_understood():
    async with NftuiApp(FakeSource(), read_filter=NAMES).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash", *"@web and exporter edge", "enter", "9")
        assert screen.trail.place.filter == "@web and exporter edge"
        listed = rows(screen, "proto", "dst_port", "sampler_address")
        assert {proto for proto, *_ in listed} == {"TCP"}
        assert {port for _, port, _ in listed} <= {"80", "443", "http", "https"}
        assert {exporter for *_, exporter in listed} == {"192.0.2.1"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("@wev", "no saved filter is called 'wev'"),
        ("ip host.example.net", "host names are not looked up here"),
        ("@lab", "host names are not looked up here, in 'ip host.example.net'"),
        ("exporter core", "host names are not looked up here"),
    ],
)
async def test_names_that_nobody_gave_and_host_names_are_errors_on_the_line(typed: str, said: str, monkeypatch):
    def look_up(*_: object, **__: object) -> None:
        raise AssertionError("the event loop looked a name up")

    async with NftuiApp(FakeSource(), read_filter=NAMES).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        monkeypatch.setattr("socket.getaddrinfo", look_up)
        await press(pilot, "slash", *typed, "enter")
        assert said in screen.filter_bar.problem
        assert screen.trail.place.filter == ""
        assert screen.filter_bar.has_class("-open")


async def test_initial_filter_is_applied():
    async with NftuiApp(FakeSource(), AppOptions(filter="proto tcp")).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "5")
        assert rows(screen, "proto") == [("TCP",)]


async def test_too_small_a_terminal_says_so_and_sizes_change_without_harm():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.resize_terminal(20, 5)

        def lines() -> list[str]:
            return [line.strip() for line in text_of(pilot.app).split("\n") if line.strip()]

        await until(pilot, lambda: lines() == ["nftui needs 40x10,", "here is 20x5"])
        random = np.random.default_rng(3)
        for width, height in random.integers(1, 301, (40, 2)) * [1, 1]:
            await pilot.resize_terminal(int(width), max(1, int(height) // 3))
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert len(text_of(pilot.app).split("\n")) == 24
        assert screen.table.visible_rows == 14


async def test_strings_from_the_network_stay_text():
    source = FakeSource(seconds=0)
    source.clock.advance(1)
    batch = flows(1, 50, source.clock.now_ms())
    for name in ("application_name", "username", "in_if_name"):
        batch.text[name] = TextColumn(np.zeros(50, np.int32), [HOSTILE])
    source.add(batch)
    source.warnings = (HOSTILE,)
    async with NftuiApp(source).run_test(size=(160, 50)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9", "j", "enter")
        await until(pilot, lambda: screen.detail.has_class("-open"))
        await press(pilot, "end")
        shown = text_of(pilot.app)
        assert "[red]evil[/red]" in shown
        assert all(line.isprintable() for line in shown.replace("\xa0", " ").split("\n"))
