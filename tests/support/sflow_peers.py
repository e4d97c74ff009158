"""What sfcapd and tshark make of sFlow datagrams."""

from __future__ import annotations


def sfcapd_flows() -> None: ...
def tshark_samples() -> None: ...
