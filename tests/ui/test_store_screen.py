"""The store screen: size, growth, what goes next, compaction, and a check that can be watched and stopped."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from driving import ready, text_of, until
from fake_source import FakeSource
from store_samples import NOON_MS, sample_flows
from stored_month import SETTINGS as MONTH
from stored_month import an_overview
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.engine.health import Health
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.check import Checked
from nftui.engine.store.compact import compact_hour
from nftui.engine.store.expire import holdings
from nftui.engine.store.layout import DAY_MS, HOUR_MS
from nftui.engine.store.retention import Policy
from nftui.engine.store.writer import StoreWriter
from nftui.screens import store_sections as sections
from nftui.screens.store import StoreScreen
from nftui.widgets.health_strip import HealthStrip
from nftui.widgets.pager import Pager

SIZES = ((80, 24), (120, 40), (200, 50))
SETTINGS = {"store.expire_age": "3d", "store.expire_watermark": "95", "store.compact": "True"}


class StoredSource(FakeSource):
    """The fake source with a store on the disk, whose last slot was an hour ago."""

    def __init__(self, root: Path) -> None:
        super().__init__(seconds=3)
        self.root = root

    def health(self) -> Health:
        return replace(super().health(), store_root=str(self.root), now_ms=NOON_MS + HOUR_MS)

    def settings(self) -> dict[str, str]:
        return dict(SETTINGS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days with two slots each, one of them compacted, one file damaged, one put aside."""
    place = tmp_path_factory.mktemp("store")
    writer = StoreWriter(place, limits=Limits(flush_seconds=0, settle_seconds=1e9))
    writer.open()
    for day in range(5, 0, -1):
        for slot in (0, 300_000):
            writer.append(sample_flows(0, 100, NOON_MS - day * DAY_MS + slot))
            writer.tick()
    writer.close()
    list(compact_hour(place, NOON_MS - 2 * DAY_MS, DEFAULT))
    os.makedirs(place / "_quarantine", exist_ok=True)
    (place / "_quarantine" / "20261101T000000Z-00000000-000001.parquet").write_bytes(b"?" * 5000)
    victim = holdings(place).files[-1].file.path
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 3] ^= 0xFF
    victim.write_bytes(raw)
    return place


@pytest.fixture(autouse=True)
def no_checks() -> Iterator[None]:
    yield
    StoreScreen.running.clear()


async def opened(pilot: Pilot[int], *keys: str) -> StoreScreen:
    await ready(pilot)
    await pilot.press("D")
    await until(pilot, lambda: isinstance(pilot.app.screen, StoreScreen) and "a flow takes" in shown(pilot))
    await pilot.press(*keys)
    screen = pilot.app.screen
    assert isinstance(screen, StoreScreen)
    return screen


def shown(pilot: Pilot[int]) -> str:
    found = pilot.app.screen.query(Pager)
    return found.first().text if found else ""


@pytest.mark.parametrize(
    ("key", "words"),
    [("1", ["keeps              4.0 days", "grows", "being written", "compacted hours, with roll-ups",
            "damaged, put aside", "bytes on disk, over the latest files"]),
     ("2", ["day, UTC", "2026-11-20", "2026-11-16", "1 of 1 h", "0 of 1 h"]),
     ("3", ["age                3 days", "Goes at the next expiry: 6 files", "date=2026-11-16/hour=12/",
            "Goes after that, the oldest first"]),
     ("4", ["by the collector, every ten minutes", "1 of 5 are compacted", "4 finished hours wait"]),
     ("5", ["v starts it"]),
     ("6", ["1 file in _quarantine", "20261101T000000Z-00000000-000001.parquet"])],
)  # fmt: skip
async def test_sections(root: Path, key: str, words: list[str]) -> None:
    async with NftuiApp(StoredSource(root)).run_test(size=(120, 40)) as pilot:
        await opened(pilot, key)
        assert [word for word in words if word not in shown(pilot)] == []


