"""Where converted flows go: one file, or a directory of nfdump files named after their slots.

Until everything is converted, files lie in the work directory. `publish` gives them their names, each complete.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from nftui.engine.archive.writing import FlowWriter, Sink
from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts, add
from nftui.engine.store import disk

MakeWriter = Callable[[Sink], FlowWriter]

_OPEN_FILES = 8
"""Files of a directory that are open at the same time; the one that was idle longest is closed for a new one."""
_SLOT_MS = 300_000


class Output(ABC):
    """Takes batches of flows, and can go on with what an earlier run has left in the work directory."""

    @abstractmethod
    def write(self, batch: FlowBatch) -> None:
        """Add flows of the current input."""

    @abstractmethod
    def checkpoint(self) -> dict[str, Any]:
        """Force everything to the disk; what a later run must know to go on from here, for JSON."""

    @abstractmethod
    def publish(self, replace: bool) -> None:
        """Finish the files and give them their names.

        Args:
            replace: files that have these names already; else they are an error.

        Raises:
            FileExistsError: a name is taken.
            OSError: the disk failed.
        """

    @abstractmethod
    def close(self) -> None:
        """Close what is open; files stay where they are."""

    @abstractmethod
    def lost(self) -> Counts:
        """What the format could not carry since the last call."""


class _Part:
    """A file under way: open or not, it can be gone on with."""

    def __init__(self, path: Path, make: MakeWriter, state: dict[str, Any] | None) -> None:
        self.path = path
        self._make = make
        self._saved = state
        self._writer: FlowWriter | None = None

    def writer(self) -> FlowWriter:
        """The writer, opened if it was closed."""
        if self._writer is None:
            sink = Sink(self.path, self._saved["offset"] if self._saved else 0)
            self._writer = self._make(sink)
            if self._saved:
                self._writer.resume(self._saved["writer"])
            else:
                self._writer.begin()
        return self._writer

    def save(self) -> dict[str, Any]:
        """State up to here, on the disk."""
        if self._writer is not None:
            state = self._writer.state()
            self._writer.sink.sync()
            self._saved = {"offset": self._writer.sink.offset, "writer": state}
        assert self._saved is not None
        return self._saved

    def take_counts(self) -> Counts:
        """What could not be carried since the last call."""
        if self._writer is None:
            return {}
        taken = dict(self._writer.counts)
        self._writer.counts.clear()
        return taken

    def close(self) -> Counts:
        """Close the file for now; what it could not carry."""
        lost = self.take_counts()
        if self._writer is not None:
            self._writer.sink.close()
            self._writer = None
        return lost

    def finish(self) -> Counts:
        """End the file and close it; what it could not carry."""
        writer = self.writer()
        writer.finish()
        writer.sink.sync()
        return self.close()


class FileOutput(Output):
    """One file.

    Args:
        final: its name when it is complete.
        folder: the work directory.
        make: makes the writer.
        state: of an earlier run, empty for none.
    """

    def __init__(self, final: Path, folder: Path, make: MakeWriter, state: dict[str, Any]) -> None:
        self._final = final
        self._part = _Part(folder / "output", make, state or None)
        self._lost: Counts = {}

    def write(self, batch: FlowBatch) -> None:
        """Add flows."""
        self._part.writer().write(batch)

    def checkpoint(self) -> dict[str, Any]:
        """Offset and what the writer knows."""
        self._part.writer()
        return self._part.save()

    def publish(self, replace: bool) -> None:
        """Finish the file and name it."""
        add(self._lost, self._part.finish())
        name_file(self._part.path, self._final, replace)

    def close(self) -> None:
        """Close the file."""
        add(self._lost, self._part.close())

    def lost(self) -> Counts:
        """What the writer counted."""
        add(self._lost, self._part.take_counts())
        lost, self._lost = self._lost, {}
        return lost


class SlotOutput(Output):
    """A directory of nfdump files, `nfcapd.YYYYMMDDhhmm` after the five minutes in which flows were received.

    Args:
        final: the directory; made if it does not exist.
        folder: the work directory.
        make: makes the writer of a file.
        zone: of the times in the names; nfcapd uses its machine's.
        state: of an earlier run, empty for none.
    """

    def __init__(self, final: Path, folder: Path, make: MakeWriter, zone: tzinfo | None, state: dict[str, Any]) -> None:
        self._final, self._folder, self._make, self._zone = final, folder, make, zone
        self._parts: dict[int, _Part] = {
            int(slot): _Part(self._path(int(slot)), make, saved) for slot, saved in state.items()
        }
        self._open: OrderedDict[int, _Part] = OrderedDict()
        self._lost: Counts = {}

    def write(self, batch: FlowBatch) -> None:
        """Add flows, each to the file of its slot."""
        slots = batch.columns["time_received_ms"] // _SLOT_MS
        if (slots == slots[0]).all():
            self._slot(int(slots[0])).write(batch)
            return
        for slot in np.unique(slots).tolist():
            self._slot(slot).write(batch.take(slots == slot))

    def checkpoint(self) -> dict[str, Any]:
        """State of every file."""
        return {str(slot): part.save() for slot, part in self._parts.items()}

    def publish(self, replace: bool) -> None:
        """Finish and name the files, the oldest first."""
        self._final.mkdir(mode=0o750, exist_ok=True)
        names = {slot: self._final / f"nfcapd.{self._word(slot)}" for slot in sorted(self._parts)}
        taken = [path for path in names.values() if os.path.lexists(path)]
        if taken and not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(taken[0]))
        for slot, path in names.items():
            part = self._parts[slot]
            if part.path.exists():  # else it has its name from an earlier run
                add(self._lost, part.finish())
                name_file(part.path, path, replace)

    def close(self) -> None:
        """Close all files."""
        for part in self._open.values():
            add(self._lost, part.close())
        self._open.clear()

    def lost(self) -> Counts:
        """What the writers counted."""
        for part in self._open.values():
            add(self._lost, part.take_counts())
        lost, self._lost = self._lost, {}
        return lost

    def _slot(self, slot: int) -> FlowWriter:
        if slot not in self._parts:
            self._parts[slot] = _Part(self._path(slot), self._make, None)
        part = self._parts[slot]
        self._open[slot] = part
        self._open.move_to_end(slot)
        if len(self._open) > _OPEN_FILES:
            _, idle = self._open.popitem(last=False)
            idle.save()
            add(self._lost, idle.close())
        return part.writer()

    def _path(self, slot: int) -> Path:
        return self._folder / f"slot-{slot}"

    def _word(self, slot: int) -> str:
        moment = datetime.fromtimestamp(slot * _SLOT_MS / 1000, UTC)
        return f"{moment.astimezone(self._zone):%Y%m%d%H%M}"


def name_file(temporary: Path, final: Path, replace: bool) -> None:
    """Give a finished file its name, durably. Raises FileExistsError unless `replace`."""
    if final.exists() and os.path.samefile(temporary, final):
        os.unlink(temporary)  # an earlier run was stopped between link and unlink
    elif replace:
        os.replace(temporary, final)
        disk.sync_directory(final.parent)
    else:
        disk.publish(temporary, final)
