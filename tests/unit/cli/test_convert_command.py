"""`nftui convert`: every format, what passes, what is refused, and that nothing half-done has the final name."""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from nftui.cli import main
from nftui.engine.archive.formats import open_archive
from nftui.engine.archive.nfdump_layout import Compression
from nftui.engine.archive.write_nfdump import NfdumpWriter
from nftui.engine.archive.writing import Sink
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.convert import conversion
from nftui.engine.store.arrow import from_arrow

V4 = 0xFFFF << 32
START = 1_700_000_100_000  # 22:15 UTC, the start of a slot


def flows(first: int, count: int, start_ms: int = START) -> FlowBatch:
    """Numbered flows: n has source port n, n + 1 packets of 100 bytes; every third is IPv6, every fifth sampled."""
    number = np.arange(first, first + count)
    v6 = number % 3 == 2
    batch = FlowBatch(count)
    for name, offset in (("src_addr", 0x0A000000), ("dst_addr", 0xC0000200), ("sampler_address", 0x7F000009)):
        is_v6 = v6 & (name != "sampler_address")
        step = 0 if name == "sampler_address" else 1
        batch.columns[f"{name}_hi"] = np.where(is_v6, 0x20010DB8 << 32, 0)
        batch.columns[f"{name}_lo"] = np.where(is_v6, number, V4 | (offset + number * step))
    batch.columns |= {
        "time_received_ms": start_ms + number * 1000,
        "time_flow_start_ms": start_ms + number * 1000 - 500,
        "time_flow_end_ms": start_ms + number * 1000 - 100,
        "flow_source": np.full(count, 9, np.uint8),
        "flows": np.ones(count, np.int64),
        "quality": np.zeros(count, np.uint16),
        "src_port": number.astype(np.uint16),
        "dst_port": np.full(count, 443, np.uint16),
        "proto": np.full(count, 6, np.uint8),
        "tcp_flags": np.full(count, 2, np.uint16),
        "ip_tos": np.zeros(count, np.uint8),
        "packets": number + 1,
        "bytes": (number + 1) * 100,
        "sampling_rate": np.full(count, 10, np.uint32),
        "in_if": np.full(count, 7, np.uint32),
        "out_if": np.full(count, 8, np.uint32),
    }
    batch.valid["sampling_rate"] = number % 5 == 0
    return batch


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An archive of two nfdump files with 400 flows."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for name, first in (("nfcapd.202311142215", 0), ("nfcapd.202311142220", 300)):
        sink = Sink(folder / name)
        writer = NfdumpWriter(sink, Compression.LZ4)
        writer.begin()
        writer.write(flows(first, 300 if first == 0 else 100))
        writer.finish()
        sink.close()
    return folder


def run(*arguments: object) -> int:
    return main.run(["convert", *map(str, arguments)])


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def rows(batch: FlowBatch) -> list[tuple[Any, ...]]:
    names = ("src_addr", "dst_addr", "src_port", "packets", "bytes", "time_flow_start_ms", "time_received_ms", "in_if")
    return sorted(tuple(batch.value(name, row) for name in names) for row in range(len(batch)))


def wanted(scaled: bool = True) -> list[tuple[Any, ...]]:
    """Counters as nfdump files have them: multiplied."""
    found = []
    for row in rows(flows(0, 400)):
        factor = 10 if scaled and row[2] % 5 == 0 else 1
        found.append((*row[:3], row[3] * factor, row[4] * factor, *row[5:]))
    return sorted(found)


def stored(root: Path) -> FlowBatch:
    return concat([from_arrow(pq.read_table(path)) for path in sorted(root.rglob("*.parquet"))])


def read(path: Path) -> FlowBatch:
    return concat(list(open_archive(str(path)).batches()))


