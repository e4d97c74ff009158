"""Country and autonomous system of an address, from databases on this machine (MaxMind DB format, `.mmdb`).

The files are the user's own: `geo.country` and `geo.asn` of the configuration, or where `geoipupdate` and the
distributions put them. Without a file, or without the package `maxminddb` (`pip install nftui[geo]`), nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from nftui.errors import ConfigError
from nftui.text import clean

FOLDERS = ("/var/lib/GeoIP", "/usr/share/GeoIP", "/usr/local/share/GeoIP")
COUNTRY_FILES = ("GeoLite2-City.mmdb", "GeoLite2-Country.mmdb", "GeoIP2-Country.mmdb", "dbip-country-lite.mmdb")
ASN_FILES = ("GeoLite2-ASN.mmdb", "GeoIP2-ISP.mmdb", "dbip-asn-lite.mmdb")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a database says of an address; empty or 0 for what it does not.

    Attributes:
        country: its name in English, or its code.
        code: two letters, ISO 3166-1.
        city: its name in English.
        as_number: autonomous system.
        as_name: who runs it.
    """

    country: str = ""
    code: str = ""
    city: str = ""
    as_number: int = 0
    as_name: str = ""


class Geography:
    """Looks addresses up; the files are opened at the first question.

    Args:
        country: path of a database of countries or cities, empty for the usual places.
        asn: path of one of autonomous systems, likewise.
        folders: the usual places.
    """

    def __init__(self, country: str = "", asn: str = "", folders: tuple[str, ...] = FOLDERS) -> None:
        self._paths = (_chosen(country, COUNTRY_FILES, folders), _chosen(asn, ASN_FILES, folders))
        self._typed = bool(country or asn)
        self._readers: tuple[Any, Any] | None = None

    @property
    def known(self) -> bool:
        """Whether there is a file."""
        return any(path is not None for path in self._paths)

    def of(self, address: str) -> Whereabouts:
        """What is known of an address.

        Raises:
            ConfigError: a file that was named cannot be read, or the package for it is missing.
        """
        if not self.known:
            return Whereabouts()
        country, system = (self._ask(reader, address) for reader in self._opened())
        place, city = _part(country, "country") or _part(country, "registered_country"), _part(country, "city")
        number = system.get("autonomous_system_number", system.get("asn", 0))
        return Whereabouts(
            _name(place) or _text(country.get("country_name", "")),
            _text(place.get("iso_code", country.get("country_code", "")))[:2],
            _name(city),
            number if isinstance(number, int) and 0 < number < 1 << 32 else 0,
            _text(system.get("autonomous_system_organization", system.get("as_name", ""))),
        )

    @staticmethod
    def _ask(reader: Any, address: str) -> dict[str, Any]:
        if reader is None:
            return {}
        try:
            found = reader.get(ip_address(address))
        except Exception:  # the file may hold anything, and its reader raises anything
            return {}
        return found if isinstance(found, dict) else {}

    def _opened(self) -> tuple[Any, Any]:
        if self._readers is None:
            country, asn = (self._open(path) for path in self._paths)
            self._readers = country, asn
        return self._readers

    def _open(self, path: Path | None) -> Any:
        if path is None:
            return None
        try:
            import maxminddb
        except ImportError:
            if self._typed:
                raise ConfigError(f"{path}: needs the package maxminddb: pip install 'nftui[geo]'") from None
            return None
        try:
            return maxminddb.open_database(str(path))
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            if self._typed:
                raise ConfigError(f"{path}: cannot be read as a MaxMind database: {error}") from error
            return None


def _chosen(typed: str, names: tuple[str, ...], folders: tuple[str, ...]) -> Path | None:
    if typed:
        return Path(typed).expanduser()
    paths = (Path(folder) / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)


def _part(found: dict[str, Any], name: str) -> dict[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _name(part: dict[str, Any]) -> str:
    return _text(_part(part, "names").get("en", ""))


def _text(value: object) -> str:
    return clean(value, _LONGEST) if isinstance(value, str) else ""
