"""Sampling rates on the command line: for all exporters, and for single ones."""

import pytest

from nftui.engine.ingest.sampling import parse_sampling, static_sampling
from nftui.errors import UsageError


def test_a_rate_for_all_and_rates_of_networks():
    assert parse_sampling(()) == (None, ())
    assert parse_sampling(("100", "192.0.2.0/24=512", "2001:db8::1=-7")) == (
        100,
        ("192.0.2.0/24=512", "2001:db8::1=-7"),
    )
    assert static_sampling(100, ("192.0.2.0/24=512", "2001:db8::1=-7")) == {
        "0.0.0.0/0": 100,
        "::/0": 100,
        "192.0.2.0/24": 512,
        "2001:db8::1/128": -7,
    }
    assert static_sampling(1, ("192.0.2.9=2",)) == {"192.0.2.9/32": 2}


@pytest.mark.parametrize(
    "text", ["x", "0", "10000001", "192.0.2.1/24=5", "192.0.2.1=", "router=5", "192.0.2.1=0", "192.0.2.1=x"]
)
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(UsageError, match=f"-s {text}"):
        parse_sampling((text,))


def test_there_is_one_rate_for_all():
    with pytest.raises(UsageError, match="already, 5"):
        parse_sampling(("5", "6"))
