"""Damaged files are put aside, never deleted and never left where a query meets them."""

from __future__ import annotations

import os
from pathlib import Path

from nftui.engine.store.disk import make_directory, sync_directory
from nftui.engine.store.layout import QUARANTINE


def quarantine(root: Path, path: Path) -> Path:
    """Move a file of the store into `_quarantine/`; returns its new path. Raises OSError."""
    directory = root / QUARANTINE
    make_directory(directory, root)
    target = directory / path.name
    number = 0
    while target.exists():
        number += 1
        target = directory / f"{path.name}.{number}"
    os.rename(path, target)
    sync_directory(directory)
    return target
