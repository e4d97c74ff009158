"""The end of a process of the command line."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from typing import NoReturn

_PATIENCE_SECONDS = 3.0


def end(code: int) -> NoReturn:
    """Leave the process, at once where nothing is left to be done.

    Taking the interpreter and the query engine apart, object by object, costs a tenth of a small answer; the system
    takes everything back by itself. Nor does a user wait for a question that nobody wants answered any more: threads
    have some seconds to end. What was registered for the exit runs in any case.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))  # such as a question that was just cancelled
    atexit._run_exitfuncs()  # noqa: SLF001 - what an ordinary exit would call
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)
    os._exit(code)
