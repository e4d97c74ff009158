"""What is offered while a filter is typed."""

from __future__ import annotations

import pytest

from nftui.engine.query.complete import complete

SEEN = {("src_addr",): ["10.0.0.7", "10.0.0.9"], ("src_port", "dst_port"): ["443", "53"]}


def offered(text: str) -> tuple[str, ...]:
    return complete(text, len(text), lambda fields: SEEN.get(fields, ())).candidates


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("", ["src", "dst", "proto", "not", "tcp"]),
        ("sr", ["src"]),
        ("src ", ["ip", "port", "net", "as"]),
        ("src p", ["port"]),
        ("proto u", ["udp"]),
        ("port ht", ["http", "https"]),
        ("port ", ["443", "53", "ssh"]),
        ("src ip 10.0", ["10.0.0.7", "10.0.0.9"]),
        ("tcp and src ip = 10.", ["10.0.0.7"]),
        ("tcp and (dst port 80 or ", ["src", "tcp"]),
        ("tcp ", ["and", "or", "port"]),
        ("src port 80 ", ["and", "or"]),
        ("bytes > 10k a", ["and"]),
        ("fwdstat dr", ["drop", "dropped"]),
        ("observation ", ["domain", "point"]),
    ],
)
def test_what_may_follow_is_offered(text: str, some: list[str]) -> None:
    assert set(some) <= set(offered(text))


def test_what_may_not_follow_is_not_offered() -> None:
    assert offered("src port 80 ") == ("and", "or")
    assert "and" not in offered("")
    assert "tcp" not in offered("src ")
    assert offered("port in [80 4") == ()
    assert offered("user 'al") == ()
    assert offered("zzz") == ()


def test_the_word_at_the_cursor_is_replaced() -> None:
    found = complete("tcp and src po 80", len("tcp and src po"))
    assert found.start == len("tcp and src ")
    assert found.candidates == ("port",)
