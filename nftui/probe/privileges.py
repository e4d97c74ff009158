"""Rights: what capturing needs, how to get it, and giving everything up once the sockets are open."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

from nftui.errors import PermissionDenied

_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


def missing_right(interface: str) -> PermissionDenied:
    """The error for a socket that could not be opened, with the commands that would help."""
    python = os.path.realpath(sys.executable)
    return PermissionDenied(
        f"no right to capture on {interface}: it needs CAP_NET_RAW. Give it with "
        f"`sudo setcap cap_net_raw+ep {python}`, or run the probe by the unit contrib/nftui-probe.service "
        "(AmbientCapabilities=CAP_NET_RAW), or as root: the right is dropped once the socket is open"
    )


def drop_rights() -> None:
    """Give up every capability for good, also for programs that would be started (capabilities(7), prctl(2)).

    Open sockets go on working. The kernel changes the calling thread and those that it starts, so this comes
    before threads; see `one_thread`.

    Raises:
        PermissionDenied: the kernel refused, or another thread still has rights; nothing may go on with them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    none = ctypes.create_string_buffer(24)
    steps = (
        ("no_new_privs", int(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))),
        ("ambient capabilities", int(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))),
        ("capabilities", int(libc.capset(header, none))),
    )
    for name, result in steps:
        if result != 0:
            raise PermissionDenied(f"cannot drop rights ({name}): {os.strerror(ctypes.get_errno())}")
    for task in Path("/proc/self/task").iterdir():
        status = (task / "status").read_text()
        if int(status.partition("CapPrm:")[2].split()[0], 16):
            raise PermissionDenied("cannot drop rights: a thread that was started before still has them")


def one_thread() -> None:
    """Keep NumPy's linear algebra, which nothing here uses, from starting threads when it is imported."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
