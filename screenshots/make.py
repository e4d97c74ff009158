"""Screenshots of the real application, fed with the demo's traffic from a fixed seed: `make screenshots`.

Writes NAME.svg for each scene and size, and NAME.png where rsvg-convert and a monospaced font are installed.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "ui"))

import stored_month  # noqa: E402
import walks  # noqa: E402
from demo_source import DemoSource  # noqa: E402
from exact_svg import exact  # noqa: E402
from fake_probe import FakeProbe  # noqa: E402
from fake_source import FakeSource  # noqa: E402
from textual.pilot import Pilot  # noqa: E402
from troubled import TroubledSource  # noqa: E402

from nftui.app import NftuiApp  # noqa: E402
from nftui.engine.store.writer import StoreWriter  # noqa: E402
from nftui.screens import store  # noqa: E402
from nftui.screens.recording import RecordedSource  # noqa: E402
from nftui.screens.source import Source, open_past  # noqa: E402

SIZES = ((80, 24), (120, 40), (200, 50))
Scene = Callable[[Pilot[int]], Awaitable[None]]


def keys(*names: str) -> Scene:
    """A scene that is reached by pressing keys."""

    async def play(pilot: Pilot[int]) -> None:
        for name in names:
            await pilot.press(name)
            await pilot.pause(0.4)

    return play


async def halted(pilot: Pilot[int]) -> None:
    """A recording that stands still in its middle."""
    source = pilot.app.source  # type: ignore[attr-defined]
    while not source.health().now_ms:
        await pilot.pause(0.1)
    await pilot.press("space")
    source.seek(source.health().now_ms + 150_000)
    await pilot.pause(1.5)


async def changed(pilot: Pilot[int]) -> None:
    """The screen of changes with its answer."""
    await pilot.press("C")
    for _ in range(600):
        if getattr(pilot.app.screen, "changes", None) is not None:
            break
        await pilot.pause(0.1)
    await pilot.press("down")


SCENES: dict[str, tuple[Scene, bool]] = {
    "live": (keys(), False),
    "flows": (keys("3", "n"), False),
    "drill": (keys("down", "enter", "down", "down"), False),
    "conversations": (keys("v", *"conv", "enter", "down"), False),
    "statistics": (keys("v", *"mac"), False),
    "facets": (keys("vertical_line", *["down"] * 8), False),
    "columns": (keys("9", "V", *["down"] * 3), False),
    "export": (keys("down", "ctrl+s"), False),
    "detail": (keys("9", "down", "enter"), False),
    "timeline": (keys("Z", "left_square_bracket", "left_square_bracket", "H", "H"), False),
    "timeline-tall": (keys("Z", "left_square_bracket", "b", "b", "backslash", *["left"] * 8), False),
    "goto": (keys("at", *"12:00..1:00", "enter"), False),
    "replay": (halted, False),
    "filter-error": (keys("slash", *"src net 10/8 and prot"), False),
    "filter": (keys("slash", *"tcp and not dst port ", "down"), False),
    "changes": (changed, False),
    "help": (keys("question_mark"), False),
    "exporters": (keys("e"), False),
    "probe": (keys("P"), False),
    "probe-cache": (keys("P", "2"), False),
    "flow-amounts": (keys("9", "down", "enter", "tab"), False),
    "flow-near": (keys("9", "down", "enter", "tab", "tab", "tab", "tab"), False),
    "exporter-advice": (keys("e", "enter"), False),
    "exporter-templates": (keys("e", "enter", "2"), False),
    "exporter-losses": (keys("e", "enter", "4"), False),
    "exporter-rejected": (keys("e", "enter", "8"), False),
    "store": (keys("D"), False),
    "store-days": (keys("D", "2"), False),
    "watch": (walks.attack, False),
    "walk-bandwidth": (walks.bandwidth, False),
    "walk-indicator": (walks.indicator, False),
    "walk-timeline": (walks.timeline, False),
    "waiting": (keys(), True),
}


@cache
def traffic() -> DemoSource:
    """Minutes of traffic, made once: the clock stands still while pictures are taken."""
    source = DemoSource(seconds=280)
    source.probe = FakeProbe()
    return source


@cache
def recording() -> Path:
    """The same traffic as a store."""
    root = Path(mkdtemp()) / "flows"
    writer = StoreWriter(root)
    writer.open()
    stored = traffic().stored
    for batch in stored.batches if stored is not None else ():
        writer.append(batch)
    writer.close()
    return root


def source_of(name: str) -> Source:
    """What a scene looks at."""
    if name == "watch" or name.startswith("walk-"):
        return walks.recording()
    if name == "replay":
        return RecordedSource([str(recording())], 10)
    if name.startswith("timeline"):
        traffic().past = lambda: open_past([str(recording())])  # type: ignore[assignment,method-assign,return-value]
    if name.startswith("exporter-"):
        return TroubledSource(seconds=40)
    return FakeSource(empty=True) if SCENES[name][1] else traffic()


def look_at_a_month(source: Source) -> object:
    """What the store screen is told: a month, which nobody wants to wait for."""
    return source.health(), stored_month.SETTINGS, stored_month.an_overview(), ""


async def shoot(name: str, size: tuple[int, int]) -> Path:
    """Play a scene and save it."""
    play, _ = SCENES[name]
    store.look = look_at_a_month  # type: ignore[assignment]
    app = NftuiApp(source_of(name))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.0)
        await play(pilot)
        await pilot.pause(1.6 if name == "probe" else 0.6)  # rates need a second look at the counters
        path = HERE / f"{name}-{size[0]}x{size[1]}.svg"
        path.write_text(app.export_screenshot(title="nftui"), encoding="utf-8")
    return path


def to_png(path: Path) -> None:
    """Render with rsvg-convert, cell-exact."""
    program = shutil.which("rsvg-convert")
    if program is None:
        return
    svg = exact(path.read_text(encoding="utf-8")).encode()
    subprocess.run([program, "--zoom", "0.75", "-o", str(path.with_suffix(".png"))], input=svg, check=True)  # noqa: S603  no shell, our own file


def main() -> None:
    """All scenes, or those named, at all sizes, or the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--size", metavar="WIDTHxHEIGHT", help="only this size")
    options = parser.parse_args()
    sizes = [tuple(map(int, options.size.split("x")))] if options.size else SIZES
    for name in options.scenes or SCENES:
        for size in sizes:
            to_png(asyncio.run(shoot(name, size)))


if __name__ == "__main__":
    main()
