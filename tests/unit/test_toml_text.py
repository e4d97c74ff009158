"""TOML of any content is a document or an error of one line."""

from __future__ import annotations

import pytest

from nftui.errors import ConfigError
from nftui.toml_text import parse_toml


def test_a_document() -> None:
    assert parse_toml('[ui]\ntheme = "é"\n'.encode(), "x") == {"ui": {"theme": "é"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"web", r"^x: not TOML: Expected '=' after a key"),
        (b"web = '\xff'", r"^x: not TOML: 'utf-8' codec can't decode byte 0xff in position 7"),
        (b"web = " + b"9" * 5000, r"^x: not TOML: .*5000 digits"),
        (b"web = " + b"[" * 5000, r"^x: not TOML: nested too deep$"),
    ],
    ids=["no-value", "no-utf8", "digits", "nested"],
)
def test_what_is_none(text: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_toml(text, "x")
