"""Files that decide what nftui does or hides: settings, saved filters, keys. Who may change them?"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nftui.errors import PermissionDenied


def cautions(path: Path, descriptor: int, secret: bool = False) -> list[str]:
    """What somebody should know about an open file that is to be believed, in words.

    Args:
        path: its name, for messages.
        descriptor: the file.
        secret: nobody else should read it.

    Raises:
        PermissionDenied: everybody may write it.
    """
    mode = os.fstat(descriptor).st_mode
    if mode & stat.S_IWOTH:
        raise PermissionDenied(f"{path}: everybody may write this file, so it is not read; chmod o-w {path}")
    found = []
    if mode & stat.S_IWGRP:
        found.append(f"{path}: its group may write this file; chmod g-w {path} if that is not wanted")
    if secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        found.append(f"{path}: others may read this key; chmod 600 {path}")
    return found
