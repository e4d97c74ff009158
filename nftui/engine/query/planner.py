"""What an answer is made from: roll-ups where they give exactly the same, single flows elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from nftui.engine.query.rollup import ANSWERS
from nftui.engine.query.sources import Sources
from nftui.engine.query.time import Mode, Window

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read.

    Attributes:
        rollups: files of sums.
        kinds: sections of them.
        files: Parquet files that are read flow by flow.
        segments: live segments that are read flow by flow.
        foreign: files of other tools that are read flow by flow.
        reason: why roll-ups cannot answer at all; empty if they could where there are any.
    """

    rollups: tuple[str, ...]
    kinds: tuple[int, ...]
    files: tuple[str, ...]
    segments: int
    reason: str = ""
    foreign: int = 0

    @property
    def text(self) -> str:
        """One line for people."""
        flows = _count(len(self.files), "file")
        if self.segments:
            flows += f" and {_count(self.segments, 'live segment')}"
        if self.foreign:
            flows += f" and {_count(self.foreign, 'file')} of other tools"
        if not self.rollups:
            return f"from the single flows of {flows}" + (f": {self.reason}" if self.reason else "")
        sums = f"from {_count(len(self.rollups), 'roll-up')}, exactly as from the flows"
        return sums + (f", and from the single flows of {flows}" if self.reads_flows else "")

    @property
    def reads_flows(self) -> bool:
        """Whether any file is read flow by flow."""
        return bool(self.files or self.segments or self.foreign)

    @property
    def only_rollups(self) -> bool:
        """Whether roll-ups have all of the answer."""
        return bool(self.rollups) and not self.reads_flows


def make_plan(sources: Sources, fields: tuple[str, ...], window: Window, reason: str) -> Plan:
    """Plan for sums by the fields of a statistic.

    A roll-up is used if every flow of its hour belongs to the window, in the window's mode, or there is none.

    Args:
        sources: what there is.
        fields: several for either-end statistics; `("minute",)` for the series by minute and protocol.
        window: with absolute times.
        reason: why single flows must be looked at, such as a filter; empty if nothing demands it.
    """
    kinds = ANSWERS.get(fields, ())
    if not reason and not kinds:
        reason = "roll-ups have no such sums"
    used = {}
    if not reason:
        for file, slot in sources.rollups.items():
            if slot.rollup and slot.rollup_file and _inside(window, slot.rollup.start, slot.rollup.end):
                used[file] = slot.rollup_file
    files = tuple(file for file in sources.files if file not in used)
    return Plan(tuple(used.values()), kinds, files, len(sources.segments), reason, len(sources.foreign))


def _inside(window: Window, start: Span, end: Span) -> bool:
    """Whether all flows that start and end within the given spans belong to the window."""
    low, high = window.start_ms, window.end_ms
    match window.mode:
        case Mode.OVERLAP:
            return (low is None or end[0] >= low) and (high is None or start[1] < high)
        case Mode.INSIDE:
            return (low is None or start[0] >= low) and (high is None or end[1] <= high)
        case Mode.START:
            return (low is None or start[0] >= low) and (high is None or start[1] < high)
        case Mode.END:
            return (low is None or end[0] >= low) and (high is None or end[1] < high)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
