"""Letters and names of nfdump's, softflowd's and flow-tools' programs that are not ours: what to type instead.

Looked up only when a command line has been refused. `nftui collect` knows nfcapd's letters by itself, see
`nftui.cli.nfcapd_letters`.
"""

from __future__ import annotations

_COMPRESSED = "nftui convert --compress lz4, zstd or none writes nfdump files; Parquet is always compressed"
_IN_FILTER = "in the filter: 'packets > 100', 'bytes > 1M'"
_FOREGROUND = "it stays in the foreground: contrib/nftui-probe.service starts it at boot"

LETTERS: dict[str, dict[str, str]] = {
    "dump": {
        "-z": _COMPRESSED,
        "-y": _COMPRESSED,
        "-j": _COMPRESSED,
        "-J": _COMPRESSED,
        "-l": _IN_FILTER,
        "-L": _IN_FILTER,
        "-v": "nftui verify FILE",
        "-x": "nftui verify FILE",
        "-E": "nftui ctl -l DIR exporters, of a running collector",
        "-g": "nftui dump --series 5m",
        "-i": "nftui convert --ident TEXT",
        "-m": "-O tstart",
        "-D": "names of hosts are not looked up",
        "-G": "there is no geo database",
        "-C": "--config FILE",
    },
    "replay": {
        "-d": "-u USEC is the time between datagrams",
        "-4": "-H takes the address itself",
        "-6": "-H takes the address itself",
        "-j": "-H GROUP",
        "-b": "the kernel's buffer is left as it is",
    },
    "expire": {
        "-r": "nothing is kept in a file that could be wrong: nftui expire -l DIR counts",
        "-u": "nftui collect --expire-size 100G --expire-age 8w",
        "-T": "it runs until it is done; stopping it does no harm",
    },
    "probe": {
        "-p": "there is no pid file: systemd, or the shell's $!, knows the process",
        "-D": _FOREGROUND,
        "-P": "exports go over UDP",
        "-A": "times are exported in milliseconds",
        "-R": "PSAMP is not received",
        "-f": "the filter is the last argument",
        "-e": "-t active=SECONDS",
    },
}
"""By command of ours, letter of the program that it replaces: what to type or to know."""

PROGRAMS = {
    "nfcapd": "collect", "sfcapd": "collect", "flow-capture": "collect", "nfacctd": "collect", "nfdump": "dump",
    "flow-print": "dump", "flow-stat": "dump", "flow-cat": "dump", "flow-nfilter": "dump", "flowdumper": "dump",
    "flow-report": "dump", "flow-export": "convert", "ft2nfdump": "convert", "nfanon": "convert --anonymize",
    "nfreplay": "replay", "flow-send": "replay", "nfexpire": "expire", "flow-expire": "expire",
    "softflowd": "probe", "fprobe": "probe", "pmacctd": "probe", "softflowctl": "ctl",
}  # fmt: skip
"""Program to the command that takes its place."""


def letter_hint(command: str | None, option: str) -> str:
    """What to type instead of an option, with a separator in front; empty if that is not known."""
    found = LETTERS.get(command or "", {}).get(option)
    return f": {found}" if found else ""
