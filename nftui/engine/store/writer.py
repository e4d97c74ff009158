"""StoreWriter: flows go in, live segments and sealed slots come out."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nftui.engine.batch import Array, FlowBatch, concat
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.counters import Counts, add
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store import disk
from nftui.engine.store.layout import LIVE, TEMPORARY, PartName, new_writer, slot_start
from nftui.engine.store.lock import StoreLock
from nftui.engine.store.open_slot import OpenSlot, split_by_slot
from nftui.engine.store.recover import RecoveryReport, recover
from nftui.engine.store.seal import SealedSlot
from nftui.engine.store.sealer import Sealer
from nftui.engine.store.segment import Origin, SegmentWriter
from nftui.errors import PermissionDenied, StoreError

_FIRST_RETRY_SECONDS = 0.25
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The store at one moment.

    Attributes:
        unsaved_flows: in memory, not in a segment yet.
        live_flows: in segments that are still written.
        live_bytes: size of these segments.
        waiting_segments: complete segments that are not sealed yet.
        sealed_parts: Parquet files written since the store was opened.
        sealed_flows: records in them.
        sealed_bytes: their size.
        quarantined: files put aside since the store was opened.
        free_bytes: space left for this user; -1 if unknown.
        free_inodes: files that can still be made; -1 if unknown or without a limit.
        error: why flows cannot be written or sealed at the moment, None if all is well.
        fault: one word for what keeps flows from being written, as in `flows.failed.<fault>`; None if nothing does.
    """

    unsaved_flows: int
    live_flows: int
    live_bytes: int
    waiting_segments: int
    sealed_parts: int
    sealed_flows: int
    sealed_bytes: int
    quarantined: int
    free_bytes: int
    free_inodes: int
    error: str | None
    fault: str | None = None


