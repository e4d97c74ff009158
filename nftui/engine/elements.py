"""Names and types of information elements: the IANA registry, vendors' tables and the user's own.

The table (`elements.tsv`, made by `tools/elements/generate.py`) is read at the first question and never at a start:
decoding needs numbers only. A user's file has lines of the same form and comes first.
"""

from __future__ import annotations

import functools
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from nftui import text
from nftui.engine.schema import REVERSE_PEN
from nftui.errors import ConfigError

VENDORS = {
    9: "cisco", 637: "nokia", 2011: "huawei", 2636: "juniper", 3054: "ixia", 5951: "netscaler", 6871: "cert",
    6876: "vmware", 9789: "sophos", 10704: "barracuda", 12326: "barracuda", 12356: "fortinet", 13745: "plixer",
    14988: "mikrotik", 15397: "procera", 21373: "netfilter", 25461: "paloalto", 26866: "gigamon", 32946: "fastip",
    35632: "ntop", 41916: "viptela", 47729: "niagara",
}  # fmt: skip
"""Enterprise number to the word in front of the vendor's elements."""

TYPES = (
    "octetArray", "unsigned8", "unsigned16", "unsigned32", "unsigned64", "signed8", "signed16", "signed32", "signed64",
    "float32", "float64", "boolean", "macAddress", "string", "dateTimeSeconds", "dateTimeMilliseconds",
    "dateTimeMicroseconds", "dateTimeNanoseconds", "ipv4Address", "ipv6Address", "basicList", "subTemplateList",
    "subTemplateMultiList", "unsigned256",
)  # fmt: skip
"""Abstract types by their number in RFC 5610 section 3.1 and the IANA registry of data types."""

_NTP_EPOCH = 2_208_988_800
_LIST_SEMANTICS = {0: "none of", 1: "exactly one of", 2: "one or more of", 3: "all of", 4: "ordered", 255: "list"}
"""RFC 6313 section 4.4."""
_LISTED = 16
"""Values of a list that are written out."""


class Element(NamedTuple):
    """An information element: enterprise number (0 for IANA), number, name, abstract type (RFC 7012 section 3.1)."""

    pen: int
    number: int
    name: str
    kind: str


_user: dict[tuple[int, int], Element] = {}


def read_user_file(path: Path) -> int:
    """Take over the names of a user's file in place of those of an earlier one; returns how many there are.

    Lines are `ENTERPRISE NUMBER NAME [TYPE]`, separated by blanks; `#` starts a comment.

    Raises:
        ConfigError: the file cannot be read, or a line is not of this form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the elements file {path}: {error}") from error
    found: dict[tuple[int, int], Element] = {}
    for place, line in enumerate(lines, 1):
        parts = line.split("#")[0].split()
        if parts:
            element = _parse(parts)
            if element is None:
                raise ConfigError(f"{path}:{place}: expected ENTERPRISE NUMBER NAME [TYPE], got {text.clean(line)!r}")
            found[element.pen, element.number] = element
    _user.clear()
    _user.update(found)
    label.cache_clear()
    return len(found)


def _parse(parts: list[str]) -> Element | None:
    if not 3 <= len(parts) <= 4 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    pen, number, name = int(parts[0]), int(parts[1]), text.clean(parts[2], 64)
    kind = parts[3] if len(parts) == 4 else "octetArray"
    good = pen < 1 << 32 and 0 < number < 1 << 16 and kind in TYPES
    return Element(pen, number, name, kind) if good else None


@functools.cache
def _table() -> dict[tuple[int, int], Element]:

    from importlib import resources

    raw = resources.files("nftui.engine").joinpath("elements.tsv").read_text(encoding="utf-8")
    out = {}
    for line in raw.splitlines():
        if not line.startswith("#"):
            pen, number, name, kind = line.split("\t")
            out[int(pen), int(number)] = Element(int(pen), int(number), name, kind)
    return out


def find(pen: int, number: int) -> Element | None:
    """The element, None when nobody named it; reverse elements of RFC 5103 are those of IANA."""
    found = _user.get((pen, number)) or _table().get((pen, number))
    if found is None and pen == REVERSE_PEN and (forward := _table().get((0, number))) is not None:
        name = "reverse" + forward.name[0].upper() + forward.name[1:]
        return Element(pen, number, name, forward.kind)
    return found


@functools.lru_cache(maxsize=65_536)
def label(pen: int, number: int) -> str:
    """Name for people: `sourceIPv4Address`, `ntop.L7_PROTO`; a number where there is no name, as `35632.118`."""
    found = find(pen, number)
    if found is None:
        return f"{pen}.{number}" if pen else str(number)
    vendor = "" if (pen, number) in _user else VENDORS.get(pen, "")
    return f"{vendor}.{found.name}" if vendor else found.name


def shown_value(pen: int, number: int, raw: bytes) -> str:
    """A value for people and for output: by the element's type, else in hexadecimal."""
    found = find(pen, number)
    shown = value_text(found.kind, raw) if found is not None else None
    return raw.hex() if shown is None else shown


