"""A conversion from beginning to end: inputs one after the other, or several at the same time, checkpoints, names."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from nftui.engine.batch import FlowBatch
from nftui.engine.convert.inputs import Cancelled, Choice, Input, Outcome, chosen_batches
from nftui.engine.convert.journal import Journal
from nftui.engine.convert.outputs import Output
from nftui.engine.convert.store_output import StoreOutput, StoreParts
from nftui.engine.store import disk

_CHECKPOINT_SECONDS = 2.0
"""A checkpoint forces everything to the disk: not more often than this."""
_AHEAD = 4
"""Batches that are read before they are asked for."""


class Conversion:
    """Converts inputs to an output.

    Args:
        inputs: what to read.
        choice: which flows.
        output: where to.
        journal: what an earlier run has done already.
        threads: inputs at the same time, where the output allows it; 0 for one per core.

    Attributes:
        total: what became of all inputs, those of earlier runs included.
        earlier: inputs that an earlier run had finished.
    """

    def __init__(
        self, inputs: Sequence[Input], choice: Choice, output: Output, journal: Journal, threads: int = 0
    ) -> None:
        self._choice, self._output, self._journal = choice, output, journal
        self._left = [item for item in inputs if not journal.has(item)]
        self._bytes = sum(item.size for item in inputs) or 1
        self._finished_bytes = self._bytes - sum(item.size for item in self._left)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._cancelled = threading.Event()
        self._saved = time.monotonic()
        self._unsaved: list[tuple[Input, Outcome]] = []
        self.earlier = len(inputs) - len(self._left)
        self.total = Outcome()
        for item in inputs:
            if journal.has(item):
                self.total.add(journal.done[item.path][1])

    def cancel(self) -> None:
        """Stop soon; what is finished stays finished. From any thread or signal handler."""
        self._cancelled.set()

    def progress(self) -> float:
        """Percent of the bytes of all inputs that are converted. From any thread."""
        return 100 * self._finished_bytes / self._bytes

    def run(self) -> None:
        """Convert what is left and save how far that is.

        Raises:
            Cancelled: `cancel` was called; the journal has every input that was finished.
            OSError: the disk failed; so has the journal.
        """
        try:
            if isinstance(self._output, StoreOutput):
                self._run_parallel(self._output)
            else:
                for item in self._left:
                    outcome = Outcome()
                    for batch in _ahead(chosen_batches(item.path, self._choice, outcome, self._cancelled.is_set)):
                        self._output.write(batch)
                    outcome.lost = self._output.lost()
                    self._finish(item, outcome)
        except BaseException:
            # The output has flows of an unfinished input: only a checkpoint before it counts.
            self._output.close()
            raise
        self._checkpoint()

    def _run_parallel(self, output: StoreOutput) -> None:
        waiting = iter(self._left)
        running: dict[Future[tuple[Outcome, StoreParts]], Input] = {}
        with ThreadPoolExecutor(self._threads, "convert") as pool:
            try:
                for item in waiting:
                    running[pool.submit(self._convert_one, output, item.path)] = item
                    if len(running) == self._threads:
                        self._collect(output, running)
                while running:
                    self._collect(output, running)
            except BaseException:
                self._cancelled.set()
                raise
        if self._cancelled.is_set():
            raise Cancelled

    def _collect(self, output: StoreOutput, running: dict[Future[tuple[Outcome, StoreParts]], Input]) -> None:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            item = running.pop(future)
            try:
                outcome, parts = future.result()
                output.accept(parts)
                self._finish(item, outcome)
            except Cancelled:
                self._checkpoint()
                raise

    def _convert_one(self, output: StoreOutput, path: str) -> tuple[Outcome, StoreParts]:
        outcome = Outcome()
        parts = output.begin_input()
        for batch in _ahead(chosen_batches(path, self._choice, outcome, self._cancelled.is_set)):
            parts.write(batch)
        parts.finish()
        return outcome, parts

    def _finish(self, item: Input, outcome: Outcome) -> None:
        self.total.add(outcome)
        self._unsaved.append((item, outcome))
        self._finished_bytes += item.size
        if time.monotonic() - self._saved > _CHECKPOINT_SECONDS or self._cancelled.is_set():
            self._checkpoint()

    def _checkpoint(self) -> None:
        self._journal.state = self._output.checkpoint()
        self._journal.done |= {item.path: (item, outcome) for item, outcome in self._unsaved}
        self._unsaved = []
        self._journal.save()
        self._saved = time.monotonic()


def remove_work(folder: Path) -> None:
    """Remove the work directory of a conversion."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        disk.sync_directory(folder.parent)


def _ahead(source: Iterator[FlowBatch]) -> Iterator[FlowBatch]:
    """The same batches, read by another thread while they are worked on."""
    box: queue.Queue[Callable[[], FlowBatch | None]] = queue.Queue(_AHEAD)
    over = threading.Event()

    def put(item: Callable[[], FlowBatch | None]) -> bool:
        while not over.is_set():
            with suppress(queue.Full):
                box.put(item, timeout=0.1)
                return True
        return False

    def read() -> None:
        try:
            for batch in source:
                if not put(lambda batch=batch: batch):  # type: ignore[misc]
                    return
            put(lambda: None)
        except BaseException as error:
            put(_raising(error))

    thread = threading.Thread(target=read, name="read", daemon=True)
    thread.start()
    try:
        while (batch := box.get()()) is not None:
            yield batch
    finally:
        over.set()
        thread.join()


def _raising(error: BaseException) -> Callable[[], FlowBatch | None]:
    def give() -> FlowBatch | None:
        raise error

    return give
