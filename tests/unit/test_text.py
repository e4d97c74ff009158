"""What nftui.text promises: harmless strings, and values written as nfdump's users read them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftui import text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"GigabitEthernet0/0\x00\x00\x00", "GigabitEthernet0/0"),
        (b"\x1b]0;PWNED\x07eth0", "]0;PWNEDeth0"),
        (b"\x1b[2Jeth0", "[2Jeth0"),
        (b"a\xc2\x9bb", "ab"),
        ("\u202eevil".encode(), "evil"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("naïve".encode(), "naïve"),
        (b"", ""),
        (b"[red]not markup[/]", "[red]not markup[/]"),
    ],
)
def test_clean_removes_what_could_act_on_a_terminal(raw: bytes, expected: str) -> None:
    assert text.clean(raw) == expected


def test_clean_keeps_no_control_character_of_the_whole_basic_plane() -> None:
    everything = "".join(chr(c) for c in range(0x10000))
    kept = text.clean(everything, limit=0x10000)
    assert not [c for c in kept if unicodedata.category(c) in {"Cc", "Cs"} or c in "\u202a\u202e\u2066\u2069\u2028"]
    assert "A" in kept
    assert "é" in kept


def test_clean_cuts_to_the_limit() -> None:
    assert text.clean("x" * 300) == "x" * 255
    assert text.clean("x" * 300, limit=3) == "xxx"


@given(st.binary())
def test_cleaning_twice_changes_nothing(raw: bytes) -> None:
    once = text.clean(raw)
    assert text.clean(once.encode()) == once


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0xFFFF0A000001, "10.0.0.1"),
        (0, "::"),
        (1, "::1"),
        (0x20010DB8 << 96 | 5, "2001:db8::5"),
    ],
)
def test_address(value: int, expected: str) -> None:
    assert text.address(value) == expected
    assert text.parse_address(expected) == value


def test_parse_address_refuses_what_is_none() -> None:
    for wrong in ("10.0.0", "10.0.0.256", "fe80::1%eth0", "host"):
        with pytest.raises(ValueError, match=r".+"):
            text.parse_address(wrong)


def test_long_addresses_are_condensed_as_nfdump_does() -> None:
    assert text.short_address("2001:db8:1234:5678:9abc:def0:1:2") == "2001:db..ef0:1:2"
    assert text.short_address("192.168.100.100") == "192.168.100.100"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (999_999, "999999"),
        (1_000_000, "1.0 M"),
        (12_345_678, "12.3 M"),
        (3_000_000_000, "3.0 G"),
        (2e12, "2.0 T"),
    ],
)
def test_scaled_counters(value: float, expected: str) -> None:
    assert text.scaled(value) == expected
    assert text.scaled(value, plain=True) == str(int(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.4, "0.4"), (999, "999"), (1000, "1.00k"), (12_345, "12.3k"), (999_999, "1.00M"), (1.5e9, "1.50G")],
)
def test_compact_rates(value: float, expected: str) -> None:
    assert text.compact(value) == expected


@given(st.floats(min_value=0, max_value=1e15))
def test_compact_fits_six_places(value: float) -> None:
    assert len(text.compact(value)) <= 6


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(0, "00:00:00.000"), (4900, "00:00:04.900"), (86_400_000 + 3_661_001, "1d 01:01:01.001"), (-5, "00:00:00.000")],
)
def test_duration(ms: int, expected: str) -> None:
    assert text.duration(ms) == expected


def test_flags_mac_mpls() -> None:
    assert text.tcp_flags(0b00011011) == "...AP.SF"
    assert text.tcp_flags(0xFF) == "CEUAPRSF"
    assert text.tcp_flag_names(0x12) == "SYN ACK"
    assert text.tcp_flag_names(0) == "none"
    assert text.mac(0x0011_2233_4455) == "00:11:22:33:44:55"
    assert text.mpls(1000 << 4 | 5 << 1 | 1) == "1000-5-1"


def test_protocol_names() -> None:
    assert [text.protocol(n) for n in (6, 17, 1, 58, 253)] == ["TCP", "UDP", "ICMP", "ICMP6", "253"]


def test_nearest_prefers_exchanged_letters() -> None:
    assert text.nearest("tpc", ["tp4", "tcp", "udp"]) == "tcp"
    assert text.nearest("htps", ["http", "https", "ssh"]) == "https"
    assert text.nearest("zebra", ["tcp", "udp"]) is None


def test_numbers_and_their_units_for_people() -> None:
    assert [text.counted(count, "flow") for count in (0, 1, 2, 12_345)] == [
        "0 flows",
        "1 flow",
        "2 flows",
        "12,345 flows",
    ]
    assert text.counted(12_345, "flow", short=True) == "12.3k flows"
    assert text.counted(1, "flow", short=True) == "1 flow"
    assert [text.measured(33_400, unit) for unit in ("bit/s", "B", "pkt/s")] == [
        "33.4 kbit/s",
        "33.4 kB",
        "33.4k pkt/s",
    ]
    assert [text.measured(334, unit) for unit in ("bit/s", "B", "pkt/s")] == ["334 bit/s", "334 B", "334 pkt/s"]
    assert text.percent(0.125, 1) == "12.5 %"
    assert text.percent(1) == "100 %"
