from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nftui.engine.store import checksum


def write(path: Path, keys: dict[str, str]) -> Path:
    with pq.ParquetWriter(path, pa.schema([("bytes", pa.int64())]), bloom_filter_options={"bytes": True}) as writer:
        writer.write_table(pa.table({"bytes": list(range(50))}))
        writer.add_key_value_metadata(keys)
    return path


def stamped(path: Path, keys: dict[str, str] | None = None) -> Path:
    write(path, (keys or {}) | {checksum.KEY: checksum.PLACE})
    checksum.stamp(path)
    return path


def test_file_as_written(tmp_path: Path):
    path = stamped(tmp_path / "a.parquet")
    assert checksum.check(path) is True
    assert pq.read_table(path).column("bytes").to_pylist() == list(range(50))
    assert (pq.read_metadata(path).metadata or {})[checksum.KEY.encode()] != checksum.PLACE.encode()


def test_no_flipped_byte_goes_unnoticed(tmp_path: Path):
    path = stamped(tmp_path / "a.parquet")
    sound = path.read_bytes()
    for place in range(len(sound)):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert checksum.check(path) is not True, place


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:100], lambda data: data + b"x"])
def test_other_length(tmp_path: Path, change):
    path = stamped(tmp_path / "a.parquet")
    path.write_bytes(change(path.read_bytes()))
    assert checksum.check(path) is not True


def test_file_without_a_checksum(tmp_path: Path):
    assert checksum.check(write(tmp_path / "a.parquet", {})) is None
    (tmp_path / "empty").touch()
    assert checksum.check(tmp_path / "empty") is None
    with pytest.raises(ValueError, match="no place"):
        checksum.stamp(tmp_path / "a.parquet")


def test_text_of_other_keys_is_not_taken_for_the_place(tmp_path: Path):
    path = stamped(tmp_path / "a.parquet", {"nftui": '{"ident":"nftui.checksumcrc32:00000000"}'})
    assert checksum.check(path) is True
