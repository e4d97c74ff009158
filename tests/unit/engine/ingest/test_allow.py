"""Who may send, and who is remembered as refused."""

import pytest

from nftui.engine.ingest import allow
from nftui.engine.ingest.allow import AllowList, Refused, parse_network, parse_source
from nftui.errors import UsageError
from nftui.text import parse_address


@pytest.mark.parametrize(
    "sender",
    ["127.0.0.1", "127.255.255.255", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.9", "169.254.1.1",
     "::1", "fd00::1", "fe80::1"],
)  # fmt: skip
def test_private_senders_are_believed_by_default(sender):
    assert AllowList().permits(parse_address(sender))


@pytest.mark.parametrize(
    "sender", ["8.8.8.8", "172.32.0.1", "172.15.255.255", "192.169.0.1", "2001:db8::1", "::2", "fec0::1", "128.0.0.1"]
)
def test_others_are_not(sender):
    assert not AllowList().permits(parse_address(sender))


def test_any_believes_everybody():
    assert AllowList(["any"]).permits(parse_address("203.0.113.1"))


def test_named_networks_replace_the_default():
    listed = AllowList(["203.0.113.0/24", "2001:db8::7"])
    assert listed.permits(parse_address("203.0.113.255"))
    assert listed.permits(parse_address("2001:db8::7"))
    assert not listed.permits(parse_address("2001:db8::8"))
    assert not listed.permits(parse_address("127.0.0.1"))


def test_allowing_at_run_time_takes_effect_for_a_known_sender_and_clears_its_refusal():
    listed = AllowList()
    sender, other = parse_address("203.0.113.9"), parse_address("198.51.100.1")
    assert not listed.permits(sender)
    listed.refuse(sender, 3, 1000)
    listed.refuse(other, 1, 1500)
    listed.refuse(sender, 4, 2000)
    assert listed.refused() == [Refused("203.0.113.9", 7, 2000), Refused("198.51.100.1", 1, 1500)]
    listed.allow("203.0.113.9")
    assert listed.permits(sender)
    assert listed.refused() == [Refused("198.51.100.1", 1, 1500)]


def test_table_of_refused_senders_is_bounded_and_keeps_the_latest():
    listed = AllowList()
    for number in range(allow.REFUSED_REMEMBERED + 5):
        listed.refuse(number, 1, number)
    found = listed.refused()
    assert len(found) == allow.REFUSED_REMEMBERED
    assert found[0].last_seen_ms == allow.REFUSED_REMEMBERED + 4
    assert found[-1].last_seen_ms == 5


def test_decisions_are_forgotten_before_they_fill_memory(monkeypatch):
    monkeypatch.setattr(allow, "_DECISIONS_REMEMBERED", 10)
    listed = AllowList(["::/0"])
    assert all(listed.permits(number) for number in range(100))
    assert len(listed._decided) <= 10


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "everything", ""])
def test_what_is_no_network_is_refused_by_name(text):
    with pytest.raises(UsageError, match="--allow"):
        AllowList([text])


def test_ipv4_networks_are_mapped():
    assert parse_network("192.0.2.0/30") == (parse_address("192.0.2.0"), parse_address("192.0.2.3"))


def test_source_map_as_nfcapd_writes_it_and_with_several_networks():
    source = parse_source("dc, 198.51.100.0/24;2001:db8::/32")
    assert source.ident == "dc"
    listed = AllowList([], [source])
    assert listed.permits(parse_address("198.51.100.77"))
    assert listed.permits(parse_address("2001:db8::1"))
    assert not listed.permits(parse_address("127.0.0.1"))
    assert listed.ident(parse_address("2001:db8::1")) == "dc"
    assert listed.ident(parse_address("127.0.0.1")) is None


@pytest.mark.parametrize("text", ["gw1", "gw1,", ",192.0.2.1", "gw1,nowhere"])
def test_bad_source_maps_are_usage_errors(text):
    with pytest.raises(UsageError):
        parse_source(text)


def test_the_last_word_about_an_address_counts():
    listed = AllowList(["10.0.0.0/8"])
    listed.exclude("10.1.0.0/16")
    assert not listed.permits(parse_address("10.1.2.3"))
    assert listed.permits(parse_address("10.2.0.1"))
    listed.allow("10.1.2.3")
    assert listed.permits(parse_address("10.1.2.3"))
    assert not listed.permits(parse_address("10.1.2.4"))
    listed.allow("10.1.0.0/16")
    assert listed.permits(parse_address("10.1.2.4"))
    listed.allow("any")
    listed.exclude("2001:db8::/32")
    assert listed.permits(parse_address("2001:db9::1"))
    assert not listed.permits(parse_address("2001:db8::1"))
    with pytest.raises(UsageError):
        listed.exclude("any")
