"""Standard output whose failures are told from those of files: a full disk behind it is one line, no traceback."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from nftui.errors import OutputFailed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Descriptor(io.FileIO):
    """The descriptor of standard output."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Hand bytes to the system; a reader that has had enough is the caller's business."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(f"cannot write standard output: {error.strerror}") from error


def guard() -> None:
    """Let what fails on standard output raise `OutputFailed`, and `BrokenPipeError` when nobody reads any more."""
    was = sys.stdout
    if not isinstance(was, io.TextIOWrapper):
        return  # closed before the program began
    was.flush()
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(was.fileno(), "wb", closefd=False)),
        encoding=was.encoding,
        errors=was.errors,
        line_buffering=was.line_buffering,
        write_through=was.write_through,
    )


def discard() -> None:
    """Send what is still buffered nowhere, so that it does not fail again when Python flushes it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
