"""Times under letters: where a jump leads, what a session keeps of them, and what it takes back."""

from __future__ import annotations

import json

import pytest

from nftui.engine.history.values import TimeRange
from nftui.screens.bookmarks import Bookmarks
from nftui.screens.column_choice import ColumnChoice, ColumnChoices
from nftui.screens.outlook import Outlook

STORE = "/var/lib/nftui"


def outlook(number: int) -> Outlook:
    return Outlook(60_000, TimeRange(0, 100_000), TimeRange(number * 1000, number * 1000 + 1000))


def test_bookmarks_and_the_place_of_the_last_jump():
    marks = Bookmarks()
    assert marks.jump(STORE, "a", outlook(5)) is None
    marks.set(STORE, "a", outlook(1))
    marks.set(STORE, "B", outlook(2))
    assert marks.jump(STORE, "a", outlook(5)) == outlook(1)
    assert marks.jump(STORE, "'", outlook(1)) == outlook(5)
    assert marks.jump(STORE, "'", outlook(5)) == outlook(1)
    assert sorted(marks.marks(STORE)) == ["'", "B", "a"]


def test_each_store_has_its_own():
    marks = Bookmarks()
    marks.set(STORE, "a", outlook(1))
    marks.set("/other", "a", outlook(2))
    assert marks.marks("/other") == {"a": outlook(2)}
    assert marks.jump("/third", "a", outlook(5)) is None


def test_what_a_session_keeps_comes_back():
    marks = Bookmarks()
    marks.set("", "x", outlook(9))  # before it was known which store it is
    marks.set(STORE, "a", outlook(1))
    marks.set("/other", "n", Outlook(30_000))
    marks.jump(STORE, "a", outlook(3))
    kept = json.loads(json.dumps(marks.kept(STORE)))
    assert list(kept) == ["/other", STORE], "the store of this session last"
    again = Bookmarks()
    again.recall(kept)
    assert again.marks(STORE) == {"a": Outlook(60_000, brush=outlook(1).brush, frame=outlook(1).frame)}
    assert again.marks("/other") == {"n": Outlook(30_000)}


@pytest.mark.parametrize(
    "value",
    [None, 7, [], [60_000], [60_000, [1, 2]], [0, None, None], [60_000, [2, 1], None], [60_000, [1, 2, 3], None],
     [60_000, [-5, 9], None], [60_000, ["1", "2"], None], [60_000, [True, 2], None], [60_000, None, [0, 1 << 60]],
     ["60000", None, None], [1e9, None, None]],
)  # fmt: skip
def test_what_is_no_bookmark_is_not_taken(value: object):
    marks = Bookmarks()
    marks.recall({STORE: {"a": value, "b": [60_000, None, None]}, "/x": value})
    assert marks.marks(STORE) == {"b": Outlook(60_000)}


def test_letters_alone_are_names():
    marks = Bookmarks()
    marks.recall({STORE: {name: [60_000, None, None] for name in ("", "ab", "'", "1", "\x1b", "Q")}})
    assert list(marks.marks(STORE)) == ["Q"]


def test_of_too_many_letters_the_earliest_are_forgotten():
    marks = Bookmarks()
    letters = [chr(code) for code in range(0x4E00, 0x4E00 + 100)]
    for number, letter in enumerate(letters):
        marks.set(STORE, letter, outlook(number))
    assert list(marks.marks(STORE)) == letters[40:]


def test_columns_come_back_with_their_widths():
    choices = ColumnChoices()
    choices.choose("host", ["addr", "rate"], {"addr": 33})
    choices.resize("flows", "src_addr", 20)
    again = ColumnChoices()
    again.recall(json.loads(json.dumps(choices.kept())))
    assert again.of("host") == ColumnChoice(("addr", "rate"), {"addr": 33})
    assert again.of("flows") == ColumnChoice((), {"src_addr": 20})


def test_what_is_no_choice_of_columns_is_not_taken():
    choices = ColumnChoices()
    choices.recall({"a": 1, "b": [1, 2], "c": [["x"], []], "d": [[1], {}], "e": [["x", "x"], {"x": 0, "y": 10**9}]})
    assert choices.by_view == {"e": ColumnChoice(("x",), {})}
