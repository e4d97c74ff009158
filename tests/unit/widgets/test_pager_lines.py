"""Lines for the pager: wrapped without a loss, hexdumps without a raw byte, bars that show what is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nftui.widgets.hexdump import hexdump
from nftui.widgets.minute_bars import bars, squeeze
from nftui.widgets.pager import Line, field, plain, wrap

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, categories=["L", "N", "P", "S"]) | st.just(" "))


@given(st.lists(st.tuples(TEXT, st.sampled_from(["plain", "dim", "bad"])), max_size=6), st.integers(12, 60))
def test_wrapping_keeps_every_character_and_its_colour(spans: list[tuple[str, str]], width: int) -> None:
    line = Line(tuple(spans), indent=3)  # type: ignore[arg-type]
    pieces = wrap(line, width)
    assert all(cell_len("".join(text for text, _ in piece)) <= width for piece in pieces)
    first, *others = pieces
    letters = [(letter, role) for text, role in first for letter in text if letter.strip()]
    letters += [(letter, role) for piece in others for text, role in piece for letter in text if letter.strip()]
    assert letters == [(letter, role) for text, role in spans for letter in text if letter.strip()]


def test_what_does_not_fit_stands_under_the_value() -> None:
    pieces = wrap(field("name", "one two three four", width=6), 16)
    assert ["".join(text for text, _ in piece).rstrip() for piece in pieces] == [
        "name   one two",
        "       three",
        "       four",
    ]


def test_control_characters_do_not_pass() -> None:
    (piece,) = wrap(plain("a\x1b[2Jb\x07\u202ec"), 40)
    assert piece == (("a[2Jbc", "plain"),)


def test_rigid_lines_stay_one() -> None:
    assert len(wrap(Line((("x" * 500, "plain"),), rigid=True), 20)) == 1


@given(st.binary(max_size=200), st.integers(20, 200))
def test_a_hexdump_is_all_of_the_bytes_and_nothing_raw(data: bytes, width: int) -> None:
    lines = hexdump(data, width)
    digits = "".join(line.spans[1][0] for line in lines)
    assert bytes.fromhex(digits) == data
    assert all(line.text.isascii() and line.text.isprintable() for line in lines)
    assert [int(line.spans[0][0], 16) for line in lines] == list(range(0, len(data), 16 if width >= 75 else 8))


def test_a_hexdump_as_people_know_it() -> None:
    (line,) = hexdump(b"\x00\x09GET \x1b[2J\xff")
    assert line.text == "0000  00 09 47 45 54 20 1b 5b 32 4a ff                 ..GET .[2J."


@given(st.lists(st.integers(0, 1000), max_size=200), st.integers(1, 130))
def test_bars_lose_nothing_and_show_everything(amounts: list[int], cells: int) -> None:
    groups = squeeze(amounts, cells)
    assert sum(groups) == sum(amounts)
    assert len(groups) <= cells
    drawn = bars(amounts, cells)
    assert [char != " " for char in drawn] == [group > 0 for group in groups]
    assert bars(amounts, cells, ascii_only=True).isascii()


def test_heights_are_shares_of_the_largest() -> None:
    assert bars([0, 1, 50, 100], 10) == " ▁▄█"
    assert bars([0, 1, 50, 100], 10, ascii_only=True) == " .=#"
    assert squeeze([1, 2, 3, 4, 5], 3) == [1, 5, 9], "groups are counted from the latest"
