"""What goes to the terminal: no colours with NO_COLOR, ASCII alone with --ascii, the same cells on every way there."""

from __future__ import annotations

import random
import re

import pytest
from terminal import Terminal, python

SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
EVERYWHERE = (
    b"jj", b"9", b"j\r", b"\x7f", b"2", b"?", b"\x1b", b":", b"pau", b"\x1b", b"e", b"\x1b", b"/port", b"\x1b",
    b"w", b"\x1b", b"z", b"\x1b", b" ", b" ",
)  # fmt: skip
"""Keys through tables, detail, help, command line, exporters, filter line, watch, timeline and pause."""


def ready(terminal: Terminal) -> None:
    assert terminal.until(lambda: terminal.shows("10.0.1.1 ")), "\n".join(terminal.lines)


def journey(*arguments: str, keys: tuple[bytes, ...] = EVERYWHERE, env: dict[str, str] | None = None) -> bytes:
    """Everything that was sent on a way through the screens."""
    with Terminal(python("fake_app.py", "--ticks", "3", *arguments), env=env) as terminal:
        ready(terminal)
        for key in keys:
            terminal.send(key)
            terminal.pump(0.25)
        terminal.settle(0.5)
        return bytes(terminal.received)


def attributes(data: bytes) -> set[int]:
    """Every number in an SGR sequence; the parameters of colours are among them."""
    return {int(code or 0) for match in SGR.finditer(data) for code in re.split(rb"[;:]", match.group(1))}


@pytest.mark.parametrize("arguments", [(), ("--no-diff",)], ids=["diff", "no-diff"])
def test_no_color_sends_attributes_only(arguments: tuple[str, ...]):
    data = journey(*arguments, env={"NO_COLOR": "1"})
    # 0 to 9: off, bold, dim, italic, underline, reverse...; 21 to 29 switch them off. Colours begin at 30.
    assert attributes(data) <= {*range(10), *range(21, 30)}
    assert {1, 7} <= attributes(data)
    assert any(code >= 30 for code in attributes(journey(*arguments, keys=(b"j",))))


def test_ascii_sends_no_other_character():
    data = journey("--ascii")
    assert data.isascii()
    assert b"nftui" in data
    assert not journey(keys=(b"j",)).isascii()


@pytest.mark.parametrize("theme", ["nftui-dark", "nftui-light", "nftui-mono", "nftui-contrast"])
def test_themes_send_what_they_say(theme: str):
    data = journey("--theme", theme, keys=(b"j", b"?", b"\x1b"))
    colours = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", data)
    assert colours
    grey = all(abs(int(r) - int(g)) < 3 and abs(int(g) - int(b)) < 3 for r, g, b in colours)
    assert grey is (theme == "nftui-mono")


def test_low_bandwidth_sends_less_than_a_third():
    def sent(seconds: int, *arguments: str) -> int:
        """Bytes of so many further seconds of traffic, one of which comes with each refresh."""
        with Terminal(python("fake_app.py", "--ticks", str(1 + seconds), "--rate", "2000", *arguments)) as terminal:
            ready(terminal)
            before = len(terminal.received)
            terminal.settle(5)
            return len(terminal.received) - before

    # Three refreshes instead of twelve in the same time: test_slow_lines.py has the pace of both.
    assert 0 < sent(3, "--low-bandwidth") < sent(12) / 3


def test_modal_screens_and_sizes_leave_the_cells_of_a_full_repaint():
    with Terminal(python("fake_app.py")) as terminal:
        ready(terminal)
        for keys, size in ((b":pau", (100, 30)), (b"\x1b", (60, 20)), (b"?", (140, 45)), (b"\x1b", (81, 25))):
            terminal.send(keys)
            terminal.pump(0.4)
            terminal.resize(*size)
            terminal.settle(1.2)
            shown = terminal.cells()
            if keys != b":pau":  # in a text box ctrl+l is the box's
                terminal.send(b"\x0c")
                terminal.settle(0.5)
                assert terminal.cells() == shown, (keys, size)


def test_two_hundred_sizes_leave_a_correct_screen():
    sizes = random.Random(5)
    with Terminal(python("fake_app.py", "--ticks", "20")) as terminal:
        ready(terminal)
        for _ in range(200):
            terminal.resize(sizes.choice((1, 2, 19, 40, 80, 120, 300)), sizes.choice((1, 2, 9, 10, 24, 50, 100)))
            terminal.pump(0.02)
        terminal.resize(18, 6)
        assert terminal.until(lambda: terminal.shows("nftui needs 40x10") or terminal.shows("40x10"))
        terminal.resize(100, 30)
        assert terminal.until(lambda: terminal.shows(" 1 hosts "))
        shown, before = terminal.cells(), []
        for _ in range(20):  # until the last tick is shown
            terminal.settle(1.5)
            shown, before = terminal.cells(), shown
            if shown == before:
                break
        assert shown == before
        terminal.send(b"\x0c")
        terminal.settle(0.5)
        assert terminal.cells() == shown
        terminal.send(b"q")
        assert terminal.wait() == 0, terminal.last_words
