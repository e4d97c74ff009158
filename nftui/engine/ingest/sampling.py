"""Sampling rates that the user knows better than the exporters: nfcapd's `-s`, and rates of single networks."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from nftui.errors import UsageError

_MOST = 10_000_000


def parse_sampling(texts: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Read `RATE` and `CIDR=RATE`: the rate of all exporters, None if there is none, and those of networks.

    Raises:
        UsageError: neither of both, or two rates for all.
    """
    general = [text for text in texts if "=" not in text]
    if len(general) > 1:
        raise UsageError(f"-s {general[1]}: there is a rate for all exporters already, {general[0]}")
    own = tuple(text for text in texts if "=" in text)
    static_sampling(1, own)
    return (_rate(general[0], general[0]) if general else None), own


def static_sampling(rate: int, own: Sequence[str] = ()) -> dict[str, int]:
    """What the decoder is told, by network; the longest that matches counts.

    Args:
        rate: of exporters that announce none, or, below zero, whatever they announce; 1 says nothing.
        own: `CIDR=RATE` for single exporters or networks, with the same meaning of the sign.

    Raises:
        UsageError: no network or no rate.
    """
    rates = {} if rate == 1 else {"0.0.0.0/0": rate, "::/0": rate}
    for text in own:
        network, _, number = text.partition("=")
        try:
            rates[str(ip_network(network.strip()))] = _rate(number, text)
        except ValueError as error:
            raise UsageError(f"-s {text}: {error}") from None
    return rates


def _rate(number: str, text: str) -> int:
    try:
        rate = int(number)
    except ValueError:
        raise UsageError(f"-s {text}: expected RATE or CIDR=RATE, for example 192.0.2.0/24=1000") from None
    if not rate or abs(rate) > _MOST:
        raise UsageError(f"-s {text}: a rate is 1 to {_MOST}, or negative to overrule what exporters announce")
    return rate