def test_a_store(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "flows"
    assert run(source, f"{out}/") == 0
    assert capsys.readouterr().err == f"nftui: 2 files: 400 flows read, 400 written to {out}, 0 did not pass\n"
    assert rows(stored(out)) == wanted()
    assert left_behind(tmp_path) == []
    assert main.run(["verify", "-l", str(out)]) == 0


def test_a_store_that_exists_gets_more(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "flows"
    assert run(source / "nfcapd.202311142215", f"{out}/") == 0
    assert run(source / "nfcapd.202311142220", f"{out}/") == 0
    assert rows(stored(out)) == wanted()


def test_a_store_does_not_get_the_same_file_twice(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "flows"
    assert run(source / "nfcapd.202311142215", f"{out}/") == 0
    assert run(source, f"{out}/") == 0
    assert "1 files are in" in capsys.readouterr().err
    assert rows(stored(out)) == wanted()
    assert run(source, f"{out}/") == 0
    assert run("--filter", "dst port 443", source / "nfcapd.202311142220", f"{out}/") == 0
    assert len(stored(out)) == 500
    assert main.run(["verify", "-l", str(out)]) == 0


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
def test_an_nfdump_file(tmp_path: Path, source: Path, compression: str) -> None:
    out = tmp_path / "all.nfdump"
    assert run("--compress", compression, source, out) == 0
    assert rows(read(out)) == wanted()
    archive = open_archive(str(out))
    assert archive.about.statistics["flows"] == 400
    assert archive.about.statistics["packets"] == sum(row[3] for row in wanted())


def test_from_a_store_to_nfdump_files_per_slot(tmp_path: Path, source: Path) -> None:
    """Counters that a store keeps as they were on the wire are multiplied on the way out, once."""
    assert run(source, f"{tmp_path}/flows/") == 0
    assert run("--to", "nfdump", "--utc", tmp_path / "flows", "-l", tmp_path / "files") == 0
    files = sorted((tmp_path / "files").iterdir())
    assert [path.name for path in files] == ["nfcapd.202311142215", "nfcapd.202311142220"]
    assert rows(concat([read(path) for path in files])) == wanted()
    assert len(read(files[0])) == 300


def test_sampling_is_applied_once_and_the_rate_survives(tmp_path: Path) -> None:
    from nftui.engine.store.arrow import to_arrow
    from nftui.engine.store.seal import open_writer

    batch = to_arrow(flows(0, 400))
    with open_writer(tmp_path / "wire.parquet", batch.schema, 400) as writer:
        writer.write_batch(batch)
    assert run(tmp_path / "wire.parquet", tmp_path / "one.nfdump") == 0
    assert run(tmp_path / "one.nfdump", tmp_path / "two.nfdump") == 0
    for name in ("one.nfdump", "two.nfdump"):
        assert rows(read(tmp_path / name)) == wanted()
        archive = open_archive(str(tmp_path / name))
        list(archive.batches())
        assert {sampler.rate for sampler in archive.about.samplers} == {10}


def test_ipfix(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "all.ipfix"
    assert run(source, out) == 0
    found = read(out)
    assert [row[:6] for row in rows(found)] == [row[:6] for row in wanted()]
    assert found.extra is not None
    assert {(0, 130, bytes([127, 0, 0, 9]))} <= {*found.extra.at(0)}


def test_csv_and_ndjson(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(source, tmp_path / "all.csv") == 0
    assert run(source, tmp_path / "all.ndjson") == 0
    with (tmp_path / "all.csv").open() as file:
        cells = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "all.ndjson").read_text().splitlines()]
    assert len(cells) == len(lines) == 400
    packets = sorted(row[3] for row in wanted())
    assert sorted(int(row["packets"]) for row in cells) == sorted(line["packets"] for line in lines) == packets
    capsys.readouterr()
    assert main.run(["dump", "-r", str(source), "-o", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (tmp_path / "all.csv").read_text().splitlines()[0]
    first = next(row for row in cells if row["src_port"] == "2")
    assert (first["src_addr"], first["bytes"], first["next_hop"]) == ("2001:db8::2", "300", "")


def test_parquet_with_filter_and_window(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "some.parquet"
    window = "2023-11-14T22:15:00Z..2023-11-14T22:15:59Z"
    assert run("-t", window, "--window", "start", "--filter", "inet6", source, out) == 0
    table = from_arrow(pq.read_table(out))
    ports = sorted(int(port) for port in table.columns["src_port"])
    assert ports == [n for n in range(400) if n % 3 == 2 and 0 <= n * 1000 - 500 < 59_000]
    assert f"300 flows read, {len(ports)} written" in capsys.readouterr().err


def test_anonymised_alike_in_every_field_and_file(tmp_path: Path, source: Path) -> None:
    from nftui.engine.anonymise import Anonymiser

    key = "32-char-str-for-AES-key-and-pad."
    assert run("--anonymize", key, source, tmp_path / "hidden.nfdump") == 0
    hide = Anonymiser(key.encode()).address
    found = read(tmp_path / "hidden.nfdump")
    assert rows(found) == sorted((hide(row[0]), hide(row[1]), *row[2:]) for row in wanted())
    assert found.value("sampler_address", 0) == hide(V4 | 0x7F000009)


def test_nothing_is_replaced_without_force(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "all.csv"
    out.write_text("precious")
    assert run(source, out) == 73
    assert "exists; --force replaces it" in capsys.readouterr().err
    assert out.read_text() == "precious"
    assert run("--force", source, out) == 0
    assert len(out.read_text().splitlines()) == 401
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter").write_text("precious")
    assert run(source, f"{other}/") == 73
    assert "neither empty nor a store" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["all.csv", "all.nfdump", "all.ipfix", "flows/", "files/"])
def test_interrupted_and_resumed(
    tmp_path: Path, source: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped in the second file: nothing has the final name, and --resume does not read the first again."""
    out = f"{tmp_path}/{name}"
    form = ["--to", "nfdump"] if name == "files/" else []
    monkeypatch.setattr(conversion, "_CHECKPOINT_SECONDS", 0.0)
    real = conversion.chosen_batches
    seen: list[str] = []
    first_done = threading.Event()

    def stopping(path: str, choice: Any, outcome: Any, cancelled: Any) -> Any:
        seen.append(os.path.basename(path))
        if path.endswith("2220"):
            yield from real(path, choice, outcome, lambda: False)
            raise conversion.Cancelled
        yield from real(path, choice, outcome, cancelled)
        first_done.set()

    monkeypatch.setattr(conversion, "chosen_batches", stopping)
    assert run(*form, "--threads", 1, source, out) == 130
    assert "interrupted: 1 of 2 files are converted" in capsys.readouterr().err
    assert not Path(out).exists()
    monkeypatch.setattr(conversion, "chosen_batches", real)
    assert run(*form, source, out) == 73  # not begun anew by accident
    assert "--resume" in capsys.readouterr().err

    def noting(path: str, *rest: Any) -> Any:
        seen.append(os.path.basename(path))
        return real(path, *rest)

    seen.clear()
    monkeypatch.setattr(conversion, "chosen_batches", noting)
    assert run("--resume", *form, source, out) == 0
    assert seen == ["nfcapd.202311142220"]
    assert "2 files, 1 of them before: 400 flows read, 400 written" in capsys.readouterr().err
    assert left_behind(tmp_path) == []
    ports = sorted(_ports(Path(out)))
    assert ports == list(range(400))


def _ports(path: Path) -> list[int]:
    if path.suffix == ".csv":
        with path.open() as file:
            return [int(row["src_port"]) for row in csv.DictReader(file)]
    if path.is_dir():
        files = sorted(path.glob("nfcapd.*"))
        batch = concat([read(file) for file in files]) if files else stored(path)
        return [int(port) for port in batch.columns["src_port"]]
    return [int(port) for port in read(path).columns["src_port"]]


def test_damage_is_named_and_the_rest_converted(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source / "nfcapd.202311142215"
    raw = path.read_bytes()
    path.write_bytes(raw[:60] + bytes(40) + raw[100:])
    (source / "nfcapd.202311142225").write_bytes(b"")
    assert run(source, tmp_path / "all.csv") == 3
    said = capsys.readouterr().err
    assert f"damaged: {path}" in said
    assert len((tmp_path / "all.csv").read_text().splitlines()) >= 101


def test_wrong_requests(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code, text in (
        ((source,), 2, "give what to convert"),
        ((source, tmp_path / "noname"), 2, "--to"),
        ((source, tmp_path / "no" / "all.csv"), 73, "does not exist"),
        (("--to", "csv", source, f"{tmp_path}/"), 2, "as one file"),
        (("--anonymize", "short", source, tmp_path / "all.csv"), 2, "32 characters"),
        (("--resume", source, tmp_path / "all.parquet"), 2, "cannot be gone on with"),
        (("-t", "+10", source, tmp_path / "all.csv"), 2, "give times"),
        ((tmp_path / "nowhere", tmp_path / "all.csv"), 2, "no such file"),
    ):
        assert run(*arguments) == code, arguments
        assert text in capsys.readouterr().err, arguments
    assert left_behind(tmp_path) == []
