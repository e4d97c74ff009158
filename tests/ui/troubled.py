"""A source whose first exporter has every trouble that the exporters screen knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fake_source import HOSTILE, FakeSource

from nftui.engine.decode.status import (
    AnnouncedStatus,
    ExporterStatus,
    InterfaceStatus,
    MissingTemplate,
    NumberingStatus,
    RejectedDatagram,
    SamplingChange,
    SamplingStatus,
    TemplateStatus,
)
from nftui.engine.losses import Losses
from nftui.engine.minutes import Minutes
from nftui.text import clean

FIELDS = (
    ("sourceIPv4Address", (0, 8), 4), ("destinationIPv4Address", (0, 12), 4), ("sourceTransportPort", (0, 7), 2),
    ("destinationTransportPort", (0, 11), 2), ("protocolIdentifier", (0, 4), 1), ("octetDeltaCount", (0, 1), 8),
    ("packetDeltaCount", (0, 2), 8), ("flowStartMilliseconds", (0, 152), 8), ("flowEndMilliseconds", (0, 153), 8),
    ("samplerId", (0, 48), 1), ("9.12235", (9, 12235), 65535),
)  # fmt: skip


class TroubledSource(FakeSource):
    """The fake source with a troubled exporter `192.0.2.1`."""

    def exporters(self) -> Sequence[ExporterStatus]:
        first, *rest = super().exporters()
        now = self.clock.now_ms()
        names, numbers, lengths = (tuple(part) for part in zip(*FIELDS, strict=True))
        template = TemplateStatus(
            10, 7, 256, len(FIELDS), False, now - 7_200_000, now - 90_000, 2, names, numbers, lengths
        )  # fmt: skip
        options = TemplateStatus(
            10, 7, 512, 2, True, now - 7_200_000, now - 90_000, 0, ("scope interface", "samplingInterval"),
            ((1 << 32, 2), (0, 34)), (4, 4),
        )  # fmt: skip
        port = InterfaceStatus(
            3, clean(HOSTILE), 6, 10**9, 1, True, True, 1, now, in_unicast=10**6, in_octets=1, in_errors=12,
            in_bits_per_second=1_200_000_000, out_bits_per_second=40_000_000,
        )  # fmt: skip
        announced = AnnouncedStatus(
            10, 7, ((1, "ge-0/0/1"), (2, clean(HOSTILE))), ((5, "red"),), 12, ("9.1 fancyElement unsigned32",),
            (("exportedFlowRecordTotalCount", 123456),), 2,
        )  # fmt: skip
        troubled = replace(
            first, versions=(10,), domains=((10, 7),), ident="gw1", templates=(template, options),
            missing=(MissingTemplate(10, 7, 300, 42),), waiting_sets=42, clock_skew_ms=3_600_250,
            export_delay_ms=300_000, numbering=(NumberingStatus(10, 7, "datagrams", False, True),),
            sampling=(SamplingStatus(3, 1, 100, "options"),), announced=(announced,), unnamed=("9.12235",),
            interfaces=(port,), rate_changes=(SamplingChange(now - 60_000, 7, 1, None, 100, 1000),),
            counts=first.counts | {"sequence.lost": 321, "datagrams.rejected.version": 2, "sets.waiting_expired": 9},
        )  # fmt: skip
        return [troubled, *rest]

    def losses(self, address: str) -> Losses:
        start = self.clock.now_ms() // 60_000 * 60_000 - 59 * 60_000
        if address != "192.0.2.1":
            return Losses(Minutes(start, {"datagrams": (9,) * 60}), Minutes(start, {"datagrams": (27,) * 60}))
        mine = {"datagrams": (90,) * 60, "flows": (2700,) * 60, "lost": (0,) * 50 + (40, 0, 0, 21, 0, 200, 60, 0, 0, 0),
                "reordered": (0,) * 59 + (3,), "duplicates": (2,) * 60}  # fmt: skip
        here = {"datagrams": (120,) * 60, "kernel": (0,) * 55 + (150, 30, 0, 0, 0)}
        return Losses(Minutes(start, mine), Minutes(start, here))

    def rejected(self, address: str = "") -> Sequence[RejectedDatagram]:
        if address not in {"", "192.0.2.1"}:
            return []
        now = self.clock.now_ms()
        evil = HOSTILE.encode()
        return [
            RejectedDatagram(now - 1000, "192.0.2.1", 40_001, "datagrams.rejected.version", 900, (evil * 3).hex()),
            RejectedDatagram(now - 9000, "192.0.2.1", 40_001, "sets.bad_length", 24, bytes(range(24)).hex()),
        ]
