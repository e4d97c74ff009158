"""The file that keeps exporters' templates over a restart: `STORE/_state/templates.json`.

Without it exporters send their templates again after some minutes.
"""

from __future__ import annotations

from pathlib import Path

from nftui.engine.store.state_file import STATE, StateFile

__all__ = ["STATE", "TemplateFile"]


class TemplateFile(StateFile):
    """The file of one store.

    Args:
        root: directory of the store.
        most_bytes: a larger file is neither read nor written.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        super().__init__(root, "templates.json", most_bytes)
