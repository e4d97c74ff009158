"""Contrast of the themes' texts, by WCAG 2.1's formula."""

from __future__ import annotations

from itertools import pairwise

import pytest
from textual.color import Color
from textual.theme import Theme

from nftui.themes import PALETTE, THEMES


def contrast(one: str, other: str) -> float:
    """Ratio of luminances, 1 to 21."""

    def luminance(text: str) -> float:
        parts = [part / 255 for part in Color.parse(text).rgb]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_texts_can_be_read_on_every_ground(theme: Theme):
    least = 7.0 if theme.name == "nftui-contrast" else 4.5
    texts = [theme.foreground, theme.accent, theme.warning, theme.error, theme.variables["text-muted"]]
    for ground in (theme.background, theme.surface, theme.panel):
        for text in texts:
            assert contrast(str(text), str(ground)) >= least, (theme.name, text, ground)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_series_of_charts_differ_from_the_ground_and_their_neighbours(theme: Theme):
    palette = PALETTE | theme.variables
    series = [palette[f"series-{number}"] for number in range(1, 9)]
    for colour in series:
        assert contrast(colour, str(theme.background)) >= 1.8, (theme.name, colour)
    for one, other in pairwise(series):
        assert one != other
