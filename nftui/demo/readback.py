"""What a store holds, read back through the query engine, to hold it against what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nftui import text
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources

_SUMS = "SUM(flows), SUM(packets), SUM(bytes)"


@dataclass(frozen=True, slots=True)
class Talker:
    """Traffic of one address."""

    address: str
    flows: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Flows of a store.

    Attributes:
        exporters: flows, packets and bytes by exporter.
        talkers: source addresses that sent most, first the largest.
    """

    exporters: dict[str, tuple[int, int, int]]
    talkers: list[Talker]

    def of(self, exporter: str) -> tuple[int, int, int]:
        """Flows, packets and bytes of an exporter; zeros for one that is not there."""
        return self.exporters.get(exporter, (0, 0, 0))


def read_back(root: Path, top: int = 10) -> Stored:
    """Sum up the store.

    Raises:
        NftuiError: it cannot be read.
    """
    session = Session(find_sources([str(root)]))
    try:
        return Stored(
            {
                talker.address: (talker.flows, talker.packets, talker.octets)
                for talker in _sums(session, "sampler_address")
            },
            _sums(session, "src_addr", top),
        )
    finally:
        session.close()


def _sums(session: Session, key: str, top: int = 1000) -> list[Talker]:
    """Sums by an address field, the most bytes first."""
    rows = session.all_rows(
        (key, "flows", "packets", "bytes"),
        lambda relation: (
            f"SELECT {key}_hi, {key}_lo, {_SUMS} FROM {relation} GROUP BY ALL ORDER BY 5 DESC, 1, 2 LIMIT {top}"  # noqa: S608
        ),
    )
    low_64 = (1 << 64) - 1
    return [
        Talker(text.address((int(str(hi)) & low_64) << 64 | int(str(lo)) & low_64), *(int(str(n)) for n in sums))
        for hi, lo, *sums in rows
    ]
