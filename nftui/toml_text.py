"""TOML texts that people write: everything that is wrong with one is a ConfigError."""

from __future__ import annotations

import tomllib
from typing import Any

from nftui.errors import ConfigError
from nftui.text import clean

_LONGEST = 200


def parse_toml(text: bytes, origin: str) -> dict[str, Any]:
    """The document that a text is.

    Raises:
        ConfigError: not UTF-8, not TOML, nested too deep, or a number of more digits than Python takes.
    """
    try:
        return tomllib.loads(text.decode())
    # Bad TOML and UTF-8 are ValueErrors of their own; a number of thousands of digits is a plain one.
    except ValueError as error:
        raise ConfigError(f"{origin}: not TOML: {clean(str(error), _LONGEST)}") from error
    except RecursionError as error:
        raise ConfigError(f"{origin}: not TOML: nested too deep") from error
