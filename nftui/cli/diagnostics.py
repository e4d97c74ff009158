"""The only writer to standard error: standard output carries data and nothing else."""

from __future__ import annotations

import sys
from contextlib import suppress

from nftui.errors import FilterError, NftuiError
from nftui.text import clean


def say(message: str) -> None:
    """Write one line for people; text from outside is made harmless, a closed terminal is no error."""
    with suppress(OSError, ValueError):
        sys.stderr.write("".join(f"{clean(line, 4096)}\n" for line in message.splitlines()))
        sys.stderr.flush()


def report(error: NftuiError) -> None:
    """Write an error as one line; a filter's with the place below it."""
    say(f"nftui: {error}")
    if isinstance(error, FilterError):
        if error.text:
            say(error.caret())
        if error.expected:
            say(f"expected {', '.join(error.expected)}")
        if error.suggestion:
            say(f"did you mean {error.suggestion}?")
