"""The pane about one flow: every section, the way to other flows, names that come late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from driving import press, ready, settle, text_of, until
from fake_source import V4, FakeSource, flows
from textual.pilot import Pilot

from nftui.app import AppOptions, NftuiApp
from nftui.engine.batch import FlowBatch
from nftui.engine.decode.status import ExporterStatus, SamplingStatus, TemplateStatus
from nftui.engine.geography import Whereabouts
from nftui.screens import flow_facts as facts
from nftui.screens.flow_facts import Flow, Surroundings
from nftui.screens.flow_relatives import Relative, Relatives, conversation_filter, neighbour_filter, relatives_of
from nftui.screens.live import LiveScreen
from nftui.widgets.flow_detail import DetailLine
from nftui.widgets.flow_table import FlowTable

SIZE = (160, 50)
END = 1_790_000_000_000
Resolver = Callable[[], Callable[[str], str]]


def a_flow(**values: int) -> Flow:
    """One record: 10.0.0.1 port 40000 to 198.51.100.7 port 443, 1 of 100 sampled."""
    numbers: dict[str, int] = {
        "time_received_ms": END + 500, "time_flow_start_ms": END - 2000, "time_flow_end_ms": END,
        "sampler_address_lo": V4 | 0xC0000201, "observation_domain_id": 7, "flow_source": 9,
        "src_addr_lo": V4 | 0x0A000001, "dst_addr_lo": V4 | 0xC6336407, "src_port": 40_000, "dst_port": 443,
        "proto": 6, "tcp_flags": 0x1B, "ip_tos": 0xB8, "bytes": 5000, "packets": 10, "flows": 1,
        "sampling_rate": 100, "quality": 0,
    }  # fmt: skip
    numbers |= {"sampler_address_hi": 0, "src_addr_hi": 0, "dst_addr_hi": 0} | values
    return Flow(FlowBatch(1, {name: np.array([value]) for name, value in numbers.items()}), 0)


def words(lines: list[DetailLine]) -> dict[str, str]:
    return {line.title: line.value for line in lines}


STATUS = ExporterStatus(
    "192.0.2.1", 2055, (9,), ((9, 7),),
    (TemplateStatus(9, 7, 256, 9, False, END, END, 0, ("a", "b"),
                    tuple((0, n) for n in (8, 12, 7, 11, 4, 6, 5, 1, 2, 21, 22)), (4,) * 11),
     TemplateStatus(9, 7, 257, 2, False, END, END, 0, ("c",), ((0, 27), (0, 1)), (16, 4))),
    0, (SamplingStatus(7, 3, 100, "options"),), END - 1000, 12, {}, 15_000, ident="gw1",
)  # fmt: skip


def test_amounts_as_sent_and_scaled() -> None:
    found = words(facts.amounts(a_flow(), Surroundings(STATUS)))
    assert found == {
        "Duration": "2.000 s", "Sampling": "1:100, from options data of the exporter (sampler 3)",
        "Bytes sent": "5,000 B", "Bytes scaled": "500,000 B", "Packets sent": "10 packets",
        "Packets scaled": "1,000 packets", "Per packet": "500 B", "Rate": "2.00 Mbit/s",
    }  # fmt: skip


def test_amounts_without_a_rate_and_of_both_directions() -> None:
    flow = a_flow(out_bytes=70, out_packets=1)
    del flow.batch.columns["sampling_rate"]
    lines = facts.amounts(flow, Surroundings())
    found = words(lines)
    assert found["Sampling"] == "unknown: taken as 1:1"
    assert "Bytes scaled" not in found
    assert found["Out Bytes sent"] == "70 B"


def test_both_ends_with_names_and_places() -> None:
    places = {"198.51.100.7": Whereabouts("France", "FR", "Paris", 64500, "Example Net")}
    names = {"10.0.0.1": "", "198.51.100.7": None}
    around = Surroundings(
        resolving=True, name=lambda address: names[address], place=lambda address: places.get(address, Whereabouts())
    )
    lines = facts.ends(a_flow(src_as=64501, in_if=3), around)
    assert [(line.title, line.value) for line in lines] == [
        ("Source", "10.0.0.1"), ("Name", "no name"), ("Port", "40000"), ("AS exported", "64501"), ("Interface", "3"),
        ("Destination", "198.51.100.7"), ("Name", "asking"), ("Country", "Paris, France, FR"),
        ("AS", "AS64500 Example Net"), ("Port", "443 https"),
    ]  # fmt: skip
    assert lines[0].doc == "A private or set apart address."
    assert (lines[0].term, lines[-1].term) == ("src_addr 10.0.0.1", "dst_port 443")
    assert "Name" not in words(facts.ends(a_flow(), Surroundings()))


def test_the_template_is_the_one_with_its_fields() -> None:
    lines = facts.exporter(a_flow(), Surroundings(STATUS, now_ms=END))
    found = words(lines)
    assert found["Exporter"] == "192.0.2.1 gw1"
    assert found["Template 256"] == "inferred, the only one that fits: a, b"
    assert "Template 257" not in found
    assert next(line for line in lines if line.title == "Template 256").doc.startswith(
        "Inferred, no record names its template"
    )
    assert found["Export delay"] == "15.0 s"
    unknown = words(facts.exporter(a_flow(), Surroundings()))
    assert unknown["Status"] == "unknown"


def test_filters_of_relatives() -> None:
    assert conversation_filter(a_flow()) == (
        "proto 6 and ((src_addr 10.0.0.1 and dst_addr 198.51.100.7 and src_port 40000 and dst_port 443) or "
        "(src_addr 198.51.100.7 and dst_addr 10.0.0.1 and src_port 443 and dst_port 40000))"
    )
    assert "port" not in conversation_filter(a_flow(proto=1))
    assert neighbour_filter(a_flow()) == "src_addr 10.0.0.1 or dst_addr 10.0.0.1"


def a_relative(key: int, at_ms: int, source: str = "10.0.0.1") -> Relative:
    return Relative(key, at_ms, "TCP", source, "1", "198.51.100.7", "2", "...AP...", 10, 1000)


def test_both_directions_are_summed_apart() -> None:
    talk = (a_relative(1, END - 500), a_relative(2, END - 400, "198.51.100.7"), a_relative(3, END))
    lines = facts.conversation(a_flow(), Relatives(talk, (), "Here."))
    found = words(lines)
    assert found["This way"] == "2 records, 20 packets, 2.00 kB"
    assert found["The other way"] == "1 record, 10 packets, 1.00 kB"
    assert found["Records"] == "3 over 0.5 s"
    assert [(line.key, line.title) for line in lines[3:]] == [(1, "-0.500 s"), (2, "-0.400 s"), (3, "same time")]
    assert lines[4].value.startswith("< TCP 198.51.100.7 1 > ")
    assert facts.conversation(a_flow(), None)[0].title == "Asking"
    assert facts.neighbours(a_flow(), Relatives())[0].title == "Nothing"


def test_neighbours_are_the_nearest_in_time() -> None:
    source = FakeSource(seconds=0)
    for second in range(30):
        batch = flows(second, 1, END + second * 1000)
        batch.columns["src_addr_lo"][:] = V4 | 0x0A000001
        batch.columns["src_addr_hi"][:] = 0
        batch.columns["time_flow_end_ms"][:] = END + second * 1000
        source.clock.advance(1)
        source.add(batch)
    from nftui.engine.live.snapshot import LiveRequest

    near = source.snapshot(LiveRequest("flows", limit=100, fields=("time_flow_end_ms",)))
    found = relatives_of(a_flow(time_flow_end_ms=END + 14_500), None, near)
    assert [item.at_ms - END for item in found.neighbours] == [1000 * n for n in range(3, 27)]
    assert len(found.neighbours) == 24


async def opened(pilot: Pilot[int], *keys: str) -> LiveScreen:
    screen = await ready(pilot)
    await press(pilot, "9", "j")
    await pilot.press("enter")
    await until(pilot, lambda: screen.detail.has_class("-open"))
    await until(pilot, lambda: screen._around is not None and screen._around.relatives is not None)
    await pilot.press(*keys)
    return screen


async def test_enter_before_the_rows_of_the_view_have_come_opens_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        asked: list[int] = []

        async def flow_of(key: int) -> None:
            asked.append(key)

        monkeypatch.setattr(screen, "flow_of", flow_of)
        screen.trail.change(view="flows")  # asked for, but hosts are still on the screen
        screen._row_opened(FlowTable.Opened(screen.table, 1))
        words = "The rows of this view come yet."
        await until(pilot, lambda: [note.message for note in pilot.app._notifications] == [words])
        assert asked == []


async def test_long_values_of_a_section_are_read_in_full() -> None:
    async with NftuiApp(FakeSource()).run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "tab", "tab", "tab")
        long = max((line.value for line in screen.detail.lines), key=len)
        assert len(long) > 39
        assert long in text_of(pilot.app).split("Esc closes")[1].split(screen.detail.current.title + ":")[0]


async def test_sections_are_read_one_after_the_other_and_flows_opened_from_them() -> None:
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        detail = screen.detail
        assert [section.name for section in detail.sections] == [
            "fields",
            "amounts",
            "ends",
            "talk",
            "near",
            "exporter",
        ]
        assert detail.lines[0].name == "time_received_ms"
        await pilot.press("tab", "tab")
        assert detail.lines[0].title == "Source"
        await pilot.press("shift+tab")
        assert detail.lines[0].title == "Duration"
        await pilot.press("tab", "tab", "tab")
        assert detail.chosen == 4
        other = next(row for row, line in enumerate(detail.lines) if line.key is not None)
        before = screen._flow
        await pilot.press(*["j"] * other, "enter")
        await until(pilot, lambda: screen._flow is not before)
        assert detail.chosen == 4, "the section that was read is read of the next flow, too"
        await pilot.press("escape")
        assert not detail.has_class("-open")


async def test_flows_without_interfaces_are_shown_and_opened() -> None:
    source = FakeSource(seconds=0)
    batch = flows(1, 20, source.clock.now_ms())
    for name in ("in_if", "out_if", "sampling_rate", "src_as", "dst_as"):
        del batch.columns[name]
    source.add(batch)
    async with NftuiApp(source).run_test(size=(200, 40)) as pilot:
        screen = await opened(pilot, "tab", "tab")
        assert "Interface" not in [line.title for line in screen.detail.lines]
        assert screen.table.data.values["in_if"][0] == "-"


async def test_a_line_of_a_section_is_a_filter() -> None:
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "tab", "tab", "f")
        await settle(pilot)
        assert screen.trail.place.filter.startswith("src_addr ")


async def test_names_are_asked_for_on_demand_and_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    asked: list[str] = []

    def resolver(address: str) -> str:
        asked.append(address)
        assert go_on.wait(30)
        return "late\x1b[2J.example"

    monkeypatch.setattr(LiveScreen, "resolver", lambda _: resolver)
    async with NftuiApp(FakeSource()).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "tab", "tab")
        assert asked == [], "nobody is asked unasked"
        titles = [line.title for line in screen.detail.lines]
        assert "Name" not in titles
        await pilot.press("i")
        await until(pilot, lambda: any(line.value == "asking" for line in screen.detail.lines))
        placed = [line.title for line in screen.detail.lines]
        await pilot.press("j")
        assert screen.detail.table.cursor_row == 1, "the screen goes on while the resolver hangs"
        go_on.set()
        await until(pilot, lambda: any(line.value == "late[2J.example" for line in screen.detail.lines))
        assert [line.title for line in screen.detail.lines] == placed, "a late name moves nothing"
        assert screen.detail.table.cursor_row == 1
        await pilot.press("n")  # names of addresses here, as i
        assert "Name" not in [line.title for line in screen.detail.lines]


async def test_places_come_from_a_file_of_the_configuration(tmp_path: Path) -> None:
    pytest.importorskip("maxminddb", reason="the extra geo is not installed")
    mmdb_writer = pytest.importorskip("mmdb_writer", reason="mmdb-writer is not installed")
    import netaddr

    writer = mmdb_writer.MMDBWriter(ip_version=6, database_type="Test", ipv4_compatible=True)
    writer.insert_network(
        netaddr.IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "FR", "names": {"en": "France"}}}
    )
    writer.to_db_file(str(tmp_path / "c.mmdb"))
    options = AppOptions(geo=(str(tmp_path / "c.mmdb"), ""))
    async with NftuiApp(FakeSource(), options).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "tab", "tab")
        assert ("Country", "France, FR") in [(line.title, line.value) for line in screen.detail.lines]
    async with NftuiApp(FakeSource(), AppOptions(geo=(str(tmp_path / "none.mmdb"), ""))).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "tab", "tab")
        assert "Country" not in [line.title for line in screen.detail.lines]
        told = [notice.message for notice in pilot.app._notifications]
        assert len([words for words in told if "cannot be read as a MaxMind database" in words]) == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("tabs", [1, 2, 3, 5], ids=["amounts", "ends", "talk", "exporter"])
def test_flow_page(snap_compare, tabs: int, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    async def play(pilot: Pilot[int]) -> None:
        await opened(pilot, *["tab"] * tabs)

    assert snap_compare(NftuiApp(FakeSource(seconds=20)), terminal_size=size, run_before=play)
