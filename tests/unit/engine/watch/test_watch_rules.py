"""Rules of the watch: what a text means, and what is said about one that means nothing."""

from __future__ import annotations

import pytest

from nftui.engine.watch.rules import parse_rule
from nftui.errors import ConfigError
from nftui.screens.filter_reader import FilterReader

READ = FilterReader({"web": "port 443"})


@pytest.mark.parametrize(
    ("text", "filter_text", "above", "amount", "usual", "unit", "seconds"),
    [
        ("dst port 53 over 50 Mbit/s", "dst port 53", True, 50e6, False, "bit/s", 30),
        ("any over 50Mbit/s", "", True, 50e6, False, "bit/s", 30),
        ("@web over 2k flow/s for 2m", "@web", True, 2000, False, "flow/s", 120),
        ("udp over 3x usual", "udp", True, 3, True, "bit/s", 30),
        ("udp over 2.5x usual pkt/s for 60s", "udp", True, 2.5, True, "pkt/s", 60),
        ("udp over 2x usual for 1m", "udp", True, 2, True, "bit/s", 60),
        ("host 192.0.2.1 under 1 kbit/s for 5m", "host 192.0.2.1", False, 1000, False, "bit/s", 300),
        ("tcp over 10 MB/s", "tcp", True, 80e6, False, "bit/s", 30),
        ("tcp over 10 Mb/s", "tcp", True, 10e6, False, "bit/s", 30),
        ("tcp over 1.5 Gbps", "tcp", True, 1.5e9, False, "bit/s", 30),
    ],
)
def test_a_rule_means_what_it_says(text, filter_text, above, amount, usual, unit, seconds):
    rule = parse_rule("one", text, READ)
    assert (rule.filter_text, rule.above, rule.amount, rule.usual, rule.unit, rule.seconds) == (
        filter_text, above, amount, usual, unit, seconds,
    )  # fmt: skip
    assert (rule.filter is None) == (not filter_text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("udp", "has no limit"),
        ("udp over much", "has no limit"),
        ("udp over 50 elephants", "'elephants' is no unit"),
        ("udp over 0 bit/s", "more than 0"),
        ("udp over 5 Mbit/s for 3s", "10s to 600s"),
        ("udp over 5 Mbit/s for ever", "10s to 600s"),
        ("port nonsense over 5 Mbit/s", "in 'port nonsense'"),
        ("@nobody over 5 Mbit/s", "nobody"),
    ],
)
def test_what_is_no_rule_is_told_with_its_name(text, words):
    with pytest.raises(ConfigError) as caught:
        parse_rule("one", text, READ)
    assert "rules.one" in str(caught.value)
    assert words in str(caught.value)
