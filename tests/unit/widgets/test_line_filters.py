"""Characters beyond ASCII have a likeness in it, where the screens use them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import Segment
from textual.color import Color

from nftui.widgets.line_filters import Ascii

PARTS = Path(__file__).parents[3] / "nftui"


def written(text: str) -> str:
    """A text as a terminal with `--ascii` gets it."""
    return "".join(segment.text for segment in Ascii().apply([Segment(text)], Color(0, 0, 0)))


def test_marks_of_tables_are_kept() -> None:
    assert written("Seen»  192.0.2.1…  ▲ grown") == "Seen>  192.0.2.1~  ^ grown"


@pytest.mark.parametrize("name", ["flow_table.py", "ribbon.py", "table_layout.py", "chooser.py", "timeline.py"])
def test_no_mark_of_a_widget_becomes_a_question_mark(name: str) -> None:
    source = (PARTS / "widgets" / name).read_text(encoding="utf-8")
    marks = sorted({character for character in source if not character.isascii()})
    assert "?" not in written("".join(marks)), marks
