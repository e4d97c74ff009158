"""Make Textual's SVG exact for renderers that ignore `textLength`, such as librsvg.

Textual writes one `<text>` per run and stretches it to its cells; a renderer that does not stretch shifts whatever
follows. Here every character gets its own place, and block elements become rectangles that join without gaps.
"""

from __future__ import annotations

import html
import re

CELL_WIDTH = 12.2
LINE_HEIGHT = 24.4
FONT = "DejaVu Sans Mono"

_ASCENT = 18.5
_TEXT = re.compile(
    r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" clip-path="[^"]+">([^<]*)</text>'
)
_FILL = re.compile(r"\.(terminal-\d+-r\d+) \{ fill: (#[0-9a-fA-F]{6})")

Box = tuple[float, float, float, float]


def block(character: str) -> Box | None:
    """Part of its cell (x, y, width, height, each 0 to 1) that a block element fills; None for other characters."""
    code = ord(character)
    if 0x2581 <= code <= 0x2588:  # lower eighths
        part = (code - 0x2580) / 8
        return 0, 1 - part, 1, part
    if 0x2589 <= code <= 0x258F:  # left eighths
        return 0, 0, (0x2590 - code) / 8, 1
    return {"▐": (0.5, 0, 0.5, 1), "▀": (0, 0, 1, 0.5), "▔": (0, 0, 1, 0.125)}.get(character)  # type: ignore[return-value]


def exact(svg: str) -> str:
    """The same picture with one element per character."""
    fills = dict(_FILL.findall(svg))

    def replace(match: re.Match[str]) -> str:
        style, left, baseline, text = match.group(1), float(match.group(2)), float(match.group(3)), match.group(4)
        top = baseline - _ASCENT
        out = []
        for index, character in enumerate(html.unescape(text)):
            if character in "\xa0 ":
                continue
            x = left + index * CELL_WIDTH
            box = block(character)
            if box is None:
                out.append(f'<text class="{style}" x="{x:.2f}" y="{baseline}">{html.escape(character)}</text>')
                continue
            out.append(
                f'<rect fill="{fills.get(style, "#fff")}" shape-rendering="crispEdges" '
                f'x="{x + box[0] * CELL_WIDTH:.2f}" y="{top + box[1] * LINE_HEIGHT:.2f}" '
                f'width="{box[2] * CELL_WIDTH + 0.3:.2f}" height="{box[3] * LINE_HEIGHT + 0.2:.2f}"/>'
            )
        return "".join(out)

    return _TEXT.sub(replace, svg.replace("Fira Code", FONT))
