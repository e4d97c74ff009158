"""How values are written in text output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from nftui import text
from nftui.engine.schema import Field, Show

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Style:
    """How values are written.

    Attributes:
        plain: numbers without M, G and T, protocols as numbers (-N).
        full_ipv6: addresses at full length (-6).
        zone: zone of times; None is the machine's.
        scaled: counters are multiplied by the sampling rate.
    """

    plain: bool = False
    full_ipv6: bool = False
    zone: tzinfo | None = None
    scaled: bool = True

    def times(self, values: Iterable[int | None]) -> Iterator[str]:
        """A column of times, as `time` writes them."""
        seconds, millis = _Seconds(self.zone), _MILLIS
        for ms in values:
            yield f"{ABSENT:23}" if ms is None else seconds[ms // 1000] + millis[ms % 1000]

    def time(self, ms: object) -> str:
        """Time with milliseconds in the zone."""
        if not isinstance(ms, int):
            return ABSENT
        return f"{_second(ms // 1000, self.zone)}.{ms % 1000:03d}"

    def address(self, value: int | None) -> str:
        """Address, condensed to 16 characters unless at full length."""
        if value is None:
            return ABSENT
        written = text.address(value)
        return written if self.full_ipv6 else text.short_address(written)

    def count(self, value: object) -> str:
        """Counter, scaled with M, G and T unless plain."""
        return text.scaled(value, self.plain) if isinstance(value, int | float) else ABSENT

    @property
    def width(self) -> int:
        """Columns of an address."""
        return 39 if self.full_ipv6 else 16


_MILLIS = tuple(f".{ms:03d}" for ms in range(1000))


class _Seconds(dict[int, str]):
    """Texts of whole seconds in a zone, made when they are first asked for."""

    def __init__(self, zone: tzinfo | None) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, second: int) -> str:
        text = self[second] = _second(second, self._zone)
        return text


@lru_cache(maxsize=8192)
def _second(seconds: int, zone: tzinfo | None) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def number(value: object) -> str:
    """A number as it is, or the sign for absent."""
    return ABSENT if value is None else str(value)


def protocol(style: Style, number: int | None) -> str:
    """Protocol by name, or by number where numbers are plain."""
    if number is None:
        return ABSENT
    return str(number) if style.plain else text.protocol(number)


def network(style: Style, value: int | None, mask: int | None) -> str:
    """Address with the bits beyond the mask cleared, and the mask."""
    if value is None or mask is None:
        return ABSENT
    width = 32 if value >> 32 == 0xFFFF else 128
    host = (1 << max(0, width - mask)) - 1
    return f"{style.address(value & ~host)}/{mask}"


def destination_port(port: int | None, proto: int | None, icmp_type: int | None, icmp_code: int | None) -> str:
    """Destination port; for ICMP `type.code`, from its own fields or from the port."""
    if proto not in {1, 58}:
        return number(port)
    if icmp_type is None and port is None:
        return ABSENT
    if icmp_type is None:
        assert port is not None
        icmp_type, icmp_code = divmod(port, 256)
    return f"{icmp_type}.{icmp_code or 0}"


def field_text(style: Style, item: Field, value: int | str | None) -> str:
    """Value of a field as people read it."""
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return text.clean(value)
    if item.show is Show.ADDRESS:
        return style.address(value)
    if item.show is Show.MAC:
        return text.mac(value)
    if item.show is Show.MPLS:
        return text.mpls(value)
    if item.show is Show.TCP_FLAGS:
        return text.tcp_flags(value)
    if item.show is Show.HEX:
        return f"0x{value:04x}"
    if item.unit == "us":
        return f"{value / 1000:.3f}"
    if item.show is Show.ENUM and item.name != "direction":
        return dict(item.names).get(value, str(value))
    return str(value)
