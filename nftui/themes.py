"""Colours: calm dark and light themes, one without colours, one of high contrast; Textual's own themes work too."""

from __future__ import annotations

from textual.theme import Theme

DEFAULT_THEME = "nftui-dark"

PALETTE: dict[str, str] = {
    "series-1": "#4c8bd6", "series-2": "#45a89a", "series-3": "#d9a441", "series-4": "#c9774f", "series-5": "#8d7bc4",
    "series-6": "#b4688f", "series-7": "#7f9a4a", "series-8": "#6f7d8c",
}  # fmt: skip
"""Series of charts: apart in lightness as well as in hue, so that colour-blind eyes tell them."""

_GREYS = {
    "series-1": "#e6e6e6", "series-2": "#8a8a8a", "series-3": "#c4c4c4", "series-4": "#5e5e5e", "series-5": "#a8a8a8",
    "series-6": "#747474", "series-7": "#d6d6d6", "series-8": "#4a4a4a",
}  # fmt: skip
_VIVID = {
    "series-1": "#3fa9ff", "series-2": "#ffe14d", "series-3": "#ff7ac8", "series-4": "#5dff9b", "series-5": "#ffffff",
    "series-6": "#ff9340", "series-7": "#b69cff", "series-8": "#b8b8b8",
}  # fmt: skip

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
        primary="#2f6db5", secondary="#23796d", accent="#0b57a4", warning="#855900", error="#b3261e",
        success="#2a742e", foreground="#1b2530", background="#fbfcfd", surface="#f1f4f7", panel="#e6ebf0",
        dark=False,
        variables={"text-muted": "#5a6875"},
    ),
    Theme(
        "nftui-mono",
        primary="#9a9a9a", secondary="#b0b0b0", accent="#ffffff", warning="#e4e4e4", error="#ffffff",
        success="#c8c8c8", foreground="#d8d8d8", background="#101010", surface="#181818", panel="#222222",
        dark=True,
        variables={"text-muted": "#949494", "input-selection-background": "#9a9a9a 35%", **_GREYS},
    ),
    Theme(
        "nftui-contrast",
        primary="#2f9dff", secondary="#5dff9b", accent="#ffe14d", warning="#ffb000", error="#ff8080",
        success="#5dff9b", foreground="#ffffff", background="#000000", surface="#000000", panel="#1c1c1c",
        dark=True,
        variables={"text-muted": "#dcdcdc", **_VIVID},
    ),
)  # fmt: skip
