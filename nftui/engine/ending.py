"""How the store ends: in time, later only while flows are written, and never because a disk hangs."""

from __future__ import annotations

import time
from collections.abc import Callable

from nftui.engine.clock import Clock
from nftui.engine.ingest.pipeline import Pipeline
from nftui.engine.ledger import Ledger
from nftui.engine.supervisor import Worker

LAST_SECONDS = 0.5
"""What cancelling a seal may take beyond the time for it."""
_PROGRESS_SECONDS = 0.3
"""A store that writes nothing for so long after the end of its time hangs, and is left alone."""
_LEAST_SECONDS = 0.3
"""What is left for sealing, however late it is."""


def stop_store(worker: Worker, pipeline: Pipeline, ledger: Ledger, deadline: float) -> bool:
    """Wait until everything is written: past the deadline only while there is progress.

    Args:
        worker: the thread that writes.
        pipeline: what it writes for.
        ledger: says how many flows wait.
        deadline: of `time.monotonic`.

    Returns:
        False when it did not end.
    """
    worker.stopping.set()
    pipeline.wake()
    return _progresses(worker.stop, pipeline, ledger, deadline)


def close_store(
    pipeline: Pipeline, ledger: Ledger, clock: Clock, deadline: float, made: Callable[[Worker], object]
) -> bool:
    """Write and seal the rest in a thread of its own, because a disk may hang.

    Args:
        pipeline: what holds the rest.
        ledger: says how many flows wait.
        clock: for the thread's state.
        deadline: of `time.monotonic`.
        made: called with the thread before it starts.

    Returns:
        Whether it was done.
    """
    seconds = max(_LEAST_SECONDS, deadline - time.monotonic())
    closing = Worker("close", lambda _: pipeline.finish(seconds), clock)
    made(closing)
    closing.start()
    ended = _progresses(closing.stop, pipeline, ledger, time.monotonic() + seconds + 1.5 * LAST_SECONDS)
    return ended and not closing.state().error


def _progresses(ended: Callable[[float], bool], pipeline: Pipeline, ledger: Ledger, deadline: float) -> bool:
    """Wait for an end while there is time, or while flows are written; False if it did not come."""
    left = (-1, -1)
    while not ended(_PROGRESS_SECONDS):
        before, left = left, (ledger.snapshot().get("flows.in_memory", 0), pipeline.untold)
        if time.monotonic() > deadline and left == before:
            return False
    return True
