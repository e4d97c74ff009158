"""Colours: a calm dark theme and a light one; Textual's own themes work too."""

from __future__ import annotations

from textual.theme import Theme

DEFAULT_THEME = "nftui-dark"

PALETTE: dict[str, str] = {
    "series-1": "#4c8bd6", "series-2": "#45a89a", "series-3": "#d9a441", "series-4": "#c9774f", "series-5": "#8d7bc4",
    "series-6": "#b4688f", "series-7": "#7f9a4a", "series-8": "#6f7d8c",
}  # fmt: skip
"""Series of charts: apart in lightness as well as in hue, so that colour-blind eyes tell them."""

THEMES: tuple[Theme, ...] = (
    Theme(
        "nftui-dark",
        primary="#4c8bd6", secondary="#45a89a", accent="#8fc1ff", warning="#e0af4f", error="#f0716b",
        success="#7fbf7f", foreground="#d3dae3", background="#10151b", surface="#151c24", panel="#1a232d",
        dark=True,
        variables={"text-muted": "#8593a3"},
    ),
    Theme(
        "nftui-light",
        primary="#2f6db5", secondary="#23796d", accent="#0b57a4", warning="#9a6700", error="#b3261e",
        success="#2e7d32", foreground="#1b2530", background="#fbfcfd", surface="#f1f4f7", panel="#e6ebf0",
        dark=False,
        variables={"text-muted": "#5a6875"},
    ),
)  # fmt: skip
