"""Where a screen gets its data from: the engine in this process, or a store that another process writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nftui.engine.batch import FlowBatch
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """State of collector and store at one moment.

    Attributes:
        counts: counters by their dotted names, see `nftui.engine.counters`.
        listen: addresses that are listened on, as `[HOST]:PORT`.
        waiting: parts of the work that wait in a queue now, 0 to 1 of what fits.
        disk_free: bytes free below the store; None when unknown.
        store: directory of the store.
        problems: what is wrong, one line each, the worst first.
        refused: senders that are not allowed, with the number of their datagrams.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    listen: tuple[str, ...] = ()
    waiting: float = 0.0
    disk_free: int | None = None
    store: str = ""
    problems: tuple[str, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExporterLine:
    """One exporter for people.

    Attributes:
        address: its address as text.
        versions: export versions seen, such as `v9`.
        domains: observation domains seen.
        templates: templates known now.
        waiting: data sets that wait for their template.
        sampling: rate and where it comes from, empty when unknown.
        lost: flows or packets missing by sequence numbers.
        last_seen_ms: UTC of its last datagram.
        skew_ms: its clock minus ours; None when unknown.
        datagrams: datagrams taken from it.
        flows: flows taken from it.
        refused: its datagrams are not accepted.
    """

    address: str
    versions: str = ""
    domains: str = ""
    templates: int = 0
    waiting: int = 0
    sampling: str = ""
    lost: int = 0
    last_seen_ms: int = 0
    skew_ms: int | None = None
    datagrams: int = 0
    flows: int = 0
    refused: bool = False


class Source(Protocol):
    """What a screen asks. All methods but `start` and `close` answer fast and are called from one worker thread."""

    label: str
    """`LIVE`, or what it is instead, such as `VIEWER`."""

    def start(self) -> None:
        """Open sockets and store. Raises NftuiError."""
        ...

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window now."""
        ...

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the view `flows` as batch and row; None when it has left the window."""
        ...

    def health(self) -> SourceHealth:
        """Counters and state now."""
        ...

    def exporters(self) -> Sequence[ExporterLine]:
        """All exporters known, and senders that were refused."""
        ...

    def allow(self, address: str) -> None:
        """Accept this sender from now on."""
        ...

    def close(self) -> None:
        """Store what is in memory and let go of everything. May be called twice."""
        ...
