"""Run the nftui command line with the names of its threads given to the kernel, so that CPU time can be told apart.

    python benchmarks/named_threads.py collect -p 9995 -l DIR

Nothing else differs from `nftui`.
"""

import ctypes
import sys
import threading

_PR_SET_NAME = 15
_run = threading.Thread.run


def _named_run(self: threading.Thread) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, self.name.removeprefix("nftui-").encode()[:15])
    _run(self)


if __name__ == "__main__":
    from nftui.cli.main import run

    threading.Thread.run = _named_run  # type: ignore[method-assign]
    sys.exit(run(sys.argv[1:]))
