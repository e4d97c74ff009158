"""Allocators set up for a program that runs for months.

The threads of the engine pass large arrays to each other: allocated in one, freed in another. Allocators with a heap
per thread keep what was freed for a thread that does not need it. Measured at 300 000 flows/s, 20 s: peak 306 MB with
the defaults, 223 MB with Arrow on the system's allocator, 204 MB with that in one heap, and no more CPU.

And whatever goes back to the system comes again as pages that the kernel clears first: at 300 000 flows/s that was a
fifth of the CPU of reception. So blocks of usual size stay in the heap, and the heap stays with the process.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
import sys
import time

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""mallopt(3) of glibc."""
_LARGEST_IN_HEAP = 4 << 20
"""Larger blocks are mapped one by one, so that they leave no holes."""
_KEEP_BYTES = 64 << 20
"""Free memory at the end of the heap that stays with the process: half a second of columns at 1 M flows/s."""


_gave_back = -math.inf
"""`time.monotonic` of the last time that memory was given back."""


def give_back(at_most_every: float = 0.0) -> None:
    """Return free memory to the system, after something that takes much and comes seldom, such as sealing a slot.

    Takes milliseconds. Measured with a screen and 400 flows/s: 293 MB after the second slot without, 205 MB with.
    What is needed again soon would have to be cleared by the kernel again, so not after each batch.

    Args:
        at_most_every: seconds; does nothing when this process did it more recently.
    """
    global _gave_back  # noqa: PLW0603  the heap is the process's
    now = time.monotonic()
    if now - _gave_back < at_most_every:
        return
    _gave_back = now
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def freeze_loaded() -> None:
    """Let the garbage collector pass over what is there now: modules stay, and looking at all of them takes 75 ms.

    A key that is pressed meanwhile waits so long. To be called once something large has been loaded.
    """
    gc.freeze()
    gc.enable()  # the command line had switched it off for the start


def use_system_allocator() -> None:
    """Let Arrow allocate from the system's heap inside its own library too; to be called before Arrow is loaded.

    What `share_one_heap` sets later reaches Arrow's Python objects only. Measured at 300 000 flows/s: 40 MB less, and
    a fifth less CPU for writing and sealing, because Arrow's own allocator returns pages as soon as they are free.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def share_one_heap() -> None:
    """Let all threads that start from now on allocate from one heap, Arrow included, and keep it."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    limit_heaps()
    _leave_out_pandas()


def _leave_out_pandas() -> None:
    """Let Arrow believe that there is no pandas, unless somebody has loaded it or asks for a conversion to it.

    Arrow loads it where it finds it, to ask of each value whether it is one of its own: 40 MB and half a second.
    """
    import numpy as np
    import pyarrow as pa

    if "pandas" not in sys.modules:
        absent = _Absent()
        sys.meta_path.insert(0, absent)
        try:
            # Each of its two layers looks once and remembers: the one in Cython for arrays, the other for sequences.
            pa.array(np.zeros(1, np.uint8))
            pa.array([""])
        finally:
            sys.meta_path.remove(absent)


class _Absent:
    """Finds that there is no pandas."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse pandas; others know about the rest.

        Raises:
            ModuleNotFoundError: it is pandas.
        """
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


def limit_heaps() -> None:
    """Let all threads that start from now on allocate from one heap, and keep it.

    A thread that has allocated before keeps a heap of its own, so whoever starts threads before there is an engine
    calls this first: each of the screen's kept up to 60 MB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl does not need it
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP)
        mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
