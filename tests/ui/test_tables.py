"""Tables on the live screen: all views, columns, long tables, search, facets, an order that holds, copies and files."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from driving import live, press, ready, rows, settle, text_of, until
from fake_source import FakeSource, flows
from textual.widgets import Input

from nftui.app import NftuiApp
from nftui.engine.batch import TextColumn
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.screens.dump_command import written_range
from nftui.screens.live import LiveScreen
from nftui.screens.steadiness import RENEWED_MS
from nftui.widgets.column_dialog import ColumnDialog
from nftui.widgets.export_dialog import ExportDialog
from nftui.widgets.facets import FacetPane
from nftui.widgets.find_bar import FindBar
from nftui.widgets.text_dialog import TextDialog

SIZE = (120, 40)


async def type_in(pilot, text: str, *keys: str) -> None:
    """Type into the box of a dialog."""
    await pilot.press(*text)
    await pilot.press(*keys)
    await settle(pilot)


# Views


async def test_any_statistic_of_dump_is_a_view_chosen_by_a_part_of_its_name():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("v")
        await type_in(pilot, "input if", "enter")
        assert screen.trail.place.view == "by:inif"
        expected = source.window.snapshot(LiveRequest("by:inif", limit=50))
        assert sorted(rows(screen, "in_if", "bytes")) == sorted(
            zip(expected.values["in_if"], expected.values["bytes"], strict=True)
        )
        assert " by inif " in text_of(pilot.app).splitlines()[0]
        await press(pilot, "enter")
        assert screen.trail.place.view == "flows"
        assert screen.trail.place.filter.startswith("in if ")


async def test_conversations_have_who_opened_them_and_both_directions():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=(200, 50)) as pilot:
        screen = await ready(pilot)
        await pilot.press("v")
        await type_in(pilot, "conv", "enter")
        assert screen.trail.place.view == "conversation"
        sums = rows(screen, "bytes", "tx_bytes", "rx_bytes")
        assert len(sums) > 100
        assert all(whole == out + back for whole, out, back in sums)
        await press(pilot, "enter")
        listed = set(rows(screen, "src_port", "dst_port"))
        assert len(listed) in {1, 2}
        assert "((src ip " in screen.trail.place.filter


async def test_tab_leads_from_a_view_without_a_tab_to_the_first_one():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        screen.action_views("tos")
        await settle(pilot)
        assert screen.trail.place.view == "by:tos"
        await press(pilot, "tab")
        assert screen.trail.place.view == "host"
        screen.action_views("nonsense")
        assert screen.trail.place.view == "host"


# Drill


async def test_enter_on_a_chosen_cell_adds_it_to_the_filter_and_minus_excludes_it():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "2", "j", "l")
        target = screen.table.value("dst_addr")
        await press(pilot, "enter")
        assert (screen.trail.place.view, screen.trail.place.filter) == ("pair", f"dst ip {target}")
        assert {row for (row,) in rows(screen, "dst_addr")} == {target}
        await press(pilot, "j", "h")
        source = screen.table.value("src_addr")
        await press(pilot, "minus")
        assert screen.trail.place.filter == f"dst ip {target} and not src ip {source}"
        assert source not in {row for (row,) in rows(screen, "src_addr")}
        await press(pilot, "backspace", "backspace")
        assert (screen.trail.place.view, screen.trail.place.filter) == ("pair", "")
        assert screen.table.value("dst_addr") == target


async def test_a_click_on_the_trail_goes_back_to_that_step():
    async with NftuiApp(FakeSource()).run_test(size=(200, 50)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j", "enter")
        await press(pilot, "j", "l", "l", "f")
        assert screen.trail.depth == 2
        line, text = next((y, t) for y, t in enumerate(text_of(pilot.app).splitlines()) if " hosts > " in t)
        await pilot.click(offset=(text.index("hosts >"), line))
        await settle(pilot)
        assert (screen.trail.depth, screen.trail.place.view, screen.trail.place.filter) == (0, "host", "")


# Long tables


async def test_the_end_of_a_long_list_is_there_at_once():
    source = FakeSource(seconds=0)
    source.add(flows(1, 40_000, source.clock.now_ms()))
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9", "G")
        await until(pilot, lambda: screen.table.cursor_key is not None)
        assert screen.table.cursor_row == 39_999
        assert screen.table.cursor_key == 1  # the first one that came
        assert len(screen.table.data) <= 500
        assert "40000 of 40000" in text_of(pilot.app)
        await press(pilot, "k", "k")
        key = screen.table.cursor_key
        source.add(flows(2, 1000, source.clock.now_ms()))
        await settle(pilot)
        await until(pilot, lambda: screen.table.data.rows == 41_000)
        assert screen.table.cursor_key == key
        assert screen.table.cursor_row == 40_997


async def test_the_cursor_follows_its_row_when_another_order_takes_it_far_away():
    source = FakeSource(seconds=0)
    source.add(flows(1, 9000, source.clock.now_ms()))
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9", "j", "j")
        key = screen.table.cursor_key
        await press(pilot, "s")
        await until(pilot, lambda: screen.table.data.row_of(key) == screen.table.cursor_row)
        assert screen.table.cursor_key == key
        assert screen.table.sort == "duration"


# Columns


async def test_columns_are_chosen_moved_and_resized_and_kept_for_their_view():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9")
        await pilot.press("V")
        await until(pilot, lambda: isinstance(pilot.app.screen, ColumnDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, ColumnDialog)
        names = [offer.name for offer in dialog._offers]
        assert "application_name" in names
        assert "src_vlan" in names
        await pilot.press(*["space"] * 2)  # without time and duration
        await pilot.press(*["j"] * (names.index("application_name") - 2))
        await pilot.press("space", "k", "plus", "plus")
        await pilot.press(*["K"] * (names.index("application_name") - 3))
        await pilot.press("enter")
        await settle(pilot)
        shown = [column.name for column in screen.table.columns]
        assert shown.index("application_name") == 1
        assert "duration" not in shown
        assert {value for (value,) in rows(screen, "application_name")} == {"web"}
        widths = {column.name: column.width for column in screen.table.columns}
        assert widths["application_name"] == len("Application") + 2
        await press(pilot, "1", "9")
        assert [column.name for column in screen.table.columns] == shown
        await pilot.press("V", "a")
        await settle(pilot)
        assert "application_name" not in [column.name for column in screen.table.columns]


async def test_chosen_columns_scroll_and_the_first_one_stays():
    async with NftuiApp(FakeSource()).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        screen.choices.choose("host", [c.name for c in screen.table.columns if c.name != "share_bar"], {})
        screen.show_columns()
        await settle(pilot)
        header = next(line for line in text_of(pilot.app).splitlines() if " Host " in line)
        assert "Seen" not in header
        assert header.endswith("»")
        await press(pilot, *["l"] * 13)
        header = next(line for line in text_of(pilot.app).splitlines() if "Host " in line)
        assert header.startswith("«Host")
        assert screen.table.cursor_column in {"seen", "trend"}
        assert "Seen" in header


async def test_the_edge_of_a_column_is_dragged():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        table = screen.table
        place = next(p for p in table._places if p.column.name == "rate")
        await pilot.mouse_down(table, offset=(place.start + place.width, 0))
        await pilot.hover(table, offset=(place.start + place.width + 7, 0))
        await pilot.mouse_up(table, offset=(place.start + place.width + 7, 0))
        await settle(pilot)
        assert next(c.width for c in table.columns if c.name == "rate") == place.width + 7
        assert screen.choices.of("host").widths == {"rate": place.width + 7}
        assert table.sort == "rate"  # it was no click on the header


async def test_every_column_of_the_flow_list_orders_it():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=(200, 50)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9")
        for column in [column.name for column in screen.table.columns if column.sortable]:
            screen._sort(column, True)
            await settle(pilot)
            assert screen.snapshot is not None
            assert (screen.table.sort, screen.snapshot.sort) == (column, column)


# Search


async def test_search_goes_to_rows_far_beyond_those_that_are_here():
    source = FakeSource(seconds=0)
    batch = flows(1, 20_000, source.clock.now_ms())
    batch.columns["src_addr_lo"][7] = (0xFFFF << 32) | 0x0A636363
    batch.columns["src_addr_hi"][7] = 0
    source.add(batch)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9")
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await pilot.press(*"10.99.99.99", "enter")
        await until(pilot, lambda: screen.table.value("src_addr") == "10.99.99.99")
        assert screen.table.cursor_row == 20_000 - 8
        await pilot.press("enter")
        await until(pilot, lambda: "not found" in text_of(pilot.app))
        await pilot.press("escape")
        assert pilot.app.focused is screen.table
        await press(pilot, "g")
        await pilot.press("f3")
        await until(pilot, lambda: screen.table.value("src_addr") == "10.99.99.99")


async def test_search_backwards_and_among_what_is_written():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        hosts = [str(host) for (host,) in rows(screen, "addr")]
        assert not any(hosts[8] in host for host in hosts[:8])
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await pilot.press(*hosts[8])
        await until(pilot, lambda: screen.table.value("addr") == hosts[8])
        await press(pilot, "escape", "j", "j", "shift+f3")
        assert screen.table.value("addr") == hosts[8]
        assert screen.query_one(FindBar).text == hosts[8]


# Facets


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_facets_have_the_shares_of_other_dimensions_and_narrow(size: tuple[int, int]):
    source = FakeSource()
    async with NftuiApp(source).run_test(size=size) as pilot:
        screen = await ready(pilot)
        await pilot.press("vertical_line")
        await until(pilot, lambda: bool(screen.query(FacetPane)) and "Protocol" in facets(screen))
        pane = screen.query_one(FacetPane)
        await until(pilot, lambda: not any(facet.note for facet in pane.facets))
        expected = source.window.snapshot(LiveRequest("by:proto", sort="bytes", limit=6))
        shown = {row.text: row.share for row in facets(screen)["Protocol"].rows}
        assert list(shown) == expected.values["proto"]
        assert sum(shown.values()) == pytest.approx(1)
        assert "VLAN" not in facets(screen)  # no flow has one
        assert screen.table.display is (size[0] >= 110)
        while (pane.facets[pane.cursor[0]].title, pane.cursor[1]) != ("Protocol", 1):
            await pilot.press("j")
        await pilot.press("enter")
        await settle(pilot)
        assert screen.trail.place.filter == f"proto {expected.values['proto'][1]}"
        await until(pilot, lambda: len(facets(screen)["Protocol"].rows) == 1)
        await pilot.press("escape")
        assert pilot.app.focused is screen.table
        await press(pilot, "backspace")
        assert screen.trail.place.filter == ""


async def test_facets_copies_and_files_are_about_the_range_of_the_past(tmp_path: Path):
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        now = source.clock.now_ms()
        within = TimeRange(now - 20_000, now - 10_000)
        screen.look(screen.outlook.go_to(within, screen.around()))
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.within == within)
        past = source.past()
        assert past is not None
        expected = past.snapshot(LiveRequest("by:proto", sort="bytes", limit=6, within=within))
        await pilot.press("vertical_line")
        await until(pilot, lambda: bool(screen.query(FacetPane)) and "Protocol" in facets(screen))
        await until(pilot, lambda: not any(facet.note for facet in screen.query_one(FacetPane).facets))
        assert [row.text for row in facets(screen)["Protocol"].rows] == expected.values["proto"]
        whole = expected.total.matched.bytes
        assert [row.share for row in facets(screen)["Protocol"].rows] == [b / whole for b in expected.values["bytes"]]
        await pilot.press("escape")
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        assert f"--utc -t {written_range(within)} -s ip/bytes -n" in pilot.app.clipboard
        await pilot.press("escape")
        await export(pilot, 1, tmp_path / "past.ndjson")
        lines = [json.loads(line) for line in (tmp_path / "past.ndjson").read_text().splitlines()]
        hosts = past.snapshot(LiveRequest("host", sort="rate", limit=10_000, within=within))
        assert sorted(line["bytes"] for line in lines) == sorted(int(value) for value in hosts.values["bytes"])
        await pilot.press("o")
        assert not screen.order_held  # nothing moves there


def facets(screen: LiveScreen):
    return {facet.title: facet for facet in screen.query_one(FacetPane).facets}


# Order


async def test_a_held_order_keeps_its_rows_while_values_go_on():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j", "o")
        before = rows(screen, "addr", "bytes")
        batch = flows(99, 400, source.clock.now_ms(), scale=900)
        batch.columns["src_addr_lo"][:] = (0xFFFF << 32) | 0x0A636363
        batch.columns["src_addr_hi"][:] = 0
        source.add(batch)
        await settle(pilot)
        after = rows(screen, "addr", "bytes")
        assert [host for host, _ in after] == [host for host, _ in before]
        assert after != before
        assert "ORDER HELD, +1 new" in text_of(pilot.app)
        await press(pilot, "o")
        assert rows(screen, "addr")[0] == ("10.99.99.99",) or "10.99.99.99" in {
            host for (host,) in rows(screen, "addr")
        }
        assert "ORDER HELD" not in text_of(pilot.app)


async def test_rows_that_are_near_each_other_change_places_together_and_not_at_each_refresh():
    source = FakeSource()
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        order = rows(screen, "addr")
        steadiness = screen._steadiness
        assert steadiness is not None
        batch = flows(7, 3, source.clock.now_ms())
        source.add(batch)
        source.clock.advance(RENEWED_MS / 10_000)
        await settle(pilot)
        assert rows(screen, "addr") == order


# Copies


async def test_the_command_line_is_sent_to_the_terminal_and_shown():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, "j", "enter")
        place = live(pilot.app).trail.place
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        assert pilot.app.clipboard.startswith("nftui dump -r /var/lib/nftui -t -30s -O tend -n ")
        assert pilot.app.clipboard.endswith(f" '{place.filter}'")
        shown = text_of(pilot.app)
        assert "sent to the terminal" in shown
        assert "copied" not in shown.lower()
        assert "nftui dump -r /var/lib/nftui" in shown


async def test_a_row_is_copied_as_json():
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j")
        await pilot.press("Y")
        row = json.loads(pilot.app.clipboard)
        assert row["addr"] == screen.table.value("addr")
        assert row["bytes"] == screen.table.value("bytes")
        await pilot.press("escape")
        await press(pilot, "a")
        await pilot.press("y")
        assert json.loads(pilot.app.clipboard) == row  # real addresses are not sent while others are shown


# Files


async def export(pilot, form: int, path: Path) -> str:
    """Write the view; returns what is said about it."""
    pilot.app._notifications.clear()
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
    await pilot.press(*["down"] * form)
    proposed = pilot.app.screen.query_one(Input)
    assert proposed.value.startswith("nftui-")
    proposed.value = str(path)
    await pilot.press("enter")
    await until(pilot, lambda: any("rows written" in n.message or "written." in n.message or n.severity == "error"
                                   for n in pilot.app._notifications))  # fmt: skip
    return [n.message for n in pilot.app._notifications][-1]


async def test_all_rows_are_written_in_each_format(tmp_path: Path):
    source = FakeSource(seconds=0)
    batch = flows(1, 3000, source.clock.now_ms())
    batch.text["application_name"] = TextColumn((np.arange(3000) % 2).astype(np.int32), ["=cmd|x", 'web,"x"'])
    source.add(batch)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "9")
        screen.choices.choose("flows", ["src_addr", "bytes", "application_name"], {})
        await settle(pilot)
        said = await export(pilot, 0, tmp_path / "a.csv")
        assert said.endswith("3,000 rows written.")
        with (tmp_path / "a.csv").open() as file:
            read = list(csv.DictReader(file))
        assert len(read) == 3000
        assert {row["application_name"] for row in read} == {"'=cmd|x", 'web,"x"'}
        assert sum(int(row["bytes"]) for row in read) == int(batch.columns["bytes"].sum()) * 100
        await export(pilot, 1, tmp_path / "a.ndjson")
        lines = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
        assert [line["bytes"] for line in lines] == [int(row["bytes"]) for row in read]
        assert {line["application_name"] for line in lines} == {"=cmd|x", 'web,"x"'}
        await export(pilot, 2, tmp_path / "a.parquet")
        table = pq.read_table(tmp_path / "a.parquet")
        assert table.column("bytes").to_pylist() == [line["bytes"] for line in lines]
        assert table.column("src_addr").to_pylist() == [line["src_addr"] for line in lines]
        await export(pilot, 3, tmp_path / "a.svg")
        picture = (tmp_path / "a.svg").read_text()
        assert picture.startswith("<svg")
        assert "latest" in picture
        assert "Esc&#160;cancel" not in picture  # the dialog is not in it
        assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) & 0o007 == 0


async def test_a_file_that_is_there_stays_and_errors_are_messages(tmp_path: Path):
    (tmp_path / "there.csv").write_text("mine")
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert "exists; choose another name" in await export(pilot, 0, tmp_path / "there.csv")
        assert (tmp_path / "there.csv").read_text() == "mine"
        assert "No such file or directory" in await export(pilot, 2, tmp_path / "no" / "where.parquet")
        assert list(tmp_path.iterdir()) == [tmp_path / "there.csv"]


async def test_files_have_the_other_addresses_while_they_are_shown(tmp_path: Path):
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "a")
        await export(pilot, 1, tmp_path / "a.ndjson")
        written = {json.loads(line)["addr"] for line in (tmp_path / "a.ndjson").read_text().splitlines()}
        real = {str(host) for (host,) in rows(screen, "addr")}
        assert len(written) == screen.table.data.rows
        assert not written & real
