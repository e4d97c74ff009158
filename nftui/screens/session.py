"""What the screen was like when it was left: kept in the user's state directory, for the next time.

The file is a convenience and never trusted: it is bounded, read as JSON, and every value is checked by whoever uses
it. A damaged, foreign or missing file is the same as an empty one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nftui.private_file import read_private, write_private
from nftui.text import clean

_MOST_BYTES = 64 << 10
_VERSION = 1


def default_path() -> Path:
    """In the user's state directory."""
    import platformdirs

    return Path(platformdirs.user_state_dir("nftui", appauthor=False)) / "session.json"


class Session:
    """Values by name, written when the screen is left.

    Args:
        path: the file; None for a session that is neither read nor kept.
        fresh: what the file says is not read, but replaced.
    """

    def __init__(self, path: Path | None = None, fresh: bool = False) -> None:
        self._path = path
        self._values: dict[str, Any] = {} if fresh or path is None else _read(path)

    def text(self, name: str, most: int = 64) -> str:
        """A text of one line without control characters, empty when there is none."""
        value = self._values.get(name)
        return clean(value, most) if isinstance(value, str) and len(value) <= most else ""

    def flag(self, name: str, default: bool) -> bool:
        """A switch."""
        value = self._values.get(name)
        return value if isinstance(value, bool) else default

    def table(self, name: str) -> dict[str, Any]:
        """Values by name, whatever they are: the caller checks each; empty when there are none."""
        value = self._values.get(name)
        return dict(value) if isinstance(value, dict) else {}

    def keep(self, name: str, value: object) -> None:
        """Put a value in place: text, number, switch, or lists and tables of them."""
        self._values[name] = value

    def save(self) -> bool:
        """Write the file, for this user alone; False when it cannot be, which is no reason to fail."""
        if self._path is None:
            return False
        content = json.dumps(self._values | {"version": _VERSION}, ensure_ascii=True, allow_nan=False)
        if len(content) > _MOST_BYTES:
            return False
        try:
            write_private(self._path, content)
        except OSError:
            return False
        return True


def _read(path: Path) -> dict[str, Any]:
    content = read_private(path, _MOST_BYTES + 1)
    if content is None or len(content) > _MOST_BYTES:
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("version") != _VERSION:
        return {}
    return {name: value for name, value in found.items() if name != "version"}
