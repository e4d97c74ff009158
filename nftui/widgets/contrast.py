"""Contrast of a text with its ground, by the relative luminance of WCAG 2.1."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import BLACK, WHITE, Color

LEAST = 4.5
"""Ratio from which WCAG 2.1 calls normal text readable (success criterion 1.4.3, level AA)."""

_STEPS = 20


def contrast(one: Color, other: Color) -> float:
    """Ratio of the luminances, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 255 for part in color.rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@lru_cache(maxsize=256)
def readable(style: Style) -> Style:
    """The style with its text made lighter or darker until it has `LEAST`; a terminal's own colours stay."""
    if style.color is None or style.bgcolor is None or style.color.is_default or style.bgcolor.is_default:
        return style
    if style.color.triplet is None or style.bgcolor.triplet is None:
        return style
    text, ground = Color(*style.color.triplet), Color(*style.bgcolor.triplet)
    end = max(WHITE, BLACK, key=lambda color: contrast(color, ground))
    for step in range(_STEPS + 1):
        better = text.blend(end, step / _STEPS)
        if contrast(better, ground) >= LEAST:
            return style + Style(color=RichColor.from_rgb(*better.rgb)) if step else style
    return style
