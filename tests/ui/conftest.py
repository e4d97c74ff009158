"""What makes screens the same on every machine: zone, services, own address."""

from __future__ import annotations

import time

import pytest

from nftui.screens import columns
from nftui.widgets import empty_state

_SERVICES = {443: "https", 80: "http", 53: "domain", 22: "ssh", 123: "ntp", 25: "smtp"}


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch):
    """UTC, a fixed list of services, a documentation address."""

    def service(port: int) -> str:
        try:
            return _SERVICES[port]
        except KeyError:
            raise OSError("port not found") from None

    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    time.tzset()
    columns.service.cache_clear()
    monkeypatch.setattr(columns.socket, "getservbyport", service)
    monkeypatch.setattr(empty_state, "own_address", lambda: "192.0.2.10")
    yield
    columns.service.cache_clear()