class StoreWriter:
    """Writes flows to a store. One per store and process, used by one thread; `status` may be called by any.

    `append` and `tick` never raise for a disk that fails and never wait for a sync: flows that cannot be written
    stay in memory up to `limits.unsaved_flows`, then the oldest are dropped and counted, and writing resumes by
    itself when the disk does. Below the reserve of `limits` nothing new is written until `close`.

    Accounting: whoever counts `flows.in` commits the same amount as `flows.in_memory` in the same step.
    `drain_counts` then moves them: `{"flows.in_memory": -n, "flows.stored": n}` once they are in the live segment
    (where they survive the end of the process), or `{"flows.in_memory": -n, "flows.failed.<kind>": n}`. Commit
    what it returns after each `append` and `tick` and after `close`; `flows.in_memory` is 0 then.

    Args:
        root: directory of the store; made if its parent exists.
        slot_seconds: length of a slot, 1 to 86 400.
        clock: wall clock for the current slot, monotonic clock for all waiting.
        limits: bounds of segments and memory.
        ident: the collector's name, kept in every file.
        on_seal: called in the sealing thread for each sealed part.
    """

    def __init__(
        self,
        root: Path,
        slot_seconds: int = 300,
        clock: Clock | None = None,
        limits: Limits = DEFAULT,
        ident: str = "none",
        on_seal: Callable[[SealedSlot], None] | None = None,
    ) -> None:
        if not 1 <= slot_seconds <= 86_400:
            raise StoreError(f"slots of {slot_seconds} s: must be 1 s to 86400 s")
        self._root = root
        self._slot_seconds = slot_seconds
        self._clock: Clock = clock or SystemClock()
        self._limits = limits
        self._ident = ident
        self._writer = new_writer()
        self._parts = 0
        self._slots: dict[int, OpenSlot] = {}
        self._buffers: dict[str, Array] = {}
        self._sealer = Sealer(root, limits, on_seal)
        self._lock: StoreLock | None = None
        self._device = -1
        self._homeless = False
        self._space = disk.Space()
        self._short = ""
        self._counts: Counts = {}
        self._notes: Counts = {}
        self._fault: str | None = None
        self._fault_text: str | None = None
        self._retry_seconds = _FIRST_RETRY_SECONDS
        self._retry_at = 0.0
        self._look_at = 0.0

    def open(self) -> RecoveryReport:
        """Take the lock, prove that the store can be written, and bring in order what the last writer left.

        Raises:
            StoreLocked: another process writes the store.
            StoreError, DiskFull, PermissionDenied: it cannot be written; nothing was changed.
        """
        try:
            if not self._root.is_dir():
                os.mkdir(self._root)
        except OSError as error:
            raise disk.store_error("make store", self._root, error) from error
        lock = StoreLock(self._root)
        try:
            for name in (LIVE, TEMPORARY):
                disk.make_directory(self._root / name, self._root)
            disk.self_test(self._root / TEMPORARY)
            report = recover(self._root)
        except OSError as error:
            lock.release()
            raise disk.store_error("write store", self._root, error) from error
        self._lock = lock
        self._device = os.stat(self._root).st_dev
        self._look()
        for segment in report.segments:
            self._sealer.add(segment)
        self._sealer.start()
        return report

    def append(self, batch: FlowBatch) -> None:
        """Take flows for the slots of their times of reception. They must not change afterwards."""
        for start, part in split_by_slot(batch, self._slot_seconds, self._clock.now_ms()):
            slot = self._slots.get(start)
            if slot is None:
                slot = self._slots[start] = OpenSlot(start)
                self._seal_idlest()
            slot.add(part, self._clock.monotonic())
            if slot.full(self._limits.chunk_rows) and not self._waiting():
                self._flush(slot)
        self._drop_oldest()

    def note(self, amounts: Mapping[str, int]) -> None:
        """Add amounts, such as `{"sequence.lost": 3}`, to the footer of the part that is written next."""
        add(self._notes, amounts)

    def tick(self) -> None:
        """Write what waits longer than `limits.flush_seconds`, seal what is over. Call several times a second."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._look()
        current = slot_start(self._clock.now_ms(), self._slot_seconds)
        for slot in list(self._slots.values()):
            over = slot.start_ms != current and now - slot.last_added >= self._limits.settle_seconds
            due = slot.pending_rows and now - slot.first_pending >= self._limits.flush_seconds
            if (due or over) and not self._waiting():
                self._flush(slot)
            if over and not slot.pending_rows:
                self._finish(slot)
                del self._slots[slot.start_ms]

    def drain_counts(self) -> Counts:
        """What became of flows since the last call: see the class."""
        counts, self._counts = self._counts, {}
        return counts

    def status(self) -> StoreStatus:
        """The store at this moment; never waits for the disk."""
        slots = list(self._slots.values())
        segments = [slot.segment for slot in slots if slot.segment is not None]
        parts, rows, size = self._sealer.sealed
        return StoreStatus(
            unsaved_flows=sum(slot.pending_rows for slot in slots),
            live_flows=sum(segment.rows for segment in segments),
            live_bytes=sum(segment.bytes for segment in segments),
            waiting_segments=self._sealer.waiting,
            sealed_parts=parts,
            sealed_flows=rows,
            sealed_bytes=size,
            quarantined=self._sealer.quarantined,
            free_bytes=self._space.free_bytes,
            free_inodes=self._space.free_inodes,
            error=self._fault_text or self._sealer.error,
            fault=self._fault,
        )

    def close(self, timeout: float | None = None) -> None:
        """Write and seal everything, then let go of the store.

        Flows that cannot be written now are counted as failed. Segments that are not sealed after `timeout`
        seconds stay as they are, readable, and are sealed at the next start.
        """
        if self._lock is None:
            return
        self._check_place()
        for slot in self._slots.values():
            if not self._homeless:
                self._flush(slot)
            if slot.pending_rows:
                self._count_failed(slot.drop(slot.pending_rows))
            self._finish(slot)
        self._slots.clear()
        if self._sealer.stop(timeout):
            self._lock.release()
        # A thread that hangs in a sync still owns its files: then the lock lasts as long as the process.
        self._lock = None

    def _waiting(self) -> bool:
        """Whether the disk is left alone for now: it failed, or is as full as it may become."""
        return (
            self._homeless
            or bool(self._short)
            or (self._fault is not None and self._clock.monotonic() < self._retry_at)
        )

    def _flush(self, slot: OpenSlot) -> None:
        """Write a slot's pending flows to its segment, full segments become parts; stops at a disk error."""
        while slot.pending_rows:
            parts = slot.next_chunk(self._limits.chunk_rows)
            batch = concat(parts, self._buffers)
            try:
                if slot.segment is None:
                    slot.segment = self._new_segment(slot.start_ms)
                slot.segment.write(batch, self._notes)
            except OSError as error:
                slot.put_back(parts)
                self._failed(error)
                if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    self._finish(slot)  # another file may do better than this one
                return
            except Exception as error:
                # Arrow refuses the flows themselves; trying again would block all that come after them.
                self._fault_text = f"cannot encode flows: {error}"
                add(self._counts, {"flows.in_memory": -batch.length, "flows.failed.encoding": batch.length})
                continue
            self._notes = {}
            self._recovered()
            add(self._counts, {"flows.in_memory": -batch.length, "flows.stored": batch.length})
            if slot.segment.rows >= self._limits.segment_rows:
                self._finish(slot)

    def _new_segment(self, start_ms: int) -> SegmentWriter:
        disk.make_directory(self._root / LIVE, self._root)
        name = PartName(start_ms, self._writer, self._parts + 1)
        segment = SegmentWriter(name, self._root, Origin(start_ms, self._slot_seconds, self._ident))
        self._parts += 1
        return segment

    def _finish(self, slot: OpenSlot) -> None:
        """Hand a slot's segment to the sealer."""
        if slot.segment is None:
            return
        segment, slot.segment = slot.segment, None
        try:
            segment.close()
        except OSError as error:  # some network file systems tell here what they could not write
            self._failed(error)
        if segment.rows:
            self._sealer.add(segment.name)
        else:
            with contextlib.suppress(OSError):
                os.unlink(segment.path)

    def _seal_idlest(self) -> None:
        """Keep the number of open slots bounded."""
        while len(self._slots) > self._limits.open_slots:
            newest = next(reversed(self._slots))
            idle = [slot for start, slot in self._slots.items() if start != newest]
            slot = min(idle, key=lambda one: one.last_added)
            if not self._waiting():
                self._flush(slot)
            if slot.pending_rows:
                return  # the disk fails: memory is bounded by the number of unsaved flows instead
            self._finish(slot)
            del self._slots[slot.start_ms]

    def _failed(self, error: OSError) -> None:
        now = self._clock.monotonic()
        self._retry_seconds = (
            _FIRST_RETRY_SECONDS if self._fault is None else min(self._retry_seconds * 2, self._limits.retry_seconds)
        )
        self._retry_at = now + self._retry_seconds
        self._fault = disk.fault_kind(error, self._root)
        self._fault_text = f"cannot write flows ({self._fault}): {error.strerror or error}"

    def _recovered(self) -> None:
        self._fault = self._fault_text = None

    def _drop_oldest(self) -> None:
        """Forget the oldest unsaved flows above the limit."""
        excess = sum(slot.pending_rows for slot in self._slots.values()) - self._limits.unsaved_flows
        while excess > 0:
            slot = min((one for one in self._slots.values() if one.pending_rows), key=lambda one: one.first_pending)
            dropped = slot.drop(excess)
            self._count_failed(dropped)
            excess -= dropped

    def _count_failed(self, rows: int) -> None:
        add(self._counts, {"flows.in_memory": -rows, f"flows.failed.{self._fault or 'disk_slow'}": rows})

    def _look(self) -> None:
        """Look at the disk: whether it is the same, and how much room there is."""
        self._check_place()
        self._space = disk.Space.of(self._root)
        short = "" if self._homeless else self._space.shortage(self._limits)
        if short:
            self._fault = "low_space"
            self._fault_text = f"flows are kept in memory (low_space): {short}"
        elif self._short:
            self._recovered()
        self._short = short

    def _check_place(self) -> None:
        """Notice a store that was removed or unmounted under us: writing to its files would succeed and save nothing.

        A directory made anew on the same file system is locked and used; another file system below the same path
        is not: the right one may come back.
        """
        self._homeless = False
        if self._lock is not None and not self._lock.in_place():
            try:
                if os.stat(self._root).st_dev != self._device:
                    raise StoreError(f"store {self._root} is not mounted")
                lock = StoreLock(self._root)
            except (OSError, StoreError, PermissionDenied) as error:
                self._homeless = True
                self._fault = "directory_gone"
                self._fault_text = f"cannot write flows (directory_gone): {error}"
                return
            self._lock.release()
            self._lock = lock
        for slot in self._slots.values():
            if slot.segment is not None and not slot.segment.in_place():
                with contextlib.suppress(OSError):
                    slot.segment.close()
                slot.segment = None
