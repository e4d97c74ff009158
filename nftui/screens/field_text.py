"""A flow in words: every field that has a value, from the schema registry."""

from __future__ import annotations

from datetime import UTC, datetime

from nftui import text
from nftui.engine import elements
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FIELDS, Field, Kind, Quality, Show
from nftui.screens.columns import service
from nftui.screens.header_words import icmp, tos
from nftui.widgets.flow_detail import DetailLine

_QUALITY_WORDS = {
    Quality.TIME_REPAIRED: "times repaired", Quality.TIME_MISSING: "no flow times", Quality.RATE_UNKNOWN:
    "sampling rate unknown", Quality.RATE_CLAMPED: "sampling rate clamped", Quality.END_BEFORE_START:
    "start and end exchanged", Quality.LATE_TEMPLATE: "waited for its template", Quality.COUNTER_CLAMPED:
    "counter clamped",
}  # fmt: skip

_SAMPLED = frozenset({"bytes", "packets", "out_bytes", "out_packets"})


def detail_lines(batch: FlowBatch, row: int = 0) -> list[DetailLine]:
    """All fields of a flow that are not null, in the order of the registry; other elements last, one line each."""
    rate = batch.value("sampling_rate", row)
    lines = []
    for field in FIELDS.values():
        value = batch.value(field.name, row)
        if value is None:
            continue
        if field.kind is Kind.EXTRA and isinstance(value, list):
            lines += [_element(pen, element, data) for pen, element, data in value]
        elif not isinstance(value, list):
            shown = _header_text(field.name, value, batch, row) or field_text(field, value)
            if field.name in _SAMPLED and isinstance(rate, int) and rate > 1 and isinstance(value, int):
                shown += f", sampled 1:{rate:,}: about {value * rate:,} {field.unit}".rstrip()
            lines.append(
                DetailLine(field.name, field.title, shown, field.doc, filter_term(field, value), _origin(field))
            )
    return lines


def _header_text(name: str, value: int | str, batch: FlowBatch, row: int) -> str:
    """Fields whose numbers have names by other fields, or in parts; empty for others."""
    if not isinstance(value, int):
        return ""
    protocol = batch.value("proto", row)
    if name in {"ip_tos", "dst_tos"}:
        return tos(value)
    if protocol not in {1, 58} or not isinstance(protocol, int):
        return ""
    if name == "icmp_type":
        return f"{value} ({icmp(protocol, value)})"
    if name == "icmp_code":
        kind = batch.value("icmp_type", row)
        return f"{value} ({icmp(protocol, kind, value)})" if isinstance(kind, int) else ""
    return f"{value} ({icmp(protocol, value >> 8, value & 0xFF)})" if name == "dst_port" else ""


def flow_title(batch: FlowBatch, row: int = 0) -> str:
    """The 5-tuple of a flow in one line."""
    number = batch.value("proto", row)
    protocol = text.protocol(number) if isinstance(number, int) else "flow"
    ends = []
    for side in ("src", "dst"):
        value, port = batch.value(f"{side}_addr", row), batch.value(f"{side}_port", row)
        address = text.address(value) if isinstance(value, int) else "-"
        ends.append(f"{address} {port}" if isinstance(port, int) else address)
    return f"{protocol}  {ends[0]} > {ends[1]}"


def field_text(field: Field, value: int | str) -> str:
    """A value for people, with its unit."""
    if isinstance(value, str):
        return text.clean(value)
    match field.show:
        case Show.ADDRESS:
            return text.address(value)
        case Show.TIME:
            moment = datetime.fromtimestamp(value / 1000, UTC).astimezone()
            return f"{moment:%Y-%m-%d %H:%M:%S}.{value % 1000:03d} {moment:%Z}"
        case Show.PROTOCOL:
            name = text.protocol(value)
            return name if name == str(value) else f"{name} ({value})"
        case Show.PORT:
            name = service(str(value))
            return name if name == str(value) else f"{value} ({name})"
        case Show.TCP_FLAGS:
            return f"{text.tcp_flags(value & 0xFF)}  {text.tcp_flag_names(value & 0xFF)}  (0x{value:02x})"
        case Show.MAC:
            return text.mac(value)
        case Show.MPLS:
            return text.mpls(value)
        case Show.ENUM:
            word = dict(field.names).get(value)
            return f"{word} ({value})" if word else str(value)
        case Show.QUALITY:
            words = [word for bit, word in _QUALITY_WORDS.items() if value & bit]
            return ", ".join(words) or "nothing repaired"
        case Show.HEX:
            return f"0x{value:04x}"
        case Show.COUNT:
            return f"{value:,} {_unit(value, field)}".rstrip()
        case _:
            return f"{value} {_unit(value, field)}".rstrip()


def _unit(value: int, field: Field) -> str:
    """Unit of a value: `packets`, but `packet` of one."""
    return field.unit[:-1] if value == 1 and len(field.unit) > 1 and field.unit.endswith("s") else field.unit


def filter_term(field: Field, value: int | str) -> str:
    """Filter for the flows with this value; empty where that makes no sense."""
    if isinstance(value, str):
        return f'{field.name} "{value}"' if value and '"' not in value and "\\" not in value else ""
    match field.show:
        case Show.ADDRESS:
            return f"{field.name} {text.address(value)}"
        case Show.MAC:
            return f"{field.name} {text.mac(value)}"
        case Show.TIME | Show.QUALITY | Show.MPLS:
            return ""
        case Show.TCP_FLAGS:
            return f"{field.name} {value & 0xFF}"
        case _:
            return f"{field.name} {value}"


def _origin(field: Field) -> str:
    """Elements that fill a field."""
    pairs = [(0, element) if isinstance(element, int) else element for element in field.elements]
    names = [f"{elements.label(pen, number)} ({number if not pen else f'{pen}.{number}'})" for pen, number in pairs]
    return f"IPFIX element {', '.join(names)}" if names else ""


def _element(pen: int, element: int, data: bytes) -> DetailLine:
    forms = [data.hex() or "empty"]
    if 1 <= len(data) <= 8:
        forms.append(f"{int.from_bytes(data, 'big'):,}")
    words = text.clean(data)
    if words and text.is_clean(words) and "\ufffd" not in words:
        forms.append(f'"{words}"')
    owner = f"enterprise {pen}" if pen else "IANA"
    known = elements.find(pen, element)
    typed = elements.value_text(known.kind, data) if known is not None else None
    if known is not None and typed is not None:
        forms = [typed, f"0x{data.hex()}"] if known.kind != "string" else [f'"{typed}"']
    doc = f"Element {element} of {owner}, {known.kind if known is not None else 'of a type that nobody named'}."
    return DetailLine("extra", elements.label(pen, element), " = ".join(forms), doc)
