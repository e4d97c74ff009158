"""Small files of the user's alone: all of a new content or none of it, readable by nobody else."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def write_private(path: Path, content: str) -> None:
    """Put a content in place of what the file had; its directory is made where it is missing.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read_private(path: Path, most_bytes: int) -> bytes | None:
    """The end of such a file, at most so many bytes; None where there is none that can be trusted to be ours."""
    try:
        # Whatever lies there, such as a pipe, must not hold up the program.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            ours = status.st_uid in {os.geteuid(), 0} and not status.st_mode & stat.S_IWOTH
            if not stat.S_ISREG(status.st_mode) or not ours:
                return None
            file.seek(max(0, status.st_size - most_bytes))
            return file.read(most_bytes)
    except OSError:
        return None
