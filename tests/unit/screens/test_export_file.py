"""Files of a table's rows: what is in them, and that nothing is left behind when they cannot be written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nftui.engine.live.snapshot import ColumnSpec, LiveRequest, LiveSnapshot, Series, Totals
from nftui.engine.schema import Show
from nftui.errors import DiskFull, PermissionDenied, StoreError
from nftui.screens import export_file
from nftui.screens.export_file import write_rows


def part(names: list[str], octets: list[int], rates: list[float]) -> LiveSnapshot:
    rows = len(names)
    columns = (ColumnSpec("user", "User", Show.TEXT), ColumnSpec("bytes", "Bytes", Show.COUNT),
               ColumnSpec("rate", "Rate", Show.COUNT))  # fmt: skip
    values = {"user": names, "bytes": np.array(octets, np.int64), "rate": np.array(rates, np.float64)}
    return LiveSnapshot(
        LiveRequest("by:user"), 1, 0, 30.0, 30.0, columns, "rate", values, np.arange(rows, dtype=np.uint64),
        np.arange(rows), rows, np.zeros((0, 0)), Totals(), Series(),
    )  # fmt: skip


PARTS = [part(["-", "-"], [1, 2], [float("nan")] * 2), part(["=1+1", 'a "b",c\td'], [2**62, 4], [0.5, float("nan")])]


def keep(text: str) -> str:
    return text


def test_csv_is_safe_for_spreadsheets_and_empty_where_there_is_nothing(tmp_path: Path) -> None:
    assert write_rows(str(tmp_path / "a"), "csv", PARTS, keep) == 4
    assert (tmp_path / "a").read_text() == (
        'user,bytes,rate\n,1,\n,2,\n\'=1+1,4611686018427387904,0.5\n"a ""b"",c\td",4,\n'
    )


def test_ndjson_has_the_keys_that_a_row_has(tmp_path: Path) -> None:
    write_rows(str(tmp_path / "a"), "ndjson", PARTS, keep)
    assert [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()] == [
        {"bytes": 1}, {"bytes": 2}, {"user": "=1+1", "bytes": 2**62, "rate": 0.5}, {"user": 'a "b",c\td', "bytes": 4},
    ]  # fmt: skip


def test_parquet_has_types_and_nulls_even_where_a_portion_has_only_nulls(tmp_path: Path) -> None:
    write_rows(str(tmp_path / "a"), "parquet", PARTS, keep)
    table = pq.read_table(tmp_path / "a")
    assert table.schema.types == [pa.string(), pa.int64(), pa.float64()]
    assert table.to_pydict() == {
        "user": [None, None, "=1+1", 'a "b",c\td'], "bytes": [1, 2, 2**62, 4], "rate": [None, None, 0.5, None],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_texts_are_hidden_and_numbers_are_not(form: str, tmp_path: Path) -> None:
    write_rows(str(tmp_path / "a"), form, [part(["10.0.0.1"], [10], [1.0])], lambda text: text.replace("10", "99"))
    written = pq.read_table(tmp_path / "a").to_pylist() if form == "parquet" else (tmp_path / "a").read_text()
    assert "99.0.0.1" in str(written)
    assert "10.0.0.1" not in str(written)
    assert "10" in str(written)


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EACCES, PermissionDenied), (errno.EIO, StoreError)]
)
def test_what_the_disk_says_is_said_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(export_file.os, "fsync", fail)
    with pytest.raises(error, match=os.strerror(number)):
        write_rows(str(tmp_path / "a"), "csv", PARTS, keep)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_not_even_what_appears_meanwhile(tmp_path: Path) -> None:
    def parts():  # type: ignore[no-untyped-def]
        yield PARTS[0]
        (tmp_path / "a").write_text("mine")

    with pytest.raises(StoreError):
        write_rows(str(tmp_path / "a"), "csv", parts(), keep)
    assert (tmp_path / "a").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
