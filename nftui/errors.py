"""Every error that nftui reports, with the exit code that a script sees.

    NftuiError                       70  a part of the program failed
      UsageError                      2  wrong options or arguments
        ConfigError                   2  a configuration file or variable is wrong
      PartialAnswer                   3  answered, but files were skipped
      NoTerminal                     64  the screen needs a terminal
      FilterError                    65  bad filter; knows the place
      BackendError                   69  a query engine could not be reached or refused
      ListenError                    69  a port could not be opened
      OutputFailed                   73  standard output could not be written, such as to a full disk
      StoreError                     73  the store could not be read or written
        StoreLocked                  73  another process writes it
        DiskFull                     73
        CorruptFile                  73
      PermissionDenied               77  a right is missing; says which and how to give it

An error's text is one line that a user can act on: what failed, on what, and why. Exit code 0 is success.
"""

from __future__ import annotations

import os


class NftuiError(Exception):
    """Base of all errors that are shown to a user as one line."""

    exit_code = 70


class UsageError(NftuiError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or environment variable is wrong."""


class PartialAnswer(NftuiError):
    """The answer is complete except for files that could not be read."""

    exit_code = 3


class NoTerminal(NftuiError):
    """Standard input or output is not a terminal that can show the screen."""

    exit_code = 64


class FilterError(NftuiError):
    """A filter that does not parse or does not make sense.

    Attributes:
        text: the whole filter.
        position: 0-based offset of the first wrong character in `text`.
        length: how many characters are wrong, at least 1.
        expected: what would have been right, in words, most likely first.
        suggestion: the nearest known word, or None.
    """

    exit_code = 65

    def __init__(
        self,
        message: str,
        text: str = "",
        position: int = 0,
        length: int = 1,
        expected: tuple[str, ...] = (),
        suggestion: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.position = position
        self.length = max(1, length)
        self.expected = expected
        self.suggestion = suggestion

    def caret(self) -> str:
        """The line of the filter that is wrong, and a second line with carets under the place."""
        start = self.text.rfind("\n", 0, self.position) + 1
        end = self.text.find("\n", self.position)
        line = self.text[start : end if end >= 0 else len(self.text)]
        width = max(1, min(self.length, len(line) - (self.position - start)))
        return f"{line}\n{' ' * (self.position - start)}{'^' * width}"


class BackendError(NftuiError):
    """A query engine failed or is away."""

    exit_code = 69


class ListenError(NftuiError):
    """A socket could not be opened."""

    exit_code = 69


class OutputFailed(NftuiError):
    """Standard output took no more, although there is somebody who reads it."""

    exit_code = 73


class StoreError(NftuiError):
    """The store cannot be read or written."""

    exit_code = 73


class StoreLocked(StoreError):
    """Another process writes this store.

    Attributes:
        owner: who holds the lock, as text, such as "pid 4711 on host gw1".
    """

    def __init__(self, message: str, owner: str = "") -> None:
        super().__init__(message)
        self.owner = owner


class DiskFull(StoreError):
    """No space or no inodes left below the store."""


class CorruptFile(StoreError):
    """A file of the store is damaged."""


class PermissionDenied(NftuiError):
    """A right is missing; the text names it and the command that gives it."""

    exit_code = 77


def unexpected(error: Exception) -> str:
    """One line about an exception that nobody foresaw: what it is, and where in nftui it was raised."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if trace.tb_frame.f_globals.get("__name__", "").startswith("nftui."):
            place = f" ({os.path.basename(code.co_filename)}, line {trace.tb_lineno})"
        trace = trace.tb_next
    said = first_line(error)
    kind = type(error).__name__
    return f"{kind}{place}" if said == kind else f"{kind}: {said}{place}"


def first_line(error: Exception) -> str:
    """What a library's error says, in one line; its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
