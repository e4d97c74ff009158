"""Last checks of every line before it goes to the terminal."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from nftui.text import clean


class Harmless(LineFilter):
    """Removes control characters that came this far.

    Texts from the network are cleaned when they are decoded and again by the widgets; this is the net below
    both: Textual itself lets ESC and the C1 controls through to the terminal.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The segments with harmless text."""
        if all(text.isprintable() for text, _, control in segments if not control):
            return segments
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(_printable(segment.text), segment.style)
            for segment in segments
        ]


def _printable(text: str) -> str:
    return "".join(clean(character) or "\ufffd" if character != " " else character for character in text)


class Colourless(LineFilter):
    """Removes every colour and keeps bold, dim, underline and reverse: what `NO_COLOR` asks for.

    Textual's own filter for `NO_COLOR` turns colours into shades of grey, which are colours to the terminal.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The segments without colour."""
        return [Segment(text, _attributes(style) if style else None, control) for text, style, control in segments]


class Ascii(LineFilter):
    """Replaces every character beyond ASCII: for terminals and fonts that have no others.

    Widgets draw their charts with letters when they are told to; this is for all that is left: frames, arrows, marks
    and names from the network. A character keeps its width.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The segments in ASCII."""
        if all(text.isascii() for text, _, control in segments if not control):
            return segments
        return [
            segment if segment.control or segment.text.isascii() else Segment(_ascii(segment.text), segment.style)
            for segment in segments
        ]


_LOOKALIKES = str.maketrans({
    **dict.fromkeys("─━╌┄╸╺╴╶▁▔", "-"), **dict.fromkeys("│┃┆╎▏▐▌▕▎", "|"), **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛", "+"),
    **dict.fromkeys("■█▇▆▓▒◆●▪", "#"), **dict.fromkeys("▂▃▄▅░", "="), **dict.fromkeys("·•∙", "."),
    "↑": "^", "↓": "v", "←": "<", "→": ">", "▲": "^", "▼": "v", "◀": "<", "▶": ">", "…": "~", "Δ": "d", "\u00d7": "x",
    "»": ">", "«": "<", "\u2013": "-", "—": "-", "≥": ">", "≤": "<",
    "µ": "u", "°": "o", "\u2019": "'", "\u2018": "'", "“": '"', "”": '"', "\u00a0": " ",
})  # fmt: skip


@lru_cache(maxsize=4096)
def _ascii(text: str) -> str:
    return "".join(c if c.isascii() else "?" * cell_len(c) for c in text.translate(_LOOKALIKES))


@lru_cache(maxsize=1024)
def _attributes(style: Style) -> Style:
    return Style(
        bold=style.bold, dim=style.dim, italic=style.italic, underline=style.underline, reverse=style.reverse,
        meta=style.meta or None,
    )  # fmt: skip
