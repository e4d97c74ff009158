"""What sentences of the filter language mean, and what is said about wrong ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nftui.engine.limits import DEFAULT
from nftui.engine.query.parser import Surroundings, parse_filter
from nftui.engine.query.tree import Addresses, All, Always, Any, Bits, Match, Not, Numbers, Present, Text
from nftui.errors import FilterError
from nftui.text import parse_address


def numbers(name: str, *spans: tuple[int | None, int | None]) -> Numbers:
    return Numbers(name, spans)


TCP, UDP = numbers("proto", (6, 6)), numbers("proto", (17, 17))
PORT_53 = Any((numbers("src_port", (53, 53)), numbers("dst_port", (53, 53))))
HOST = (parse_address("10.0.0.1"),) * 2
TEN = (parse_address("10.0.0.0"), parse_address("10.255.255.255"))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", Always(True)),
        ("  # nothing but a comment\n", Always(True)),
        ("any", Always(True)),
        ("tcp", TCP),
        ("PROTO TCP", TCP),
        ("proto 6", TCP),
        ("tcp or udp", numbers("proto", (6, 6), (17, 17))),
        ("udp port 53", All((UDP, PORT_53))),
        ("udp and port domain", All((UDP, PORT_53))),
        ("src port 80", numbers("src_port", (80, 80))),
        ("dst port > 1023", numbers("dst_port", (1024, None))),
        ("dst port gt 1023", numbers("dst_port", (1024, None))),
        ("dst port >= 1024", numbers("dst_port", (1024, None))),
        ("dst port < 1024", numbers("dst_port", (None, 1023))),
        ("dst port 8000-8100", numbers("dst_port", (8000, 8100))),
        ("dst port in [443, 80 8000-8100]", numbers("dst_port", (80, 80), (443, 443), (8000, 8100))),
        ("dst port in [80 81 82]", numbers("dst_port", (80, 82))),
        ("src_port 80", numbers("src_port", (80, 80))),
        ("src and dst port 53", All((numbers("src_port", (53, 53)), numbers("dst_port", (53, 53))))),
        ("src or dst port 53", PORT_53),
        ("port != 53", Not(PORT_53)),
        ("port not in [53]", Not(PORT_53)),
        ("not not port 53", PORT_53),
        ("src ip 10.0.0.1", Addresses("src_addr", (HOST,))),
        ("src host 10.0.0.1", Addresses("src_addr", (HOST,))),
        ("ip 10.0.0.1", Any((Addresses("src_addr", (HOST,)), Addresses("dst_addr", (HOST,))))),
        ("src net 10/8", Addresses("src_addr", (TEN,))),
        ("src net 10.9.9.9/8", Addresses("src_addr", (TEN,))),
        ("src net 10.0.0.0 255.0.0.0", Addresses("src_addr", (TEN,))),
        ("src ip in [10.0.0.0/9,10.128.0.0/9]", Addresses("src_addr", (TEN,))),
        ("src ip [10/8]", Addresses("src_addr", (TEN,))),
        ("src in ip [10/8]", Addresses("src_addr", (TEN,))),
        ("src ip != 10.0.0.1", Not(Addresses("src_addr", (HOST,)))),
        ("src xip 10.0.0.1", Addresses("post_nat_src_addr", (HOST,))),
        ("src nat ip 10.0.0.1", Addresses("post_nat_src_addr", (HOST,))),
        ("bgpnext ip 10.0.0.1", Addresses("bgp_next_hop", (HOST,))),
        ("bgp next ip 10.0.0.1", Addresses("bgp_next_hop", (HOST,))),
        ("exporter ip 10.0.0.1", Addresses("sampler_address", (HOST,))),
        ("bytes > 1k", numbers("bytes", (1001, None))),
        ("bytes > 1.5M", numbers("bytes", (1_500_001, None))),
        ("bytes >= 10MiB", numbers("bytes", (10 << 20, None))),
        ("bytes 0x10", numbers("bytes", (16, 16))),
        ("packets = 1.5", Numbers("packets", ())),
        ("duration > 1s", numbers("duration", (1001, None))),
        ("duration 200", numbers("duration", (200, 200))),
        ("duration < 1.5m", numbers("duration", (None, 89_999))),
        ("flags SA", All((TCP, Bits("tcp_flags", 18, 18)))),
        ("flags = SA", All((TCP, Bits("tcp_flags", 255, 18)))),
        ("flags =S", All((TCP, Bits("tcp_flags", 255, 2)))),
        ("flags 18", numbers("tcp_flags", (18, 18))),
        ("in if 3", numbers("in_if", (3, 3))),
        ("in if eth0", Text("in_if_name", "eth0", Match.EQUAL)),
        ("user 'Bob*'", Text("username", "bob", Match.PREFIX)),
        ("mac 00:11:22:33:44:55 and in src mac 0011.2233.4455", None),
        ("in src mac 00-11-22-33-44-55", numbers("in_src_mac", (0x1122334455, 0x1122334455))),
        ("fwdstat forw", numbers("forwarding_status", (64, 127))),
        ("fwdstat noroute", numbers("forwarding_status", (131, 131))),
        ("nat event add", numbers("nat_event", (1, 1))),
        ("flowdir egress", numbers("direction", (1, 1))),
        ("mpls label2 100", numbers("mpls_2", (1600, 1615))),
        ("mpls exp1 3", Bits("mpls_1", 0xE, 6)),
        ("src_vlan defined", Present("src_vlan")),
        ("first seen >= 2026-01-01T10:00:00Z", numbers("time_flow_start_ms", (1_767_261_600_000, None))),
        ("last seen < '2026-01-01 10:00:00Z'", numbers("time_flow_end_ms", (None, 1_767_261_599_999))),
    ],
)  # fmt: skip
def test_meaning(text: str, meaning: object) -> None:
    parsed = parse_filter(text).tree
    if meaning is not None:
        assert parsed == meaning


def test_not_binds_before_and_before_or() -> None:
    assert parse_filter("not tcp and udp or port 53").tree == Any((All((Not(TCP), UDP)), *PORT_53.parts))
    assert parse_filter("! tcp && udp || port 53").tree == parse_filter("((not tcp) and udp) or port 53").tree


def test_a_long_chain_becomes_one_lookup_per_side() -> None:
    chain = " or ".join(f"ip 10.0.{i // 256}.{i % 256}" for i in range(2000))
    united = (parse_address("10.0.0.0"), parse_address("10.0.7.207"))
    assert parse_filter(chain).tree == Any((Addresses("src_addr", (united,)), Addresses("dst_addr", (united,))))


def test_a_filter_knows_the_fields_it_reads() -> None:
    assert parse_filter("bps > 1k and src ip 10.0.0.1").fields == (
        "bytes", "sampling_rate", "time_flow_start_ms", "time_flow_end_ms", "src_addr",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "position", "length", "words", "suggestion"),
    [
        ("prot tcp", 0, 4, "unknown word", "proto"),
        ("tcp nd udp", 4, 2, "unknown word", "and"),
        ("proto tcpp", 6, 4, "not a protocol", "tcp"),
        ("port htps", 5, 4, "not a port", "https"),
        ("src prt 5", 4, 3, "needs a word after it", "port"),
        ("src", 3, 1, "needs a word after it", None),
        ("bytes >", 7, 1, "the filter ends after `bytes`", None),
        ("bytes > big", 8, 3, "not a count", None),
        ("ip 10.0.0.300", 3, 10, "not an address", None),
        ("ip > 10.0.0.1", 5, 8, "not compared with >", None),
        ("net 10.0.0.0 255.0.255.0", 13, 11, "not a network mask", None),
        ("port in 80", 8, 2, "needs a list", None),
        ("port in [80 htp]", 12, 3, "not a port", "http"),
        ("port 90-80", 5, 5, "empty", None),
        ("(tcp", 0, 1, "not closed", None),
        ("tcp)", 3, 1, ") without (", None),
        ("tcp and", 7, 1, "the filter ends here", None),
        ("and tcp", 0, 3, "unknown word", None),
        ("port in [80", 8, 1, "not closed", None),
        ("user 'x", 5, 1, "not closed", None),
        ("bytes > 5 ; tcp", 10, 1, "unexpected character", None),
        ("src port 80 dst port 90", 12, 3, "cannot follow", None),
        ("ident x", 0, 5, "ident", None),
        ("geo CH", 0, 3, "no country", None),
        ("host www.example.com", 5, 15, "not looked up", None),
        ("@web", 0, 4, "no saved filter", None),
        ("fwdstat dropp", 8, 5, "not a state", "drop"),
        ("first seen > whenever", 13, 8, "not a time", None),
    ],
)
def test_an_error_names_the_place(text: str, position: int, length: int, words: str, suggestion: str | None) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    error = caught.value
    assert (error.position, error.length, error.text) == (position, length, text)
    assert words in error.message
    if suggestion is not None:
        assert error.suggestion == suggestion


def test_depth_and_size_are_bounded() -> None:
    deep = DEFAULT.filter_depth
    assert parse_filter("(" * deep + "tcp" + ")" * deep).tree == TCP
    with pytest.raises(FilterError, match="nested parentheses"):
        parse_filter("(" * (deep + 1) + "tcp" + ")" * (deep + 1))
    with pytest.raises(FilterError, match="longer than"):
        parse_filter("tcp " + " " * 50, Surroundings(limits=replace(DEFAULT, filter_bytes=50)))
    assert parse_filter("not " * 100_000 + "tcp").tree == TCP
    assert parse_filter(" and ".join(["tcp"] * 20_000)).tree == TCP


def test_saved_filters_and_files_are_parts_of_a_filter(tmp_path: Path) -> None:
    (tmp_path / "web").write_text("port 80 # plain\n or port 443")
    around = Surroundings(saved={"dns": "udp port 53"}, include=lambda name: (tmp_path / name).read_text())
    assert parse_filter("@dns", around).tree == parse_filter("udp port 53").tree
    assert parse_filter("not @include web and tcp", around).tree == parse_filter("not (port in [80 443]) and tcp").tree


def test_an_include_that_fails_or_loops_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").write_text("tcp or @include loop")
    around = Surroundings(include=lambda name: (tmp_path / name).read_text())
    with pytest.raises(FilterError, match="cannot read missing: No such file"):
        parse_filter("@include missing", around)
    with pytest.raises(FilterError, match="includes itself"):
        parse_filter("@include loop", around)
    with pytest.raises(FilterError, match="not read here"):
        parse_filter("@include loop")


def test_a_host_name_stands_for_all_its_addresses() -> None:
    known = {"gw": [parse_address("10.0.0.1"), parse_address("2001:db8::1")]}
    around = Surroundings(resolve=lambda name: known.get(name, []))
    assert parse_filter("src host gw", around).tree == parse_filter("src ip in [10.0.0.1 2001:db8::1]").tree
    with pytest.raises(FilterError, match="'nowhere' has no address"):
        parse_filter("src host nowhere", around)


def test_the_caret_stands_under_the_word() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("tcp and\nprt 80")
    assert caught.value.caret() == "prt 80\n^^^"
