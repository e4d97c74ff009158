"""Filters of earlier sessions: a file of the user's alone, one filter a line.

What stands in the file is not trusted: it may come from a paste, another program or a broken disk. It is cut, cleaned
and bounded, and nothing in it is applied before the user chooses it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from nftui.text import clean
from nftui.widgets.filter_input import MAX_LENGTH
from nftui.widgets.filter_past import joined

_MOST_BYTES = 1 << 20


def default_path() -> Path:
    """In the user's state directory."""
    import platformdirs

    return Path(platformdirs.user_state_dir("nftui", appauthor=False)) / "filter_history"


class FilterHistory:
    """Reads and writes the file; for a worker thread.

    Args:
        path: None keeps nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def read(self) -> list[str]:
        """Filters, the latest last; none if there is no file or it cannot be read."""
        if self._path is None:
            return []
        try:
            # Whatever lies there, such as a pipe, must not hold up the program.
            handle = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    return []
                file.seek(max(0, status.st_size - _MOST_BYTES))
                text = file.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError:
            return []
        return joined(clean(line, MAX_LENGTH).strip() for line in text.split("\n"))

    def add(self, text: str) -> None:
        """Remember a filter as the latest, also beside other running programs. Raises OSError."""
        if self._path is None:
            return
        texts = joined([*self.read(), clean(" ".join(text.split()), MAX_LENGTH)])
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".filter_history.", dir=self._path.parent)  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in texts)
            os.replace(name, self._path)
        except BaseException:
            os.unlink(name)
            raise