async def test_a_check_goes_on_when_the_screen_is_left(root: Path) -> None:
    async with NftuiApp(StoredSource(root)).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, "v")
        assert screen.chosen == 4
        check = screen.check
        assert check is not None
        await pilot.press("escape")
        check.wait(30)
        screen = await opened(pilot, "5")
        await until(pilot, lambda: "done" in shown(pilot))
        assert re.search(r"damaged +1 file", shown(pilot))
        assert "its checksum does not hold" in shown(pilot)
        assert "nftui verify --repair" in shown(pilot)
        assert screen.check is check


async def test_a_check_is_stopped(root: Path) -> None:
    async with NftuiApp(StoredSource(root)).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, "v", "x")
        assert screen.check is not None
        screen.check.wait(30)
        assert screen.check.so_far.state in {"cancelled", "done"}
        await until(pilot, lambda: "stopped by you" in shown(pilot) or "done" in shown(pilot))


async def test_the_health_line_opens_what_it_is_about(root: Path) -> None:
    source = StoredSource(root)
    async with NftuiApp(source).run_test(size=(160, 40)) as pilot:
        screen = await ready(pilot)
        strip = screen.query_one(HealthStrip)
        at = strip.text.index("disk")
        await pilot.click(HealthStrip, offset=(at + 1, 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, StoreScreen))
        await pilot.press("escape")
        source.recent = {"sequence.lost": 5}
        source.counts["sequence.lost"] = 5
        screen.feed.now()
        await until(pilot, lambda: "gaps 5 (+5)" in strip.text)
        await pilot.press("E")
        await until(pilot, lambda: "Exporters" in text_of(pilot.app))


async def test_a_store_that_is_gone_says_so(tmp_path: Path) -> None:
    async with NftuiApp(StoredSource(tmp_path / "none")).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "cannot be read: No such file or directory" in shown(pilot))


def test_when_it_is_full() -> None:
    assert "at its limit of size in 21.5 days" in sections.full_line(an_overview()).text
    unlimited = sections.full_line(an_overview(policy=Policy(), days_left=3.0))
    assert "full in 3.0 days: nothing expires" in unlimited.text
    assert unlimited.spans[1][1] == "bad"
    assert sections.full_line(an_overview(days_left=0.0)).text.endswith("the oldest files go as new ones come")
    assert "not known yet" in sections.full_line(an_overview(days_left=None)).text


def test_sizes_have_a_unit() -> None:
    assert [sections.size(amount) for amount in (0, 999, 12_300, 1.5e9)] == ["0 B", "999 B", "12.3 kB", "1.50 GB"]


def test_what_waits_for_the_lake() -> None:
    health = FakeSource(seconds=3).health()

    def said(**counts: int) -> str:
        levels = {f"lake.{name}": amount for name, amount in counts.items()}
        lines = sections.summary(an_overview(), replace(health, counts={**health.counts, **levels}), 80)
        return "\n".join(line.text for line in lines)

    assert "3 finished files, the oldest for 1200 s" in said(waiting=3, lag_seconds=1200)
    assert "waits for the lake" in said(waiting=0, lag_seconds=0)
    assert "lake" not in said()


def test_more_damage_than_is_listed() -> None:
    lines = sections.check(Checked("done", 900, 1, 1, 5, (("/s/a\x1b[2J", "bad"),), 7), 80)
    text = "\n".join(line.text for line in lines)
    assert "8 files" in text
    assert "and 7 more" in text


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["1", "2", "3"], ids=["store", "days", "expiry"])
def test_store_page(snap_compare, monkeypatch, key: str, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    source = FakeSource(seconds=3)
    monkeypatch.setattr("nftui.screens.store.look", lambda source: (source.health(), MONTH, an_overview(), ""))

    async def play(pilot: Pilot[int]) -> None:
        await opened(pilot, key)

    assert snap_compare(NftuiApp(source), terminal_size=size, run_before=play)
