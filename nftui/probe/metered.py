"""Captures of traffic for `nftui --replay`: metered once, into a store that goes with the screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nftui.engine.archive.archive import Archive
from nftui.engine.archive.formats import open_archive
from nftui.engine.clock import ManualClock

if TYPE_CHECKING:
    from nftui.probe.packets import PacketBlock
    from nftui.probe.probe import Probe

_PIECES = 40
"""So many blocks of 512 datagrams without a flow, and a capture is one of other traffic."""
_ACTIVE_SECONDS = 60
"""Long flows come in slices, so that they are seen while they last."""


class MeteredCaptures:
    """Temporary stores with the flows of captures."""

    def __init__(self) -> None:
        self._folders: list[str] = []

    def flows_of(self, path: str) -> str:
        """Where the flows of a recording are: there, or for a capture of traffic in a store of its own.

        Raises:
            NftuiError: a capture that cannot be read.
        """
        if not os.path.isfile(path) or not _holds_traffic(path):
            return path
        folder = tempfile.mkdtemp(prefix="nftui-replay-")
        self._folders.append(folder)
        _meter(path, Path(folder) / os.path.basename(path))
        return str(Path(folder) / os.path.basename(path))

    def remove(self) -> None:
        """Remove the stores."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()


def _holds_traffic(path: str) -> bool:
    """Whether a file is a capture without export datagrams."""
    from nftui.engine.archive.datagrams import DatagramFile

    with contextlib.suppress(OSError, ValueError):
        archive = open_archive(path)
        if isinstance(archive, DatagramFile) and archive.format == "capture":
            return not any(_some_flows(archive))
    return False


def _some_flows(archive: Archive) -> Iterator[bool]:
    for number, piece in enumerate(archive.pieces(["bytes"])):
        batch = piece()
        yield batch is not None and len(batch) > 0
        if number == _PIECES:
            return


def _meter(path: str, root: Path) -> None:
    """Meter a capture into a store as if its packets came from an interface at the time of the capture."""
    from nftui.engine.store.writer import StoreWriter
    from nftui.probe.capture_file import CaptureFile
    from nftui.probe.meter import MeterConfig
    from nftui.probe.outputs import BatchOutput
    from nftui.probe.probe import Probe, ProbeConfig
    from nftui.probe.timeouts import Timeouts

    capture = CaptureFile(path)
    writer = StoreWriter(root, ident="replay")
    writer.open()
    output = BatchOutput(writer.append, writer.tick, writer.close)
    config = ProbeConfig(MeterConfig(timeouts=Timeouts(active=_ACTIVE_SECONDS, expint=1)))
    clock = ManualClock(0)
    probe = Probe(config, [output], live=True, started_ms=0, clock=clock)
    try:
        for block in capture.blocks():
            _feed(probe, block, clock)
    finally:
        probe.finish()
        capture.close()


def _feed(probe: Probe, block: PacketBlock, clock: ManualClock) -> None:
    """Packets of a block second by second, so that flows end when they would have."""
    seconds = block.time_ns(np.arange(len(block))) // 1_000_000_000
    edges = [0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), len(block)]
    for first, stop in pairwise(edges):
        probe.feed(block.take(slice(first, stop)))
        behind_ms = (int(seconds[first]) + 1) * 1000
        if behind_ms > clock.now_ms():  # packets may be out of order
            clock.step((behind_ms - clock.now_ms()) / 1000)
        probe.tick()
