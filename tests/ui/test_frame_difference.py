"""Frames turned into each other by differences show, in a terminal, what they would show when painted whole."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from nftui.widgets.frame_diff import Painted, cells_of, changed_runs

WIDTH, HEIGHT = 24, 4
STYLES = [Style.parse(text) for text in ("white on black", "bold red on black", "reverse", "blue on #112233", "dim")]
WIDE = "字"

segment = st.tuples(st.sampled_from(["a", "bc", "   ", "0123", WIDE, "█▄", "é"]), st.sampled_from(STYLES))
line = st.lists(segment, min_size=1, max_size=10)
frame = st.lists(line, min_size=HEIGHT, max_size=HEIGHT)


def strips(drawn: list[list[tuple[str, Style]]]) -> list[Strip]:
    return [
        Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(WIDTH, STYLES[0]) for parts in drawn
    ]


def cells(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [
        [(c.data, c.fg, c.bg, c.bold, c.reverse) for c in (screen.buffer[y][x] for x in range(WIDTH))]
        for y in range(HEIGHT)
    ]


def terminal() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    return screen, pyte.Stream(screen)


@settings(max_examples=150, deadline=None)
@given(st.lists(frame, min_size=2, max_size=4))
def test_differences_add_up_to_the_last_frame(frames: list[list[list[tuple[str, Style]]]]):
    shown, stream = terminal()
    painted = Painted()
    for drawn in frames:
        stream.feed(painted.difference(strips(drawn), ColorSystem.TRUECOLOR))
    whole, whole_stream = terminal()
    whole_stream.feed(Painted().difference(strips(frames[-1]), ColorSystem.TRUECOLOR))
    assert cells(shown) == cells(whole)


def test_equal_frames_send_nothing():
    painted = Painted()
    drawn = strips([[("abc", STYLES[0])]] * HEIGHT)
    assert painted.difference(drawn, ColorSystem.TRUECOLOR)
    assert painted.difference(drawn, ColorSystem.TRUECOLOR) == ""


def test_one_changed_cell_costs_a_move_a_look_and_a_letter():
    painted = Painted()
    painted.difference(strips([[("abcdef", STYLES[0])]] * HEIGHT), ColorSystem.TRUECOLOR)
    after = strips([[("abcdef", STYLES[0])], [("abXdef", STYLES[0])], *[[("abcdef", STYLES[0])]] * 2])
    assert painted.difference(after, ColorSystem.TRUECOLOR) == "\x1b[2;3H\x1b[37;40mX\x1b[0m"


def test_line_that_moves_left_is_moved_by_the_terminal():
    painted = Painted()
    before = "0123456789abcdefghijklmn"
    painted.difference(strips([[(before, STYLES[0])]] * HEIGHT), ColorSystem.TRUECOLOR)
    moved = strips([[(before[:4] + before[5:] + "z", STYLES[0])], *[[(before, STYLES[0])]] * 3])
    output = painted.difference(moved, ColorSystem.TRUECOLOR)
    assert "\x1b[P" in output
    assert len(output) < 50


def test_runs_do_not_cut_wide_characters():
    old = cells_of(Strip([Segment(f"a{WIDE}bcdefgh", STYLES[0])]))
    new = cells_of(Strip([Segment("axybcdefgh", STYLES[0])]))
    assert changed_runs(old, new) == [(1, 3)]
    assert changed_runs(new, old) == [(1, 3)]
