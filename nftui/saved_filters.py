"""Filters that the user saves on the screen: `filters.toml` beside the configuration.

The configuration itself is written by people, with comments, and is never written by the program. This file has one
line per filter, `web = "tcp and port 443"`; lines that the program does not know stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from nftui.errors import ConfigError
from nftui.private_file import write_private
from nftui.text import clean
from nftui.toml_text import parse_toml
from nftui.trust import cautions

FILE = "filters.toml"
NAME = re.compile(r"(?!include$)[\w.-]+")
"""Names that `@name` can ask for."""

_MOST_BYTES = 1 << 20
_LONGEST = 4096
_HEAD = "# Filters saved on the screen; @NAME stands for one of them. Lines may be changed and removed by hand.\n"


def parse(text: bytes, origin: str) -> dict[str, str]:
    """Filters by name from the text of such a file.

    Raises:
        ConfigError: not TOML in UTF-8, or not names with texts.
    """
    found = parse_toml(text, origin)
    for name, value in found.items():
        if not NAME.fullmatch(name) or not isinstance(value, str):
            raise ConfigError(
                f"{origin}: {clean(name, _LONGEST)} must be a name of letters, digits, _, - and . with a text"
            )
    return {name: _harmless(value) for name, value in found.items()}


def read(path: Path) -> dict[str, str]:
    """Filters by name; none if there is no such file. Raises ConfigError, PermissionDenied."""
    try:
        with path.open("rb") as file:
            cautions(path, file.fileno())
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{path}: larger than {_MOST_BYTES} bytes")
    return parse(text, str(path))


def save(path: Path, name: str, text: str) -> Mapping[str, str]:
    """Put a filter into the file, in place of one of the same name; returns all of them.

    Raises:
        ConfigError: the file cannot be read or written, or the name is none.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a filter: letters, digits, _, - and . only")
    before = read(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else [_HEAD]
        quoted = f'"{name}"'
        line = f"{quoted} = {json.dumps(_harmless(text), ensure_ascii=False)}\n"
        own = re.compile(rf"\s*(?:{re.escape(name)}|{re.escape(quoted)})\s*=")
        kept = [other for other in lines if not own.match(other)]
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += "\n"
        content = "".join([*kept, line])
        after = before | {name: _harmless(text)}
        if not _means(content, after):
            raise ConfigError(f"{path}: {name} stands there over several lines; change it by hand")
        write_private(path, content)
    except OSError as error:
        raise ConfigError(f"cannot save the filter: {path}: {error.strerror}") from error
    return after


def _harmless(text: str) -> str:
    return " ".join(clean(" ".join(text.split()), _LONGEST).split())


def _means(content: str, filters: Mapping[str, str]) -> bool:
    try:
        return parse(content.encode(), "") == filters
    except ConfigError:
        return False
