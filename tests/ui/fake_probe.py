"""A probe with fixed numbers: each look finds a second more of them, and commands are written down."""

from __future__ import annotations

from dataclasses import replace

from nftui.probe.cache import CacheEntry, CacheSnapshot
from nftui.probe.meter import MeterConfig
from nftui.probe.statistics import (
    CaptureStatistics,
    ExportStatistics,
    ProbeStatistics,
    ProtocolStatistics,
    Spread,
)
from nftui.probe.timeouts import Reason, Timeouts
from nftui.text import parse_address

NOW_MS = 1_790_000_000_000
STATISTICS = ProbeStatistics(
    started_ms=NOW_MS - 3_725_000, now_ms=NOW_MS, gathering=True, active_flows=5, max_flows=8192,
    packets=48_120_907, octets=31_477_205_118, non_sampled=0, fragments=1204, non_ip=8121, too_short=3, truncated=17,
    bad_length=0, too_deep=0, own=0, collisions=0, expired=312_880, forced=12,
    reasons=tuple(zip(Reason, (9112, 20_731, 118_204, 121_882, 2019, 41, 40_871, 0, 12, 8), strict=True)),
    sizes=Spread(28, 100_604.5, 2_147_502_112, (0,) * 5 + (812, 30_112, 81_002, 71_119, 52_100, 30_821, 21_090, 11_800,
                 8000, 3000, 1700, 900, 320, 90, 12, 2)),
    lengths=Spread(1, 153.8, 1_502_112, (0, 120_311, 60_991, 51_000, 41_900, 21_302, 10_001, 5000, 1500, 700, 175)),
    durations=Spread(0, 4.71, 10.94, (90_101, 20_000, 18_120, 9000, 7000, 8000, 12_000, 20_000, 31_000, 22_000, 19_000,
                     16_000, 20_000, 15_000, 5659)),
    protocols=(ProtocolStatistics(1, 2019, 411_204, 4896, 0.94, 9.1),
               ProtocolStatistics(6, 188_927, 29_012_844_006, 41_008_112, 5.91, 10.94),
               ProtocolStatistics(17, 121_893, 2_463_948_867, 7_107_802, 2.08, 10.9),
               ProtocolStatistics(47, 41, 1041, 97, 1.5, 3.0)),
    export=ExportStatistics(312_880, 604_112),
    captures=(CaptureStatistics("eth0", "capturing", 47_000_120, 0, 0, 0, 0.0, 0.02),
              CaptureStatistics("tun0", "gone", 1_128_911, 211, 4, 2, 34.2, 0.0)),
)  # fmt: skip


def entry(
    number: int, lower: str, upper: str, ports: tuple[int, int], proto: int, ends: int, age: float, reason: Reason
) -> CacheEntry:
    """A flow that ends in so many seconds."""
    start = NOW_MS - int(1000 * age)
    counts = (number * 1500, number * 90_000), (number, number * 70)
    return CacheEntry(
        number, (parse_address(lower), parse_address(upper)), ports, proto, *counts, (0x1B, 0x1A), (0, 0), start,
        NOW_MS - int(500 * age), NOW_MS // 1000 + ends, reason=reason,
    )  # fmt: skip


ENTRIES = (
    entry(11, "192.0.2.10", "198.51.100.7", (52_011, 443), 6, 1, 9.2, Reason.TCP),
    entry(14, "192.0.2.10", "192.0.2.53", (41_202, 53), 17, 2, 8.0, Reason.UDP),
    entry(13, "2001:db8::10", "2001:db8:ffff::1", (50_114, 443), 6, 4, 3.0, Reason.TCP_FIN),
    entry(12, "192.0.2.10", "203.0.113.80", (0, 2048), 1, 5, 2.1, Reason.ICMP),
    entry(15, "192.0.2.10", "198.51.100.22", (44_100, 22), 6, 8, 0.9, Reason.TCP_RST),
)


class FakeProbe:
    """Answers and obeys like a probe.

    Attributes:
        commands: what was asked for, in order.
    """

    def __init__(self, moving: bool = True) -> None:
        self.commands: list[str] = []
        self._moving = moving
        self._seconds = 0
        self._entries = ENTRIES
        self._gathering = True
        self._timeouts = Timeouts(active=10, expint=1)

    @property
    def config(self) -> MeterConfig:
        return MeterConfig(timeouts=self._timeouts)

    def statistics(self) -> ProbeStatistics:
        if self._moving and self._gathering:
            self._seconds += 1
        s, n = STATISTICS, self._seconds
        return replace(
            s, now_ms=s.now_ms + 1000 * n, gathering=self._gathering, active_flows=len(self._entries),
            packets=s.packets + 12_800 * n, octets=s.octets + 8_400_000 * n, expired=s.expired + 84 * n,
            reasons=tuple((r, count + (21 * n if r is Reason.UDP else 63 * n if r is Reason.MAXLIFE else 0))
                          for r, count in s.reasons),
            captures=tuple(replace(c, received=c.received + 12_800 * n) if c.state == "capturing" else c
                           for c in s.captures),
        )  # fmt: skip

    def cache(self, most: int | None = None) -> CacheSnapshot:
        return CacheSnapshot(NOW_MS, len(self._entries), self._entries[:most])

    def _forget(self, command: str) -> int:
        self.commands.append(command)
        count = len(self._entries)
        self._entries = ()
        return count

    def expire_all(self) -> int:
        return self._forget("expire-all")

    def delete_all(self) -> int:
        return self._forget("delete-all")

    def gather(self, on: bool) -> None:
        self.commands.append("start-gather" if on else "stop-gather")
        self._gathering = on

    def set_timeout(self, text: str) -> None:
        self._timeouts = self._timeouts.with_setting(text)
        self.commands.append(text)
