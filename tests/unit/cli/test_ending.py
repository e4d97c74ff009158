"""The end of the process: nothing holds it up, nothing is left undone, nothing strange is said."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import atexit, sys, threading
from concurrent.futures import ThreadPoolExecutor
import nftui.cli.ending as ending
from nftui.engine.query.duck import connect

atexit.register(lambda: print("registered"))
connection = connect("64MB", 1)
ending._PATIENCE_SECONDS = 0.2
forever = threading.Event()
pool = ThreadPoolExecutor(1)
pool.submit(forever.wait)  # a question that does not notice that nobody wants it any more
short = threading.Thread(target=lambda: print("finished"))
short.start()
ending.end(7)
"""


def test_a_thread_that_goes_on_does_not_hold_the_end_up() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (7, "")
    assert sorted(done.stdout.split()) == ["finished", "registered"]