def value_text(kind: str, raw: bytes) -> str | None:
    """A value by its abstract type, for people; None where the bytes are not of that type (RFC 7011 section 6)."""
    size = len(raw)
    number = int.from_bytes(raw, "big")
    if kind == "string":
        return text.clean(raw)
    if kind.startswith("unsigned"):
        return str(number) if 1 <= size <= int(kind[8:]) // 8 else None
    if kind.startswith("signed"):
        return str(int.from_bytes(raw, "big", signed=True)) if 1 <= size <= int(kind[6:]) // 8 else None
    if kind in {"float32", "float64"}:
        return f"{struct.unpack('>f' if size == 4 else '>d', raw)[0]:g}" if size in {4, 8} else None
    if kind == "boolean":
        return {1: "true", 2: "false"}.get(number) if size == 1 else None
    if kind == "macAddress":
        return text.mac(number) if size == 6 else None
    if kind == "ipv4Address":
        return text.address(text.V4_PREFIX | number) if size == 4 else None
    if kind == "ipv6Address":
        return text.address(number) if size == 16 else None
    if kind.startswith("dateTime"):
        return _moment(kind, number, size)
    return _basic_list(raw) if kind == "basicList" else None


def _moment(kind: str, number: int, size: int) -> str | None:
    if size != (4 if kind == "dateTimeSeconds" else 8):
        return None
    if kind in {"dateTimeSeconds", "dateTimeMilliseconds"}:
        micros = number * (1_000_000 if kind == "dateTimeSeconds" else 1000)
    else:
        micros = ((number >> 32) - _NTP_EPOCH) * 1_000_000 + ((number & 0xFFFFFFFF) * 1_000_000 >> 32)
    try:
        return datetime.fromtimestamp(micros / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    except (OverflowError, ValueError, OSError):
        return None


def _basic_list(raw: bytes) -> str | None:
    """A list of values of one element, RFC 6313 section 4.5.1."""
    if len(raw) < 5:
        return None
    semantic, number, length = struct.unpack_from(">BHH", raw)
    place, pen = 5, 0
    if number & 0x8000:
        if len(raw) < 9:
            return None
        pen, number, place = int.from_bytes(raw[5:9], "big"), number & 0x7FFF, 9
    values: list[str] = []
    found = find(pen, number)
    while place < len(raw):
        size = length
        if length == 65535:
            size, place = raw[place], place + 1
            if size == 255:
                size, place = int.from_bytes(raw[place : place + 2], "big"), place + 2
        part = raw[place : place + size]
        if len(part) < size or not (size or length == 65535):
            return None
        place += size
        shown = value_text(found.kind, part) if found is not None and found.kind != "basicList" else None
        values.append(shown if shown is not None else part.hex())
    more = ", ..." if len(values) > _LISTED else ""
    order = _LIST_SEMANTICS.get(semantic, "list")
    return f"{order} {label(pen, number)} [{', '.join(values[:_LISTED])}{more}]"
