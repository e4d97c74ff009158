"""Make `nftui/engine/elements.tsv`, the table of information elements, from public sources.

    python tools/elements/generate.py            write the table
    python tools/elements/generate.py --check    exit with 1 if it is not what the sources give

Sources, of which only facts (numbers, names, types) are taken, the first one that names an element counts:

    vendors.tsv, later.tsv   beside this file, from documents named there
    netflow (PyPI, MIT)      the IANA registry up to number 491
    libfixbuf-tools (Debian) CERT's registry, enterprise 6871: /usr/share/libfixbuf/cert_ipfix.xml
    tshark                   elements of further vendors as Wireshark names them: `tshark -G values` and `-G fields`
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

HERE = Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "nftui" / "engine" / "elements.tsv"
CERT_REGISTRY = Path("/usr/share/libfixbuf/cert_ipfix.xml")
CERT = 6871
_CERT_NAMESPACE = "{http://www.iana.org/assignments}"

Element = tuple[int, int, str, str]
"""Enterprise number, element number, name, abstract type of RFC 7012 section 3.1."""

VENDORS = {
    "cisco": 9, "ixia": 3054, "netscaler": 5951, "barracuda": 10704, "plixer": 13745, "gigamon": 26866, "fastip": 32946,
    "ntop": 35632, "niagara_networks": 47729,
}  # fmt: skip
"""Wireshark's word for a vendor and the enterprise number."""
TYPES = {
    "FT_UINT8": "unsigned8", "FT_UINT16": "unsigned16", "FT_UINT32": "unsigned32", "FT_UINT64": "unsigned64",
    "FT_INT32": "signed32", "FT_FLOAT": "float32", "FT_STRING": "string", "FT_IPv4": "ipv4Address",
    "FT_IPv6": "ipv6Address", "FT_ETHER": "macAddress", "FT_BOOLEAN": "boolean",
}  # fmt: skip
"""Wireshark's types; others are shown as bytes."""


def own(name: str, enterprise: tuple[int, ...] = ()) -> Iterator[Element]:
    """Elements of a table beside this file."""
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            *numbers, word, kind = line.split("\t")
            pen, element = (*enterprise, *(int(number) for number in numbers))
            yield pen, element, word, kind


def iana() -> Iterator[Element]:
    """The IANA registry."""
    from netflow.ipfix import IPFIXFieldTypes  # type: ignore[import-untyped]

    for element, name, kind in IPFIXFieldTypes.iana_field_types:
        if kind and element:
            yield 0, element, name, kind


def cert() -> Iterator[Element]:
    """CERT's registry; a reversible element has its reverse at its number with bit 14 set (libfixbuf's manual)."""
    for record in ET.parse(CERT_REGISTRY).iter(_CERT_NAMESPACE + "record"):
        kind, number = record.findtext(_CERT_NAMESPACE + "dataType"), record.findtext(_CERT_NAMESPACE + "elementId")
        name = record.findtext(_CERT_NAMESPACE + "name")
        if kind and name and number and number.isdigit():
            yield CERT, int(number), name, kind
            if record.findtext("{http://www.cert.org/ipfix}reversible") == "true":
                yield CERT, int(number) | 0x4000, "reverse" + name[0].upper() + name[1:], kind


def wireshark() -> Iterator[Element]:
    """Elements of further vendors, and the range of NetFlow v9 above 32767."""
    kinds: dict[str, str] = {}
    for line in _tshark("fields"):
        part = line.split("\t")
        if part[0] == "F" and part[2].startswith("cflow."):
            for key in (part[2].removeprefix("cflow.").removeprefix("pie."), part[2].rsplit(".", 1)[-1]):
                kinds.setdefault(_plain(key), TYPES.get(part[3], "octetArray"))
    for line in _tshark("values"):
        found = re.fullmatch(r"V\tcflow\.template_(?:(\w+)_)?field_type\t(\d+)\t(.+)", line)
        if found is None or found[1] == "ipfix":
            continue
        vendor, element, title = found[1], int(found[2]), found[3]
        if vendor in VENDORS or (vendor is None and element >= 33000):
            kind = kinds.get(_plain(f"{vendor}{title}")) or kinds.get(_plain(title)) or "octetArray"
            yield VENDORS.get(vendor or "", 0), element, _word(title), kind


def _tshark(what: str) -> list[str]:
    return subprocess.run(["tshark", "-G", what], check=True, capture_output=True, text=True).stdout.splitlines()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _word(title: str) -> str:
    """A title as one word: names of constants stay as they are, words are joined as in RFC 7012 section 2.3."""
    parts = [part for part in re.split(r"[^A-Za-z0-9_]+", title) if part]
    if len(parts) == 1:
        return parts[0]
    first, *rest = parts
    return first.lower() + "".join(part[0].upper() + part[1:] for part in rest)


def table() -> str:
    """The whole table as text."""
    chosen: dict[tuple[int, int], Element] = {}
    for source in (own("vendors.tsv"), own("later.tsv", (0,)), iana(), cert(), wireshark()):
        for item in source:
            chosen.setdefault(item[:2], item)
    body = "".join("\t".join(map(str, chosen[key])) + "\n" for key in sorted(chosen))
    digest = hashlib.sha256(body.encode()).hexdigest()
    return (
        "# Information elements: enterprise number, number, name, abstract type. Made by tools/elements/generate.py.\n"
        f"# SHA-256 of the lines below: {digest}\n{body}"
    )


def main() -> int:
    """Write the table, or compare it."""
    text = table()
    if "--check" in sys.argv:
        return int(text != TABLE.read_text())
    TABLE.write_text(text)
    print(f"{text.count(chr(10)) - 2} elements")
    return 0


if __name__ == "__main__":
    sys.exit(main())
