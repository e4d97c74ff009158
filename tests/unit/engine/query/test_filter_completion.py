"""What is offered while a filter is typed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from plain_flows import flow_file

from nftui.engine.query.complete import complete
from nftui.engine.query.seen import SeenValues
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources

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
        ("port in [80 4", ["443"]),
        ("port not in [", ["443", "53"]),
    ],
)
def test_what_may_follow_is_offered(text: str, some: list[str]) -> None:
    assert set(some) <= set(offered(text))


def test_what_may_not_follow_is_not_offered() -> None:
    assert offered("src port 80 ") == ("and", "or")
    assert offered("proto tcp ") == ("and", "or")
    assert "and" not in offered("")
    assert "tcp" not in offered("src ")
    assert offered("port [80 4") == ()
    assert offered("user 'al") == ()
    assert offered("zzz") == ()


def test_the_word_at_the_cursor_is_replaced() -> None:
    found = complete("tcp and src po 80", len("tcp and src po"))
    assert found.start == len("tcp and src ")
    assert found.candidates == ("port",)


def test_saved_filters_are_offered_by_name() -> None:
    assert complete("tcp and @w", 10, saved=["web", "west", "dns"]).candidates == ("@web", "@west")
    assert complete("@", 1, saved=["web"]).candidates == ("@include", "@web")


def test_values_come_from_the_data_most_frequent_first(tmp_path: Path) -> None:
    rows: list[dict[str, int | str | None]] = [
        {
            "src_addr": "10.0.0.7",
            "dst_port": 443,
            "sampler_address": "192.0.2.1",
            "username": "ann b",
            "in_src_mac": 17,
        },
        {"src_addr": "10.0.0.7", "dst_port": 53, "sampler_address": "192.0.2.1", "proto": 17, "username": "bob"},
        {
            "src_addr": "10.0.0.9",
            "dst_port": 443,
            "sampler_address": "2001:db8::1",
            "username": None,
            "direction": 1,
            "in_if": 3,
            "in_if_name": "Gi0/1",
        },
    ]
    with closing(Session(find_sources([str(flow_file(tmp_path / "f.parquet", rows))]))) as session:
        seen = SeenValues(session)
        assert complete("src ip 10.0", 11, seen).candidates == ("10.0.0.7", "10.0.0.9")
        assert complete("exporter ip ", 12, seen).candidates == ("192.0.2.1", "2001:db8::1")
        assert complete("dst port ", 9, seen).candidates[:2] == ("443", "53")
        assert complete("proto ", 6, seen).candidates[:2] == ("tcp", "udp")
        assert complete("user ", 5, seen).candidates == ('"ann b"', "bob")
        assert complete("in src mac ", 11, seen).candidates == ("00:00:00:00:00:11",)
        assert complete("in if ", 6, seen).candidates[:2] == ("Gi0/1", "3")
        assert "egress" in complete("flowdir e", 9, seen).candidates
        assert seen(("bytes",)) == seen(("duration",)) == []
        session.interrupt()  # every field is asked for once
        assert seen(("src_addr",)) == ["10.0.0.7", "10.0.0.9"]
