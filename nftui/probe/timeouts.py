"""When a flow ends, with softflowd's names, defaults and order of checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import IntEnum

from nftui.errors import UsageError


class Reason(IntEnum):
    """Why a flow was ended, in the order in which softflowd reports the reasons."""

    TCP = 0
    TCP_RST = 1
    TCP_FIN = 2
    UDP = 3
    ICMP = 4
    GENERAL = 5
    MAXLIFE = 6
    OVERBYTES = 7
    MAXFLOWS = 8
    FLUSH = 9


def reason_name(reason: Reason) -> str:
    """The reason as settings name it, such as `tcp.rst`."""
    return reason.name.lower().replace("_", ".")


END_REASON = {
    Reason.TCP: 1,
    Reason.TCP_RST: 3,
    Reason.TCP_FIN: 3,
    Reason.UDP: 1,
    Reason.ICMP: 1,
    Reason.GENERAL: 1,
    Reason.MAXLIFE: 2,
    Reason.OVERBYTES: 5,
    Reason.MAXFLOWS: 5,
    Reason.FLUSH: 4,
}
"""flowEndReason (element 136, RFC 5102) of each reason."""

MAX_SECONDS = 1 << 31
"""Longest time accepted, so that sums stay far from overflow."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of each named timeout; 0 switches a timeout off, for `general` it is not allowed.

    Attributes:
        tcp: open TCP connections.
        tcp_rst: TCP connections after a reset from either end.
        tcp_fin: TCP connections after both ends have finished.
        udp: UDP.
        icmp: ICMP and ICMPv6.
        general: everything else.
        maxlife: longest life of a flow, from its first packet.
        active: as `maxlife`, for slices of long flows; off by default, softflowd has no such timeout.
        expint: interval of the checks when live; 0 and 1 check every second.
    """

    tcp: int = 3600
    tcp_rst: int = 120
    tcp_fin: int = 300
    udp: int = 300
    icmp: int = 300
    general: int = 3600
    maxlife: int = 604_800
    active: int = 0
    expint: int = 60

    @property
    def lifetime(self) -> int:
        """Seconds after which a flow is ended although it goes on; 0 for never."""
        return min((value for value in (self.maxlife, self.active) if value), default=0)

    def with_setting(self, text: str) -> Timeouts:
        """These timeouts with one changed by `name=time`, such as `tcp.rst=1m30s`. Raises UsageError."""
        name, _, value = text.partition("=")
        names = [field.name.replace("_", ".") for field in fields(self)]
        if name not in names or not value:
            raise UsageError(f"timeout {text!r}: expected NAME=TIME with NAME one of {', '.join(names)}")
        seconds = parse_time(value)
        if name == "general" and seconds == 0:
            raise UsageError("the general timeout must be greater than zero")
        return replace(self, **{name.replace(".", "_"): seconds})


_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TIME = re.compile(r"(?:\d+[smhdw])*(?:\d+[smhdw]?)", re.IGNORECASE | re.ASCII)
_LONGEST = 32
_PART = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)


def parse_time(text: str) -> int:
    """Seconds of a time such as `90`, `10m` or `1h30m`; the parts are added. Raises UsageError."""
    if len(text) > _LONGEST or not _TIME.fullmatch(text):
        raise UsageError(f"time {text!r}: expected numbers with s, m, h, d or w, such as 1h30m")
    seconds = sum(int(number) * _UNIT[unit.lower()] for number, unit in _PART.findall(text))
    if seconds > MAX_SECONDS:
        raise UsageError(f"time {text!r} is too long")
    return seconds
