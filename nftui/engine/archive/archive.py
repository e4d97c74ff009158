"""What every file of flows of another tool offers to queries, to the screen and to replay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from nftui.engine.batch import FlowBatch

MOST_DAMAGE = 100
"""Damaged places that are remembered of one file; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a file that could not be read.

    Attributes:
        offset: bytes from the start of the file where the trouble begins.
        what: in words.
    """

    offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} at byte {self.offset}"


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter as a file describes it.

    Attributes:
        address: 128 bits, IPv4 mapped.
        version: export version; 9999 for sFlow in nfdump's files.
        domain: observation domain or source id; engine type and id for v5.
    """

    address: int
    version: int
    domain: int


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler as a file describes it: 1 packet of `rate` was chosen.

    Attributes:
        exporter: number of the exporter in the file.
        id: the sampler's id; negative where nfdump means all samplers of the exporter.
        rate: packets per chosen packet.
    """

    exporter: int
    id: int
    rate: int


@dataclass(slots=True)
class About:
    """What a file says of itself.

    Attributes:
        ident: name that its collector was given; empty if none.
        statistics: sums as its writer counted them, by nfdump's names (`flows`, `bytes_tcp`, `sequence_failures`).
        exporters: by the number that records refer to.
        samplers: in the order of the file.
    """

    ident: str = ""
    statistics: dict[str, int] = field(default_factory=dict)
    exporters: dict[int, Exporter] = field(default_factory=dict)
    samplers: list[Sampler] = field(default_factory=list)


class Archive(ABC):
    """A file of flows, read as a stream; it can be read any number of times, by one reader at a time.

    Args:
        path: the file.

    Attributes:
        format: what it is, in words.
        about: what it says of itself; exporters and samplers only of the part that was read.
        damage: places that could not be read, of the last time that it was read.
        more_damage: places beyond those that are remembered.
        records: flows that came out the last time that it was read.
    """

    format = ""

    def __init__(self, path: str) -> None:
        self.path = path
        self.about = About()
        self.damage: list[Damage] = []
        self.more_damage = 0
        self.records = 0

    @abstractmethod
    def span(self) -> tuple[int, int] | None:
        """Start of the first and end of the last flow, UTC ms, from the file's statistics; None if it has none."""

    @abstractmethod
    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], Any]]:
        """The file in pieces, in order: each call decodes one, in any thread and order. For `settle`.

        Args:
            fields: registry fields that are wanted; None for all.
        """

    def settle(self, piece: Any) -> FlowBatch | None:
        """Flows of a decoded piece. To be called in the order of the pieces, by one thread.

        Args:
            piece: what a call from `pieces` returned.
        """
        assert piece is None or isinstance(piece, FlowBatch)
        return piece

    @property
    def trouble(self) -> str:
        """What could not be read the last time, in words: the first damaged place, and how many more there are."""
        if not self.damage:
            return ""
        more = len(self.damage) - 1 + self.more_damage
        return f"{self.damage[0]}" + (f", and {more} more" if more else "")

    def begin(self) -> None:
        """Forget what an earlier reading found."""
        self.damage = []
        self.more_damage = 0
        self.records = 0

    def batches(self, fields: Collection[str] | None = None) -> Iterator[FlowBatch]:
        """All flows, in the order of the file.

        Args:
            fields: registry fields that are wanted; None for all. Those that no record has are missing, those
                without which no record is (`nftui.engine.schema.NON_NULL`) come if they are wanted.
        """
        self.begin()
        flows = 0
        for piece in self.pieces(fields):
            batch = self.settle(piece())
            if batch is not None and len(batch):
                self.records += len(batch)
                flows += int(batch.columns["flows"].sum()) if "flows" in batch.columns else 0
                yield batch
        if fields is None or "flows" in fields:
            self.end(flows)

    def end(self, flows: int) -> None:
        """Say whether fewer flows came out than the file's statistics promise, where nothing else was found wrong.

        Args:
            flows: sum of the field, over all that came out.
        """
        promised = self.about.statistics.get("flows", 0)
        if flows < promised and not self.damage:
            self.report(0, f"{promised} flows promised, {flows} found")

    def report(self, offset: int, what: str) -> None:
        """Remember a damaged place."""
        if len(self.damage) < MOST_DAMAGE:
            self.damage.append(Damage(offset, what))
        else:
            self.more_damage += 1
