"""What was found out about sets of files, for as long as none of them changes: a running program asks the same ones."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")
_SETS = 32
_FILES = 1000
"""Larger sets are not remembered: looking at each file would take as long as asking."""

_found: OrderedDict[tuple[object, ...], Any] = OrderedDict()
_lock = threading.Lock()


def remembered(what: str, paths: Sequence[str], find_out: Callable[[], _T]) -> _T:
    """The answer that `find_out` gives, or gave while the files were as they are.

    Args:
        what: name of the question.
        paths: all files that the answer depends on.
        find_out: its errors are not remembered.
    """
    try:
        stamps = [os.stat(path) for path in paths] if len(paths) <= _FILES else []
    except OSError:
        stamps = []
    if not stamps:
        return find_out()
    states = ((path, s.st_ino, s.st_size, s.st_mtime_ns) for path, s in zip(paths, stamps, strict=True))
    key = (what, *states)
    with _lock:
        if key in _found:
            _found.move_to_end(key)
            answer: _T = _found[key]
            return answer
    answer = find_out()
    with _lock:
        _found[key] = answer
        while len(_found) > _SETS:
            _found.popitem(last=False)
    return answer
