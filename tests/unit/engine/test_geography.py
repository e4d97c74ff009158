"""Country and autonomous system from small databases that the test writes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nftui.engine.geography import Geography, Whereabouts
from nftui.errors import ConfigError

netaddr = pytest.importorskip("netaddr", reason="mmdb-writer is not installed")
mmdb_writer = pytest.importorskip("mmdb_writer", reason="mmdb-writer is not installed")
pytest.importorskip("maxminddb", reason="the extra geo is not installed")


def write(path: Path, entries: dict[str, object]) -> None:
    writer = mmdb_writer.MMDBWriter(ip_version=6, database_type="Test", ipv4_compatible=True)
    for network, entry in entries.items():
        writer.insert_network(netaddr.IPSet([network]), entry)
    writer.to_db_file(str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    germany = {"country": {"iso_code": "DE", "names": {"en": "Germany\x1b[2J"}}, "city": {"names": {"en": "Berlin"}}}
    flat = {"country_code": "FR", "country_name": "France"}
    odd = {"country": "not a map", "city": 5}
    write(tmp_path / "GeoLite2-Country.mmdb", {"192.0.2.0/24": germany, "2001:db8::/32": flat, "198.51.100.0/24": odd})
    write(tmp_path / "GeoLite2-ASN.mmdb", {"192.0.2.0/24": {
        "autonomous_system_number": 64500, "autonomous_system_organization": "Example\u202e Net"}})  # fmt: skip
    return tmp_path


def test_what_the_databases_say(folder: Path) -> None:
    found = Geography(folders=(str(folder),))
    assert found.known
    assert found.of("192.0.2.7") == Whereabouts("Germany[2J", "DE", "Berlin", 64500, "Example Net")
    assert found.of("2001:db8::1") == Whereabouts("France", "FR")
    assert found.of("203.0.113.1") == Whereabouts()
    assert found.of("198.51.100.1") == Whereabouts(), "entries of another form say nothing"
    assert found.of("nonsense") == Whereabouts()


def test_files_that_are_named(folder: Path) -> None:
    named = Geography(asn=str(folder / "GeoLite2-ASN.mmdb"), folders=())
    assert named.of("192.0.2.7") == Whereabouts(as_number=64500, as_name="Example Net")


def test_without_files_nothing_is_said(tmp_path: Path) -> None:
    found = Geography(folders=(str(tmp_path),))
    assert not found.known
    assert found.of("192.0.2.1") == Whereabouts()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "GeoLite2-ASN.mmdb"
    broken.write_bytes(b"not a database" * 100)
    assert Geography(folders=(str(tmp_path),)).of("192.0.2.1") == Whereabouts()
    with pytest.raises(ConfigError, match="cannot be read as a MaxMind database"):
        Geography(asn=str(broken)).of("192.0.2.1")
    with pytest.raises(ConfigError, match="cannot be read"):
        Geography(country=str(tmp_path / "none.mmdb")).of("192.0.2.1")


def test_without_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    assert Geography(folders=(str(folder),)).of("192.0.2.7") == Whereabouts()
    with pytest.raises(ConfigError, match="nftui\\[geo\\]"):
        Geography(asn=str(folder / "GeoLite2-ASN.mmdb")).of("192.0.2.7")
