"""A verification in the background: how far it is, what it found, and an end when nobody wants it any more."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from nftui.engine.store.catalog import Catalog
from nftui.engine.store.verify import verify_store
from nftui.errors import first_line

_MOST_DAMAGED = 200


@dataclass(frozen=True, slots=True)
class Checked:
    """A verification so far.

    Attributes:
        state: `running`, `done`, `cancelled` or `failed`.
        files, bytes: checked.
        all_bytes: to be checked, as it was at the start.
        rows: flow records that can be read.
        damaged: path and problems of damaged files, the first 200.
        more_damaged: damaged files beyond those.
        error: why it failed.
    """

    state: str = "running"
    files: int = 0
    bytes: int = 0
    all_bytes: int = 0
    rows: int = 0
    damaged: tuple[tuple[str, str], ...] = ()
    more_damaged: int = 0
    error: str = ""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.bytes / self.all_bytes) if self.all_bytes else 1.0


class StoreCheck:
    """Checks a store in a thread of its own; reads only.

    Args:
        root: directory of the store.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cancelled = threading.Event()
        self._so_far = Checked()
        self._thread = threading.Thread(target=self._run, name="verify", daemon=True)

    @property
    def so_far(self) -> Checked:
        """The present state; from any thread."""
        return self._so_far

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the file that is being read; from any thread."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._so_far = replace(self._so_far, all_bytes=_bytes_of(self._root))
            for verdict in verify_store(self._root):
                if self._cancelled.is_set():
                    self._so_far = replace(self._so_far, state="cancelled")
                    return
                before = self._so_far
                damaged, more = before.damaged, before.more_damaged
                if verdict.problems and len(damaged) < _MOST_DAMAGED:
                    damaged = (*damaged, (str(verdict.path), "; ".join(verdict.problems)))
                elif verdict.problems:
                    more += 1
                self._so_far = replace(
                    before, files=before.files + 1, bytes=before.bytes + verdict.bytes,
                    rows=before.rows + verdict.readable, damaged=damaged, more_damaged=more,
                )  # fmt: skip
            self._so_far = replace(self._so_far, state="done")
        except OSError as error:
            self._so_far = replace(self._so_far, state="failed", error=first_line(error))


def _bytes_of(root: Path) -> int:
    catalog = Catalog(root)
    files = catalog.slots()
    paths = [*(file.path for file in files), *(Path(file.rollup_file) for file in files if file.rollup_file)]
    total = 0
    for path in (*paths, *catalog.live()):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
