"""The filter line: coloured and checked while it is typed, with what may follow in a list below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from nftui.errors import FilterError
from nftui.text import clean
from nftui.widgets.filter_input import MAX_LENGTH, FilterInput
from nftui.widgets.filter_offers import Offer, OfferList, Offers
from nftui.widgets.filter_past import FilterPast

_PROMPTS = {"edit": " filter ", "search": " earlier ", "name": " save as @"}
_NAME = re.compile(r"(?!include$)[\w.-]{1,64}")

Mode = Literal["edit", "search", "name"]


class Language(Protocol):
    """What the line must know of the filter language. Every answer comes at once."""

    def check(self, text: str) -> object:
        """Raises FilterError if the text is no filter."""
        ...

    def parts(self, text: str) -> Iterable[tuple[int, int, str]]:
        """Start, end and role of the parts of any text, for `FilterInput.colour`."""
        ...

    def explain(self, text: str) -> str:
        """What a valid filter lets through, in one line."""
        ...

    def offers(self, text: str, cursor: int) -> Offers:
        """What may stand at the cursor."""
        ...


class FilterBar(Vertical):
    """A one-line box, and below it what the filter means or what is wrong with it.

    While the text is valid it is applied as it is typed; while it is not, the last valid filter stays applied.
    Enter leaves the box, Esc clears it. Tab takes what the list offers, up and down choose in it; without a list
    they walk through earlier filters. Ctrl+R searches those, Ctrl+S gives the filter a name.
    """

    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; background: $surface; }
    FilterBar.-open { display: block; }
    FilterBar Horizontal { height: 1; }
    FilterBar .prompt { width: auto; color: $accent; text-style: bold; }
    FilterBar .below { height: 1; color: $text-muted; }
    FilterBar.-wrong .below { color: $error; }
    FilterBar.-loud .below { color: $warning; }
    FilterBar .note { width: auto; color: $text-muted; }
    """

    @dataclass
    class Applied(Message):
        """A valid filter to apply; empty for none."""

        text: str

    @dataclass
    class Closed(Message):
        """The user is done with the box."""

        cleared: bool

    @dataclass
    class Kept(Message):
        """A filter that is new among the earlier ones."""

        text: str

    @dataclass
    class Named(Message):
        """The user wants the filter saved under a name."""

        name: str
        text: str

    @dataclass
    class Wanted(Message):
        """Values of these sets of fields would be of use; `refresh_offers` when they are known."""

        fields: tuple[tuple[str, ...], ...]

    def __init__(self, language: Language, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._language = language
        self.past = FilterPast()
        self._mode: Mode = "edit"
        self._draft = ""
        self._applied = ""
        self._note = ""
        self._offers = Offers()
        self._said_of = ""
        self._wrong: FilterError | None = None
        self._quiet = ""
        """Text that was put into the box by a key: nothing is offered for it unasked."""

    def compose(self) -> ComposeResult:
        """Prompt, box, note, the line below and the list."""
        with Horizontal():
            yield Static(_PROMPTS["edit"], classes="prompt", markup=False)
            yield FilterInput(self._answer)
            yield Static("", classes="note", markup=False)
        yield Static("", classes="below", markup=False)
        yield OfferList()

    def on_mount(self) -> None:
        """No blinking: it would send bytes for nothing."""
        self.input.cursor_blink = False
        self.input.colour = self._language.parts

    @property
    def input(self) -> FilterInput:
        """The box."""
        return self.query_one(FilterInput)

    @property
    def list(self) -> OfferList:
        """What is offered."""
        return self.query_one(OfferList)

    @property
    def below(self) -> str:
        """The line under the box."""
        return str(self.query_one(".below", Static).content)

    @property
    def problem(self) -> str:
        """The line under the box when the text is no filter, else empty."""
        return self.below if self.has_class("-wrong") else ""

    def open(self, text: str) -> None:
        """Start editing the given filter."""
        self._applied = self._quiet = text
        self.past.rest()
        self.add_class("-open")
        self._enter("edit", text)
        # At once: `focus` waits for a message, and keys that are typed fast would go to the table until then.
        self.screen.set_focus(self.input)

    def close(self) -> None:
        """Leave the box and forget what was wrong in it."""
        self.list.close()
        self.remove_class("-open", "-wrong", "-loud")

    def set_note(self, text: str) -> None:
        """A short remark at the right, such as how many flows match."""
        if text != self._note:
            self._note = text
            self.query_one(".note", Static).update(clean(text) + " ")

    def say(self, text: str) -> None:
        """A remark below the box, until its text changes or Enter is pressed."""
        self._said_of = self.input.value
        self.set_class(False, "-wrong")
        self.set_class(True, "-loud")
        self._write(" " * len(_PROMPTS["edit"]) + clean(text))

    def remember(self, text: str) -> None:
        """Add a filter to the earlier ones, once."""
        if text and self.past.add(text):
            self.post_message(self.Kept(text))

    def refresh_offers(self) -> None:
        """More values are known than when the list was made."""
        if self.has_class("-open") and self._mode == "edit" and self.list.chosen < 0:
            self._show_offers(asked=self.list.is_open)

    # The box

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if not self.has_class("-open") or event.value != self.input.value:
            return
        if self._mode == "search":
            self._show_past()
        if self._mode != "edit":
            return
        text = event.value.strip()
        wrong = self._report(self._error(event.value))
        self._show_offers(asked=False)
        if not wrong and text != self._applied:
            self._applied = text
            self.post_message(self.Applied(text))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_class(False, "-loud")
        if self._mode == "name":
            self._give_name(event.value.strip())
        elif self._mode == "search" or self.list.chosen >= 0:
            self._take()
        elif not self._report(self._error(event.value)):
            self.remember(event.value.strip())
            self.post_message(self.Closed(cleared=False))

    @on(FilterInput.Cut)
    def _pasted_too_much(self, event: FilterInput.Cut) -> None:
        event.stop()
        self.say(f"{event.length:,} characters were pasted; a filter here has at most {MAX_LENGTH:,}, the rest is gone")

    @on(OfferList.Taken)
    def _clicked(self, event: OfferList.Taken) -> None:
        event.stop()
        self.list.chosen = event.index
        self._take()

    def _answer(self, key: str) -> None:
        if key == "take":
            self._take()
        elif key in {"up", "down"}:
            self._arrow(1 if key == "down" else -1)
        elif key == "leave":
            self._leave()
        elif key == "search" and self._mode != "name":
            self._search()
        elif key == "name" and self._mode == "edit":
            self._begin_naming()

    def _begin_naming(self) -> None:
        text = self.input.value
        if text.strip() and not self._report(self._error(text)):
            self._draft = text
            self._enter("name", "")

    def _enter(self, mode: Mode, text: str) -> None:
        self._mode = mode
        self.list.close()
        self.query_one(".prompt", Static).update(_PROMPTS[mode])
        self.input.colour = self._language.parts if mode == "edit" else None
        self.input.show(text)
        self._report(self._error(text) if mode == "edit" else None)

    def _leave(self) -> None:
        if self._mode != "edit":
            self._quiet = self._draft
            self._enter("edit", self._draft)
        elif self.list.chosen >= 0:
            self.list.close()
        else:
            self.post_message(self.Closed(cleared=True))

    # Offers

    def _show_offers(self, asked: bool) -> None:
        box = self.input
        self._offers = found = self._language.offers(box.value, box.cursor_position)
        if found.wanted:
            self.post_message(self.Wanted(found.wanted))
        if (found.eager and box.value != self._quiet) or asked:
            self.list.open(found.offers, len(_PROMPTS["edit"]) + found.start - round(box.scroll_offset.x))
            self.call_after_refresh(self._align)
        else:
            self.list.close()

    def _take(self) -> None:
        if self._mode == "name":
            return
        chosen = max(0, self.list.chosen)
        if self._mode == "search":
            text = self.list.offers[chosen].text if self.list.is_open else self._draft
            self._quiet = text
            self._enter("edit", text)
            return
        was_open = self.list.is_open
        if self.list.chosen < 0:
            self._show_offers(asked=True)  # the list may be older than the last key
        if not self.list.offers or (not was_open and len(self.list.offers) > 1):
            return
        box, found = self.input, self._offers
        text = self.list.offers[chosen].text
        before, behind = box.value[: found.start], box.value[found.end :]
        listed = before.rfind("[") > before.rfind("]")
        blank = "" if listed or behind[:1] in {" ", ")"} else " "
        box.value = before + text + blank + behind
        box.cursor_position = len(before + text) + (bool(blank) or behind[:1] == " ")

    def _arrow(self, step: int) -> None:
        if self._mode == "name":
            return
        if self.list.is_open and (step > 0 or self.list.chosen >= 0):
            self.list.choose(step)
        elif self._mode == "edit":
            self._quiet = self.past.step(step, self.input.value)
            self.list.close()
            self.input.show(self._quiet)

    # Earlier filters, names

    def _search(self) -> None:
        if self._mode == "search":
            self.list.choose(1)
            return
        self._draft = self.input.value
        self._enter("search", "")
        self._show_past()

    def _show_past(self) -> None:
        found = self.past.search(self.input.value)
        self.list.open([Offer(text) for text in found], len(_PROMPTS["search"]))
        self._write("" if found else "        no earlier filter has that in it")

    def _give_name(self, name: str) -> None:
        if _NAME.fullmatch(name):
            self.post_message(self.Named(name, self._draft.strip()))
            self._quiet = self._draft
            self._enter("edit", self._draft)
        else:
            self.say("a name has letters, digits, _, - and . only")

    # The line below

    def _error(self, text: str) -> FilterError | None:
        if not text.strip():
            return None
        try:
            self._language.check(text)
        except FilterError as error:
            return error
        return None

    def _report(self, error: FilterError | None) -> bool:
        if self.has_class("-loud") and self.input.value == self._said_of:
            return error is not None
        self.set_class(error is not None, "-wrong")
        self.set_class(False, "-loud")
        box = self.input
        self._wrong = error
        if error is not None:
            box.wrong = (error.position, error.position + error.length)
            self._align()
            self.call_after_refresh(self._align)
        else:
            box.wrong = (0, 0)
            meaning = self._language.explain(box.value) if self._mode == "edit" and box.value.strip() else ""
            self._write(" " * len(_PROMPTS["edit"]) + clean(meaning, 2 * MAX_LENGTH) if meaning else "")
        return error is not None

    def _align(self) -> None:
        """Put the carets and the list under their places; the box scrolls only when it is drawn."""
        left = len(_PROMPTS["edit"]) - round(self.input.scroll_offset.x)
        if self._wrong is not None and self.has_class("-wrong"):
            self._write(problem_line(self._wrong, left, max(10, self.size.width - 1)))
        if self._mode == "edit":
            self.list.place(left + self._offers.start)

    def _write(self, text: str) -> None:
        self.query_one(".below", Static).update(Text(text, no_wrap=True, overflow="ellipsis"))


def problem_line(error: FilterError, indent: int, width: int) -> str:
    """Carets under the wrong place, and beside them what is wrong, within `width` cells."""
    words = error.message
    if error.suggestion:
        words += f" - did you mean {error.suggestion}?"
    elif error.expected:
        words += f" - expected {', '.join(error.expected[:3])}"
    words = clean(words, 200)
    column = max(0, min(indent + error.position, width - 2))
    carets = "^" * max(1, min(error.length, width - column - 1))
    after = f"{' ' * column}{carets} {words}"
    if len(after) <= width:
        return after
    if len(words) + 1 <= column:
        return f"{' ' * (column - len(words) - 1)}{words} {carets}"
    room = max(8, width - column - len(carets) - 1)
    return f"{' ' * column}{carets} {words[: room - 1]}…"
