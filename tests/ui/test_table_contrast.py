"""Every text of a table and of the facets can be read, in every theme, also under the cursor: WCAG 2.1, level AA."""

from __future__ import annotations

import pytest
from test_themes import contrast
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES

from nftui.themes import DEFAULT_THEME, PALETTE, THEMES
from nftui.widgets.facets import Facet, FacetPane, FacetRow
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.table_layout import Column, TableData, plain_cell

ROLES = ("key", "number", "dim")
COLUMNS = tuple(Column(role, role, 8, plain_cell, role=role) for role in ROLES)
OTHER = [name for name in BUILTIN_THEMES if "ansi" not in name]
"""Textual's own themes, without those that leave the colours to the terminal."""


class Both(App[None]):
    """A table with a stale row, and facets."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return PALETTE

    def compose(self) -> ComposeResult:
        yield FlowTable(COLUMNS, id="table")
        yield FacetPane(id="facets")

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DEFAULT_THEME
        table = self.query_one(FlowTable)
        table.set_data(TableData([1, 2, 3], {role: ["aa", "bb", "cc"] for role in ROLES}, stale=[False, True, False]))
        table.set_sort("number", True)
        pane = self.query_one(FacetPane)
        pane.add_class("-open")
        pane.show([Facet("Ports", "port", (FacetRow("443", "1.2k", 0.5, "port 443"),), total=1)])


def faults(lines: list[Strip], least: float) -> list[tuple[float, str]]:
    """Texts that are hard to read, with their contrast."""
    found = []
    for line in lines:
        for segment in line:
            style = segment.style
            if any(map(str.isalnum, segment.text)) and style and style.color and style.bgcolor:
                text, ground = style.color.get_truecolor().hex, style.bgcolor.get_truecolor().hex
                if (ratio := contrast(text, ground)) < least:
                    found.append((round(ratio, 2), f"{segment.text.strip()} {text} on {ground}"))
    return found


def drawn(app: Both) -> list[Strip]:
    """All lines of both parts."""
    parts = app.query_one(FlowTable), app.query_one(FacetPane)
    return [part.render_line(y) for part in parts for y in range(part.size.height)]


@pytest.mark.parametrize("names", [[theme.name for theme in THEMES], OTHER], ids=["own", "of Textual"])
async def test_texts_of_tables_can_be_read_under_the_cursor_and_beside_it(names: list[str]):
    async with Both().run_test(size=(60, 20)) as pilot:
        app = pilot.app
        assert isinstance(app, Both)
        for name in names:
            app.theme = name
            for focused in ("#table", "#facets"):
                app.query_one(focused).focus()
                await pilot.pause()
                for key in ("right", "down", "left", "down"):  # the cursor on cells, on the stale row, on each part
                    await pilot.press(key)
                    least = 7.0 if name == "nftui-contrast" else 4.5
                    assert faults(drawn(app), least) == [], (name, focused, key)
