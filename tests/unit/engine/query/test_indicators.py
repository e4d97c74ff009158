"""Lists of indicators: spellings, csv, comments, lines that cannot be used."""

from __future__ import annotations

import pytest

from nftui.engine.limits import DEFAULT
from nftui.engine.query.indicators import IndicatorList, parse_indicator


def listed(text: str) -> tuple[list[tuple[str, str]], list[tuple[int, str]]]:
    """Indicators with their labels, and bad lines."""
    found = IndicatorList()
    found.add("list", text.splitlines())
    return [(e.indicator.text, e.label) for e in found.entries], [(b.line, b.reason) for b in found.bad]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("198.51.100.9/24", "198.51.100.0/24"),
        ("198.51.100.0/255.255.255.0", "198.51.100.0/24"),
        ("198.51.100.8-198.51.100.11", "198.51.100.8/30"),
        ("198.51.100.9-198.51.100.11", "198.51.100.9-198.51.100.11"),
        ("2001:DB8::7", "2001:db8::7"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("203.0.113.7:443", "203.0.113.7:443"),
        ("203.0.113.7:443/TCP", "203.0.113.7:443/tcp"),
        ("[2001:db8::7]:443", "[2001:db8::7]:443"),
        ("tcp/4444", "tcp/4444"),
        ("4444/udp", "udp/4444"),
        ("port 4444", "port 4444"),
        ("udp port 53", "udp/53"),
        ("TCP:4444", "tcp/4444"),
        ("203[.]0[.]113[.]7", "203.0.113.7"),
        ("203(.)0[dot]113{.}7", "203.0.113.7"),
        ("203\\.0\\.113\\.7", "203.0.113.7"),
        ("hxxp://203[.]0[.]113[.]7/gate.php?x=1", "203.0.113.7"),
        ("hxxps[://]203.0.113.7:8443/x", "203.0.113.7:8443"),
        ("2001[:]db8[:][:]7", "2001:db8::7"),
        ("http://user:secret@203.0.113.7/", "203.0.113.7"),
        ("http://[2001:db8::7]:8080/", "[2001:db8::7]:8080"),
        ("203.0.113.7.", "203.0.113.7"),
        ("HXXP[:]//203.0.113.7", "203.0.113.7"),
    ],
)
def test_spellings(text: str, meaning: str) -> None:
    indicator = parse_indicator(text)
    assert indicator is not None
    assert indicator.text == meaning


@pytest.mark.parametrize(
    "text",
    ["", "10/8", "10.1/16", "4444", "example.org", "203.0.113.256", "203.0.113.7/33", "203.0.113.7:0", "port 65536",
     "tcp/4444/udp", "2001:db8::/129", "198.51.100.9-198.51.100.1", "198.51.100.0/24:80", "12:30", "2026-01-01",
     "d41d8cd98f00b204e9800998ecf8427e", "fe80::1%eth0", "\x1b[31m203.0.113.7", "\uff11.2.3.4"],
)  # fmt: skip
def test_what_is_no_indicator(text: str) -> None:
    assert parse_indicator(text) is None


def test_a_plain_list_has_comments_and_labels() -> None:
    entries, bad = listed(
        "# bad hosts\n; more\n// and more\n\n203.0.113.7 # C2 of x\n198.51.100.0/24 ; SBL1\nport 4444 shell\n"
        "tcp port 31337  back door\n2001:db8::1\n"
    )
    assert entries == [
        ("203.0.113.7", "C2 of x"), ("198.51.100.0/24", "SBL1"), ("port 4444", "shell"), ("tcp/31337", "back door"),
        ("2001:db8::1", ""),
    ]  # fmt: skip
    assert bad == []


def test_csv_finds_the_column_with_indicators_and_the_label() -> None:
    entries, bad = listed(
        '# feed\n"first_seen","dst_ip","dst_port","malware"\n"2026-01-01 10:00:00","203.0.113.7","443","Emotet, new"\n'
        '"2026-01-02 10:00:00","198.51.100.9","8080","QakBot"\n"2026-01-02 10:00:00","","8080","Other"\n'
    )
    assert entries == [("203.0.113.7", "Emotet, new"), ("198.51.100.9", "QakBot")]
    assert [line for line, _ in bad] == [5]


def test_csv_without_header_takes_the_first_words_as_label() -> None:
    assert listed("203.0.113.7;80;scanner\n203.0.113.8;81;bot\n")[0] == [
        ("203.0.113.7", "scanner"), ("203.0.113.8", "bot"),
    ]  # fmt: skip


def test_commas_in_comments_make_no_csv() -> None:
    assert listed("203.0.113.7 # a, b; c\n203.0.113.8 # d, e\n")[0] == [
        ("203.0.113.7", "a, b; c"), ("203.0.113.8", "d, e"),
    ]  # fmt: skip


def test_spamhaus_drop_is_csv_with_semicolons() -> None:
    assert listed("; Spamhaus DROP\n1.10.16.0/20 ; SBL256894\n1.19.0.0/16 ; SBL434604\n") == (
        [("1.10.16.0/20", "SBL256894"), ("1.19.0.0/16", "SBL434604")], [],
    )  # fmt: skip


def test_a_header_of_one_word_is_no_bad_line() -> None:
    assert listed("indicator\n203.0.113.7\n") == ([("203.0.113.7", "")], [])


def test_a_mark_of_byte_order_is_no_part_of_the_first_line() -> None:
    assert listed("\ufeff203.0.113.7\n")[0] == [("203.0.113.7", "")]


def test_bad_lines_are_named_with_their_reason_and_the_rest_is_used() -> None:
    entries, bad = listed("203.0.113.7\nevil.example\n4444\n203.0.113.999\n203.0.113.8\n")
    assert [text for text, _ in entries] == ["203.0.113.7", "203.0.113.8"]
    assert bad == [
        (2, "'evil.example' is a name: flows have addresses only"),
        (3, "'4444' is a number alone: write port 4444 for a port"),
        (4, "'203.0.113.999' is no address, network or port"),
    ]


def test_a_quote_without_its_partner_costs_one_line() -> None:
    entries, bad = listed('203.0.113.7,a\n"203.0.113.8,b\n203.0.113.9,c\n')
    assert entries == [("203.0.113.7", "a"), ("203.0.113.9", "c")]
    assert [line for line, _ in bad] == [2]


def test_labels_and_reasons_lose_control_characters() -> None:
    entries, bad = listed("203.0.113.7 # \x1b[31mred\u202e\n\x1b]0;title\x07x\n")
    assert entries == [("203.0.113.7", "[31mred")]
    assert len(bad) == 1
    assert "\x1b" not in bad[0][1]


def test_an_indicator_counts_once() -> None:
    found = IndicatorList()
    found.add("one", ["203.0.113.7 # first", "198.51.100.1/24"])
    found.add("two", ["203[.]0.113.7 # second", "198.51.100.0/24", "203.0.113.8"])
    assert [(e.indicator.text, e.label, e.file, e.line) for e in found.entries] == [
        ("203.0.113.7", "first", "one", 1), ("198.51.100.0/24", "", "one", 2), ("203.0.113.8", "", "two", 3),
    ]  # fmt: skip
    assert found.repeated == 2


def test_a_line_that_is_too_long_is_bad() -> None:
    assert listed("203.0.113.7\n203.0.113.8 " + "x" * DEFAULT.indicator_line_characters)[1] == [
        (2, f"longer than {DEFAULT.indicator_line_characters} characters")
    ]
