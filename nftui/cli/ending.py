"""The end of a process of the command line."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def end(code: int) -> NoReturn:
    """Leave the process, at once where nothing is left to be done.

    Taking the interpreter and the query engine apart, object by object, costs a tenth of a small answer; the system
    takes everything back by itself. What was registered for the exit runs in any case.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    if not all(thread.daemon for thread in others):  # an ordinary exit would not wait for daemons either
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - what an ordinary exit would call
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)
    os._exit(code)
