"""Whether the screen may send characters beyond ASCII, by the locale."""

from __future__ import annotations

import pytest

from nftui.cli.tui import speaks_unicode

NAMES = ("LC_ALL", "LC_CTYPE", "LANG", "TEXTUAL_DRIVER")


class Terminal:
    """What stands for the terminal."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding


@pytest.mark.parametrize(
    ("encoding", "locale", "unicode"),
    [
        ("utf-8", {"LANG": "de_DE.UTF-8"}, True),
        ("utf-8", {}, True),
        ("utf-8", {"LANG": "C.UTF-8"}, True),
        ("iso8859-1", {"LANG": "de_DE"}, False),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),  # Python has put LC_CTYPE there, PEP 538
        ("utf-8", {"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, True),
        ("utf-8", {"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, False),
        ("utf-8", {"LANG": "C", "LC_ALL": "de_DE.UTF-8"}, True),
        ("utf-8", {"LANG": "POSIX"}, False),
        ("iso8859-1", {"LANG": "C", "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}, True),
    ],
)
def test_the_locale_says_what_the_terminal_takes(
    monkeypatch: pytest.MonkeyPatch, encoding: str, locale: dict[str, str], unicode: bool
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.__stderr__", Terminal(encoding))
    assert speaks_unicode() is unicode
