"""Text for people: untrusted strings made harmless, and values written the way nfdump's users read them.

Nothing here imports more than the standard library: the command line formats with it before NumPy is loaded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

V4_PREFIX = 0xFFFF << 32
"""High 96 bits of an IPv4-mapped address, ::ffff:0:0/96."""

_UNSAFE = re.compile(
    # C0 and C1 controls, DEL, bidirectional overrides and isolates, line and paragraph separators, the byte
    # order mark and the tag characters: each can move the cursor, hide or reorder what follows.
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def clean(raw: bytes | str, limit: int = 255) -> str:
    """Make a string from the network fit for a terminal, a file and a log line.

    Invalid UTF-8 becomes U+FFFD; control characters, bidirectional overrides and other invisible characters are
    removed; trailing NULs (fixed-length strings are padded with them) and blanks go; at most `limit` characters.
    """
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return _UNSAFE.sub("", text.rstrip("\x00 "))[:limit]


def is_clean(text: str) -> bool:
    """Whether `clean` would leave the text as it is, and every character has a known width."""
    return not _UNSAFE.search(text) and all(unicodedata.category(c)[0] != "C" for c in text)


@lru_cache(maxsize=65536)
def address(value: int) -> str:
    """Address of a 128-bit integer; IPv4-mapped ones in dotted form."""
    if value >> 32 == 0xFFFF:
        return str(IPv4Address(value & 0xFFFFFFFF))
    return str(IPv6Address(value))


def parse_address(text: str) -> int:
    """128-bit integer of an address, IPv4 mapped. Raises ValueError, also for a scope such as `%eth0`."""
    if "%" in text:
        raise ValueError(f"{text!r} has a scope; flow records have none")
    if ":" in text:
        return int(IPv6Address(text))
    return V4_PREFIX | int(IPv4Address(text))


def short_address(text: str, width: int = 16) -> str:
    """Nfdump's condensed form of a long IPv6 address: first 7 characters, two dots, last 7."""
    return text if len(text) <= width else f"{text[:7]}..{text[-7:]}"


def mac(value: int) -> str:
    """48-bit integer as aa:bb:cc:dd:ee:ff."""
    return ":".join(f"{value >> shift & 0xFF:02x}" for shift in range(40, -8, -8))


def mpls(entry: int) -> str:
    """24-bit label stack entry as nfdump writes it: label-experimental-bottom."""
    return f"{entry >> 4}-{entry >> 1 & 7}-{entry & 1}"


_FLAG_LETTERS = "CEUAPRSF"


def tcp_flags(value: int) -> str:
    """TCP control bits as eight places, `...AP.SF`."""
    return "".join(c if value >> (7 - i) & 1 else "." for i, c in enumerate(_FLAG_LETTERS))


_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


def tcp_flag_names(value: int) -> str:
    """TCP control bits spelled out, `SYN ACK`; `none` when no bit is set."""
    return " ".join(name for i, name in enumerate(_FLAG_NAMES) if value >> i & 1) or "none"


def scaled(value: float, plain: bool = False) -> str:
    """Counter as nfdump writes it: below a million plain, then `12.3 M`, `G`, `T`."""
    if plain or value < 1_000_000:
        return str(int(value))
    for limit, unit in ((1e12, "T"), (1e9, "G")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return f"{value / 1e6:.1f} M"


def spaced(text: str) -> str:
    """`2.79G` as `2.79 G`, for a unit that follows."""
    return f"{text[:-1]} {text[-1]}" if text[-1].isalpha() else f"{text} "


def counted(count: int, noun: str, short: bool = False) -> str:
    """A number of things: `1 flow`, `2,000 flows`; short, `2.00k flows`."""
    return f"{compact(count) if short else f'{count:,}'} {noun}{'' if count == 1 else 's'}"


def measured(value: float, unit: str) -> str:
    """A measured amount: bits and bytes with a prefix, `33.4 kbit/s`, of other units as counted, `21.3k pkt/s`."""
    return f"{spaced(compact(value)) if unit in _PREFIXED else f'{compact(value)} '}{unit}"


def percent(share: float, places: int = 0) -> str:
    """A part of one in percent: `12 %`."""
    return f"{100 * share:.{places}f} %"


_PREFIXED = frozenset({"bit/s", "B/s", "B"})


def compact(value: float) -> str:
    """Rate or counter in at most six places for narrow columns: `999`, `12.3k`, `1.25M`."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit * 0.9995:
            number = value / limit
            places = 2 if number < 9.995 else 1 if number < 99.95 else 0
            return f"{number:.{places}f}{unit}"
    return f"{value:.0f}" if value == int(value) or value >= 99.5 else f"{value:.1f}"


def duration(ms: int) -> str:
    """Milliseconds as `HH:MM:SS.mmm`, with days in front when there are any."""
    seconds, millis = divmod(max(0, ms), 1000)
    days, rest = divmod(seconds, 86400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}.{millis:03d}"
    return f"{days}d {clock}" if days else clock


PROTOCOLS: dict[int, str] = {
    0: "HOPOPT", 1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 8: "EGP", 9: "IGP", 12: "PUP", 17: "UDP", 22: "IDP",
    27: "RDP", 29: "TP4", 33: "DCCP", 41: "IPv6", 43: "Route6", 44: "Frag6", 46: "RSVP", 47: "GRE", 50: "ESP",
    51: "AH", 58: "ICMP6", 59: "NoNxt6", 60: "Opts6", 88: "EIGRP", 89: "OSPF", 92: "MTP", 94: "IPIP", 97: "ETHIP",
    98: "ENCAP", 103: "PIM", 108: "COMP", 112: "VRRP", 115: "L2TP", 132: "SCTP", 133: "FC", 135: "MobIP6",
    136: "UDPLite", 137: "MPLS", 139: "HIP", 140: "SHIM6", 142: "ROHC", 255: "RAW",
}  # fmt: skip
"""Protocol numbers with the names that nfdump prints, where it has one."""


def protocol(number: int) -> str:
    """Name of an IP protocol, or its number."""
    return PROTOCOLS.get(number, str(number))


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant, None if nothing is near; of equals, the one with letters exchanged."""
    letters = sorted(word)

    def likeness(other: str) -> tuple[float, bool]:
        return SequenceMatcher(None, other, word).ratio(), sorted(other) == letters

    return max(get_close_matches(word, list(known), 5, cutoff), key=likeness, default=None)
