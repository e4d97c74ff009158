"""Filters of earlier sessions: a file of the user's alone, one filter a line.

What stands in the file is not trusted: it may come from a paste, another program or a broken disk. It is cut, cleaned
and bounded, and nothing in it is applied before the user chooses it.
"""

from __future__ import annotations

from pathlib import Path

from nftui.private_file import read_private, write_private
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
        content = read_private(self._path, _MOST_BYTES)
        text = (content or b"").decode("utf-8", "replace")
        return joined(clean(line, MAX_LENGTH).strip() for line in text.split("\n"))

    def add(self, text: str) -> None:
        """Remember a filter as the latest, also beside other running programs. Raises OSError."""
        if self._path is None:
            return
        texts = joined([*self.read(), clean(" ".join(text.split()), MAX_LENGTH)])
        write_private(self._path, "".join(f"{line}\n" for line in texts))
