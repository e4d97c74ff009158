"""`nftui --replay`: a recording on the live screens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from driving import ready, until
from fake_source import FakeSource
from store_samples import NOON_MS, sample_flows
from terminal import Terminal

from nftui.app import NftuiApp
from nftui.cli.main import run
from nftui.engine.store.writer import StoreWriter
from nftui.screens.recording import RecordedSource


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Flows of a quarter of an hour, ten a second."""
    writer = StoreWriter(tmp_path / "store")
    writer.open()
    for second in range(900):
        writer.append(sample_flows(second * 10, 10, NOON_MS + second * 1000))
    writer.close()
    return tmp_path / "store"


def chip(app: NftuiApp) -> str:
    return app.source.label


async def test_playing_pausing_and_changing_the_speed(store: Path):
    app = NftuiApp(RecordedSource([str(store)], 2))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.flows_in() > 0)
        assert chip(app) == "REPLAY 2x"
        await pilot.press("space")
        await until(pilot, lambda: chip(app) == "REPLAY 2x halted")
        halted = app.source.health().now_ms
        await pilot.press("right_curly_bracket", "right_curly_bracket", "left_curly_bracket")
        await until(pilot, lambda: chip(app) == "REPLAY 4x halted")
        assert app.source.health().now_ms == halted
        for _ in range(12):
            await pilot.press("right_curly_bracket")
        await pilot.press("space")
        await until(pilot, lambda: chip(app) == "REPLAY ended", 20)
        await until(pilot, lambda: screen.flows_in() == 9000)
        assert screen.snapshot is not None
        assert screen.snapshot.now_ms >= NOON_MS + 899_000
        await pilot.press("space")
        assert chip(app) == "REPLAY ended"
    assert app.source.stop()


async def test_live_flows_have_no_speed():
    app = NftuiApp(FakeSource())
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: any("--replay PATH" in note.message for note in app._notifications))


def test_from_the_command_line(store: Path):
    command = [sys.executable, "-m", "nftui", "--replay", str(store), "--speed", "64"]
    with Terminal(command, 100, 30) as terminal:
        assert terminal.until(lambda: terminal.shows("REPLAY 64x"))
        assert terminal.until(lambda: terminal.shows("198.51.100."))
        terminal.send(b"q")
        assert terminal.wait() == 0, terminal.last_words
        assert "refleaks" not in bytes(terminal.received).decode(errors="replace")


def test_what_does_not_go_together(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("nftui.cli.tui.require_terminal", lambda: None)
    assert run(["--replay", str(store), "--listen", ":9995"]) == 2
    assert "neither receives nor stores" in capsys.readouterr().err


async def test_seeking_stepping_and_repeating_on_the_timeline(store: Path):
    app = NftuiApp(RecordedSource([str(store)], 1))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.outlook.frame is not None and not screen.past.busy)
        frame = screen.outlook.frame
        assert frame is not None
        # The timeline is the whole recording, by the times of its flows.
        assert (frame.start_ms, frame.end_ms // 1000) == (NOON_MS - 3000, (NOON_MS + 899_000) // 1000)
        await pilot.press("space", "backslash")
        await until(pilot, lambda: chip(app) == "REPLAY 1x halted")
        await pilot.press("home", *["right"] * 3, "enter")
        step = screen.outlook.grain_ms(screen.around())
        sought = frame.start_ms // step * step + 3 * step
        await until(pilot, lambda: screen.now_ms == sought)
        await until(pilot, lambda: screen.live is not None and screen.live.total.unfiltered.flows > 0)
        await pilot.press("tab", "full_stop", "full_stop")
        await until(pilot, lambda: screen.now_ms == sought + 2000)
        await pilot.press("comma")
        await until(pilot, lambda: screen.now_ms == sought + 1000)
        # A range of the recording, and back to where it plays.
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: screen.trail.place.within is not None and not screen.past.busy)
        assert screen.trail.place.within is not None
        assert screen.trail.place.within.length_ms == 30_000
        await pilot.press("full_stop")
        await until(pilot, lambda: screen.trail.place.within is None)
        assert screen.outlook.frame == frame
        await pilot.press("R")
        await until(pilot, lambda: chip(app) == "REPLAY 1x loop halted")
        app.source.seek(NOON_MS + 899_000)  # type: ignore[attr-defined]
        await pilot.press("space", *["right_curly_bracket"] * 10)
        await until(pilot, lambda: screen.now_ms > NOON_MS + 890_000)
        await until(pilot, lambda: screen.now_ms < NOON_MS + 800_000)
        assert "loop" in chip(app)
    assert app.source.stop()
