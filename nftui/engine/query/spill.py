"""Where a query puts what does not fit into its memory: below a directory that only its user can enter."""

from __future__ import annotations

import atexit
import contextlib
import os
import stat

_PLACES = ("TMPDIR", "TEMP", "TMP")
_spilled: list[str] = []


def spill_directory() -> str:
    """A directory for one query, not made yet; the engine makes it when it has to, and removes it.

    Without a private directory above it, flows that were spilled could be read by every user of the machine: the
    engine makes files that are as open as the umask allows.
    """
    parent = _private(os.path.join(_temporary(), f"nftui-{os.getuid()}"))
    return os.path.join(parent, f"query-{os.getpid()}-{os.urandom(4).hex()}")


def remove_at_end(directory: str) -> None:
    """Have a directory removed as the process ends, which does not wait until the engine does so itself."""
    _spilled.append(directory)
    atexit.register(_remove, directory)


def forget_spilled() -> None:
    """Remove what was spilled, for a process that ends without its usual end. For any thread, at any moment."""
    for directory in _spilled:
        _remove(directory)


def _remove(directory: str) -> None:
    if os.path.isdir(directory):
        from shutil import rmtree

        rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):  # another process of this user may have its own in there
        os.rmdir(os.path.dirname(directory))


def _temporary() -> str:
    """As `tempfile.gettempdir`, whose module takes longer to load than a small answer."""
    named = [os.environ[name] for name in _PLACES if os.environ.get(name)]
    return next((place for place in [*named, "/tmp", "/var/tmp"] if os.access(place, os.W_OK)), os.getcwd())  # noqa: S108


def _private(path: str) -> str:
    """The directory, made if it is not there; another one if it belongs to somebody else or is open to others."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            from tempfile import mkdtemp

            return mkdtemp(prefix="nftui-")
    except OSError:
        return path  # where nothing can be made, nothing can be spilled: the engine says so when it tries
    return path
