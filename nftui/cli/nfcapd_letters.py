"""nfcapd's letters that `nftui collect` has no use for: what a pasted command line is told about each.

A letter that changes nothing for the user is accepted with a note. One whose effect the user counts on (a daemon, a
pid file, expiry) is refused with what to type instead: a start script must not believe that it was done.
The letters are those of nfcapd(1) and sfcapd(1), 1.6 and 1.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from nftui.cli.diagnostics import say
from nftui.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Letter:
    """An option of nfcapd.

    Attributes:
        text: what to know or to type instead.
        refused: the command ends with it.
        value: it takes one: "needed", "maybe" or "" for none.
    """

    text: str
    refused: bool = False
    value: str = ""


LETTERS: dict[str, Letter] = {
    "-S": Letter("a store has its directories by itself, by date in UTC", value="needed"),
    "-T": Letter("everything that an exporter sends is kept", value="needed"),
    "-z": Letter("files of a store are always compressed", value="maybe"),
    "-y": Letter("files of a store are always compressed"),
    "-j": Letter("files of a store are always compressed"),
    "-v": Letter("nftui ctl health shows what is received and lost"),
    "-Z": Letter("names of files are in UTC"),
    "-4": Letter("IPv4 and IPv6 are both listened to; -b 0.0.0.0 for IPv4 alone"),
    "-6": Letter("IPv4 and IPv6 are both listened to; -b :: says the same"),
    "-D": Letter("the collector stays in the foreground: contrib/nftui-collect.service starts it at boot", True),
    "-P": Letter("there is no pid file: systemd, or the shell's $!, knows the process", True, "needed"),
    "-u": Letter("no root is needed for ports from 1024 on: start it as that user (systemd: User=)", True, "needed"),
    "-g": Letter("no root is needed for ports from 1024 on: start it in that group (systemd: Group=)", True, "needed"),
    "-e": Letter("type the limits here: --expire-size 100G --expire-age 8w", True),
    "-M": Letter("one store takes all exporters: -l DIR, and who may send with --allow", True, "needed"),
    "-J": Letter("type the group with the port: -p GROUP:PORT, or GROUP%INTERFACE:PORT", True, "needed"),
    "-m": Letter("numbers for a monitoring system are at --metrics PORT", True, "needed"),
    "-i": Letter("numbers for a monitoring system are at --metrics PORT", True, "needed"),
    "-C": Letter("--config FILE is the option; its keys are in docs/collect.md", True, "needed"),
    "-E": Letter("flows as they come: nftui dump -o raw, or the screen", True),
}


def accept_letters(command: _Command) -> _Command:
    """Let a command take nfcapd's letters, hidden from its help."""
    for letter, meaning in LETTERS.items():
        if meaning.value == "maybe":
            option = _option(letter, is_flag=False, flag_value="")
        else:
            option = _option(letter, is_flag=not meaning.value)
        command = option(command)
    return command


def _option(letter: str, **kind: Any) -> Callable[[_Command], _Command]:
    name = f"nfcapd_{'upper' if letter[1].isupper() else 'lower'}_{letter[1].lower()}"
    return click.option(letter, name, hidden=True, expose_value=False, callback=_answer(letter), **kind)


def _answer(letter: str) -> Callable[[click.Context, click.Parameter, object], None]:
    meaning = LETTERS[letter]

    def _told(_: click.Context, __: click.Parameter, value: object) -> None:
        if value is None or value is False:
            return
        if meaning.refused:
            raise UsageError(f"nfcapd's {letter} is not taken: {meaning.text}")
        say(f"nftui: nfcapd's {letter} changes nothing: {meaning.text}")

    return _told


def last_store(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Callback of `-l` and `-w`: nfcapd 1.6 has a `-w` without a value, which would take the next option for one.

    Raises:
        UsageError: a value looks like an option.
    """
    for value in values:
        if value.startswith("-"):
            raise UsageError(
                f"-w {value}: -w names the directory, as in nfcapd 1.7; leave nfcapd 1.6's -w out, slots are aligned"
            )
    return values[-1] if values else None
