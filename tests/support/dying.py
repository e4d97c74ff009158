"""Processes that die at a chosen step, without any clean-up, as in a crash."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import pyarrow.parquet as pq

DEATH = 7
"""Exit status of a process that died at its step."""

_STEPS = ("open", "link", "unlink", "mkdir", "fsync", "rename", "writev", "ftruncate")


def in_child(work: Callable[[], object]) -> int:
    """Run something in a process of its own; returns its exit status, 99 for an exception."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(99)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(step: int) -> None:
    """End the process without any clean-up before its `step`-th call that changes the disk."""
    left = [step]

    def wrap(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os._exit(DEATH)
            return real(*arguments, **options)

        return call

    for name in _STEPS:
        setattr(os, name, wrap(getattr(os, name)))
    for name in ("write_table", "write_batch", "add_key_value_metadata", "close"):
        setattr(pq.ParquetWriter, name, wrap(getattr(pq.ParquetWriter, name)))
