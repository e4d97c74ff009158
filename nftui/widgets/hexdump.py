"""Bytes for people: offset, hexadecimal digits, and the printable ones of ASCII. No byte reaches the terminal raw."""

from __future__ import annotations

from nftui.widgets.pager import Line

PER_LINE = 16
"""Bytes per line; half as many where the terminal is narrow."""
_FULL_WIDTH = 10 + 3 * PER_LINE + 1 + PER_LINE


def hexdump(data: bytes, width: int = 80) -> list[Line]:
    """Lines such as `0000  00 09 00 02 ...  ....`.

    Args:
        data: anything.
        width: cells of the terminal; 16 bytes a line take 76.
    """
    count = PER_LINE if width >= _FULL_WIDTH else PER_LINE // 2
    lines = []
    for offset in range(0, len(data), count):
        part = data[offset : offset + count]
        digits = " ".join(f"{byte:02x}" for byte in part)
        words = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        spans = ((f"{offset:04x}  ", "dim"), (f"{digits:<{3 * count}} ", "plain"), (words, "accent"))
        lines.append(Line(spans, rigid=True))  # type: ignore[arg-type]  # the roles are literals
    return lines
