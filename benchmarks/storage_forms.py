"""The physical form of addresses: size on disk and query time of one form after the other.

    python benchmarks/storage_forms.py                  1 000 000 flows in 8 files, 7 runs of each query
    python benchmarks/storage_forms.py --flows 10000000 --runs 5

The same flows, sorted and encoded as the store does it, with the addresses in each form; DuckDB in one warm
process; the forms take turns within each run, so that a busy machine is busy for all of them; medians. Results:
one line of JSON for each form, bytes per flow of the two address columns and of the file, seconds per query.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from analysis_flows import BUSY, RARE, slot_flows

from nftui.engine.store.arrow import to_arrow

_FILES = 8
_SIDES = ("src_addr", "dst_addr")
_NET = 0xFFFF0A010000  # 10.1.0.0/16


def _halves(table: pa.Table, side: str, dtype: str) -> dict[str, pa.Array]:
    return {f"{side}_{half}": pa.array(table[f"{side}_{half}"].to_numpy().view(dtype)) for half in ("hi", "lo")}


def _raw(table: pa.Table, side: str) -> pa.Array:
    words = np.stack([table[f"{side}_{half}"].to_numpy() for half in ("hi", "lo")], axis=1).astype(">i8")
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(words), [None, pa.py_buffer(words.tobytes())])


def _uuid(table: pa.Table, side: str) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), _raw(table, side))


def _literal_pair(column: str, address: int) -> str:
    return f"{column}_hi = {address >> 64} AND {column}_lo = {address & 0xFFFFFFFFFFFFFFFF}"


def _blob(address: int) -> str:
    return "'" + "".join(f"\\x{byte:02x}" for byte in address.to_bytes(16, "big")) + "'::BLOB"


def _uuid_literal(address: int) -> str:
    word = f"{address:032x}"
    return f"'{word[:8]}-{word[8:12]}-{word[12:16]}-{word[16:20]}-{word[20:]}'::UUID"


Columns = Callable[[pa.Table, str], dict[str, pa.Array]]

FORMS: dict[str, tuple[Columns, Callable[[str], str], Callable[[str, int], str], str]] = {
    "int64 halves": (
        lambda t, s: _halves(t, s, "i8"), lambda s: f"{s}_hi, {s}_lo", _literal_pair,
        f"src_addr_hi = 0 AND src_addr_lo BETWEEN {_NET} AND {_NET + 65535}",
    ),
    "uint64 halves": (
        lambda t, s: _halves(t, s, "u8"), lambda s: f"{s}_hi, {s}_lo", _literal_pair,
        f"src_addr_hi = 0 AND src_addr_lo BETWEEN {_NET} AND {_NET + 65535}",
    ),
    "16 bytes": (
        lambda t, s: {s: _raw(t, s)}, lambda s: s, lambda s, a: f"{s} = {_blob(a)}",
        f"src_addr BETWEEN {_blob(_NET)} AND {_blob(_NET + 65535)}",
    ),
    "uuid": (
        lambda t, s: {s: _uuid(t, s)}, lambda s: s, lambda s, a: f"{s} = {_uuid_literal(a)}",
        f"src_addr BETWEEN {_uuid_literal(_NET)} AND {_uuid_literal(_NET + 65535)}",
    ),
}  # fmt: skip
"""Form: its columns of one side, its group key, its test for one address, its test for a network."""


def write(form: str, folder: Path, flows: int) -> dict[str, float]:
    """Write the files of a form; returns bytes per flow."""
    columns = FORMS[form][0]
    whole = addresses = 0
    for number in range(_FILES):
        table = pa.Table.from_batches([to_arrow(slot_flows(number, flows // _FILES, _FILES))])
        order = np.argsort(table["src_addr_lo"].to_numpy() + table["src_addr_hi"].to_numpy() * 7, kind="stable")
        table = table.take(pa.array(order))
        for side in _SIDES:
            made = columns(table, side)
            table = table.drop_columns([f"{side}_hi", f"{side}_lo"])
            for name, array in made.items():
                table = table.append_column(name, array)
        keys = [name for name in table.column_names if name.startswith(_SIDES)]
        times = [name for name in table.column_names if name.startswith("time_")]
        path = folder / f"{number}.parquet"
        pq.write_table(
            table, path, row_group_size=131_072, compression="zstd", compression_level=1, store_schema=False,
            use_dictionary=[name for name in table.column_names if name not in times],
            column_encoding=dict.fromkeys(times, "DELTA_BINARY_PACKED"),
            bloom_filter_options={name: {"ndv": 131_072} for name in keys if not name.endswith("_hi")},
        )  # fmt: skip
        whole += path.stat().st_size
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(index)
                addresses += chunk.total_compressed_size if chunk.path_in_schema in keys else 0
    rows = flows // _FILES * _FILES
    return {"B_per_flow": round(whole / rows, 2), "address_B_per_flow": round(addresses / rows, 2)}


def queries(form: str, folder: Path) -> dict[str, str]:
    """The SQL of each measured query."""
    _, key, equal, network = FORMS[form]
    source = f"read_parquet('{folder}/*.parquet')"
    sums = "sum(bytes) b, sum(packets) p, count(*) n"

    def either(address: int) -> str:
        first, second = (f"SELECT bytes, packets FROM {source} WHERE {equal(side, address)}" for side in _SIDES)
        return f"SELECT {sums} FROM ({first} UNION ALL {second})"

    return {
        "top_source": f"SELECT {key('src_addr')}, {sums} FROM {source} GROUP BY ALL ORDER BY b DESC LIMIT 10",
        "five_tuple": f"SELECT {key('src_addr')}, {key('dst_addr')}, src_port, dst_port, proto, {sums} FROM {source} "
        "GROUP BY ALL ORDER BY b DESC LIMIT 10",
        "busy_address": either(BUSY),
        "rare_address": either(RARE),
        "network": f"SELECT {sums} FROM {source} WHERE {network}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = {}
        for form in FORMS:
            place = Path(folder) / form.replace(" ", "_")
            place.mkdir()
            sizes[form] = write(form, place, args.flows)
        connection = duckdb.connect(config={"preserve_insertion_order": False})
        times: dict[str, dict[str, list[float]]] = {form: {} for form in FORMS}
        answers: dict[str, set[str]] = {}
        for _ in range(args.runs + 1):  # the first run warms up
            for form in FORMS:
                for name, sql in queries(form, Path(folder) / form.replace(" ", "_")).items():
                    begin = time.perf_counter()
                    rows = connection.execute(sql).fetchall()
                    times[form].setdefault(name, []).append(time.perf_counter() - begin)
                    answers.setdefault(name, set()).add(str([row[-3:] for row in rows]))
        assert all(len(found) == 1 for found in answers.values()), "the forms do not agree"
        for form, by_query in times.items():
            seconds = {name: round(statistics.median(values[1:]), 4) for name, values in by_query.items()}
            print(json.dumps({"form": form, **sizes[form], **seconds}))


if __name__ == "__main__":
    main()
