"""The thread that seals segments, one after the other, so that nothing else ever waits for the disk to sync."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from nftui.engine.courtesy import step_back
from nftui.engine.limits import Limits
from nftui.engine.memory import give_back
from nftui.engine.store.disk import fault_kind
from nftui.engine.store.layout import PartName
from nftui.engine.store.quarantine import quarantine
from nftui.engine.store.seal import SealCancelled, SealedSlot, seal_segment
from nftui.errors import CorruptFile, first_line

_STEPS_BACK = 10
"""Of the priority: what is received and pressed now comes first."""

_SLOW_SECONDS = 30.0
"""A segment that takes longer is told: sealing a full one takes one to three seconds."""
_GIVE_BACK_SECONDS = 2.0
"""Less than questions wait with it: what a seal takes is not to stay because a question has just ended."""
_CANCEL_SECONDS = 0.5
"""A seal that is cancelled between two row groups ends within this, unless the disk hangs."""


class Sealer:
    """Seals the segments it is given, in order; one that fails on a disk error is tried again.

    One that fails for any other reason is left as it is, readable, until the next start: it must not hold up the
    others.

    The thread has the priority of the others. With a lower one it kept the interpreter's lock while programs of other
    people ran, and reception waited for it: 7018 of 424 000 datagrams lost on a busy machine, 428 with the same one.

    The queue holds names only. Segments that wait lie on disk, readable, and are found again at the next start.

    Args:
        root: the store.
        limits: `row_group_rows` and `retry_seconds` are used.
        on_seal: called in the sealing thread with each sealed part.
    """

    def __init__(self, root: Path, limits: Limits, on_seal: Callable[[SealedSlot], None] | None) -> None:
        self._root = root
        self._limits = limits
        self._on_seal = on_seal
        self._queue: deque[PartName] = deque()
        self._changed = threading.Condition()
        self._draining = False
        self._cancelled = False
        self._error: str | None = None
        self._callback_error: str | None = None
        self._busy_since: float | None = None
        self._sealed = self._sealed_rows = self._sealed_bytes = self._quarantined = 0
        self._thread = threading.Thread(target=self._run, name="seal", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def add(self, name: PartName) -> None:
        """Seal a segment that is complete. Never waits."""
        with self._changed:
            self._queue.append(name)
            self._changed.notify()

    def stop(self, timeout: float | None) -> bool:
        """Seal what waits, then end; what is not done after `timeout` seconds, or fails, stays a segment.

        Takes half a second more where a seal has to be cancelled.

        Returns:
            Whether the thread has ended. It may still hang in a system call otherwise.
        """
        with self._changed:
            self._draining = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._cancelled = True
            self._thread.join(_CANCEL_SECONDS)
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Segments that are not sealed yet."""
        return len(self._queue)

    @property
    def sealed(self) -> tuple[int, int, int]:
        """Parts, rows and bytes of Parquet since the start."""
        return self._sealed, self._sealed_rows, self._sealed_bytes

    @property
    def quarantined(self) -> int:
        """Files that could not be read and were put aside."""
        return self._quarantined

    @property
    def error(self) -> str | None:
        """Why sealing does not go on, or what the last call of `on_seal` failed with."""
        since = self._busy_since
        if since is not None and (seconds := time.monotonic() - since) > _SLOW_SECONDS:
            return f"sealing a segment takes {seconds:.0f} s so far: the disk is slow or hangs"
        return self._error or self._callback_error

    def _run(self) -> None:
        step_back(_STEPS_BACK)
        while True:
            with self._changed:
                while not self._queue:
                    if self._draining:
                        return
                    self._changed.wait()
                name = self._queue[0]
            self._busy_since = time.monotonic()
            try:
                done = self._seal(name)
            except SealCancelled:
                return
            except MemoryError:
                self._error = f"cannot seal {name.stem}: there is no memory for it now"
                done = False
            except Exception as error:
                self._error = f"segment {name.stem} is left as it is: {type(error).__name__}: {first_line(error)}"
                done = True
            self._busy_since = None
            with self._changed:
                if done:
                    self._queue.popleft()
                    self._rest()
                elif self._draining:
                    return
                else:
                    self._changed.wait_for(lambda: self._draining, self._limits.retry_seconds)

    def _rest(self) -> None:
        """Give back what sealing took, when there is nothing more to seal and it was not done just before."""
        if not self._queue:
            give_back(_GIVE_BACK_SECONDS)

    def _seal(self, name: PartName) -> bool:
        """Whether the segment is dealt with."""
        try:
            sealed = seal_segment(self._root, name, self._limits, lambda: self._cancelled)
        except CorruptFile as error:
            return self._put_aside(name, error)
        except FileNotFoundError as error:
            if name.segment(self._root).exists():
                self._error = f"cannot seal {name.stem}: {error}"
                return False
            self._error = f"segment {name.stem} was removed by somebody else"
            return True
        except OSError as error:
            self._error = f"cannot seal {name.stem} ({fault_kind(error, self._root)}): {error.strerror or error}"
            return False
        self._error = None
        if sealed is not None:
            self._sealed += 1
            self._sealed_rows += sealed.rows
            self._sealed_bytes += sealed.file_bytes
            if sealed.damaged_bytes:
                self._quarantined += 1
                self._error = f"{sealed.damaged_bytes} bytes of segment {name.stem} could not be read; it was put aside"
            self._tell(sealed)
        return True

    def _put_aside(self, name: PartName, reason: CorruptFile) -> bool:
        try:
            quarantine(self._root, name.segment(self._root))
        except OSError as error:
            self._error = f"cannot put {name.stem} aside: {error.strerror or error}"
            return False
        self._quarantined += 1
        self._error = f"put aside: {reason}"
        return True

    def _tell(self, sealed: SealedSlot) -> None:
        if self._on_seal is None:
            return
        try:
            self._on_seal(sealed)
        except Exception as error:
            self._callback_error = f"after sealing {sealed.path.name}: {error}"
