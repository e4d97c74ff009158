"""Which output a name and a format stand for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from nftui.engine.archive.nfdump_layout import EXTENSIONS, Compression
from nftui.engine.archive.nfdump_records import KNOWN_TO_1_7_1
from nftui.engine.archive.write_ipfix import IpfixWriter
from nftui.engine.archive.write_nfdump import NfdumpWriter
from nftui.engine.archive.write_text import TextWriter
from nftui.engine.archive.writing import FlowWriter, Sink
from nftui.engine.convert.outputs import FileOutput, Output, SlotOutput
from nftui.engine.convert.store_output import ParquetOutput, StoreOutput
from nftui.engine.limits import Limits
from nftui.engine.query.sources import is_store
from nftui.errors import StoreError, UsageError

FORMATS = ("store", "nfdump", "parquet", "csv", "ndjson", "ipfix")
COMPRESSIONS = {"lz4": Compression.LZ4, "zstd": Compression.ZSTD, "none": Compression.NONE}
_SUFFIXES = {
    ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".ipfix": "ipfix", ".parquet": "parquet",
    ".nfdump": "nfdump",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be made.

    Attributes:
        path: the output.
        form: one of `FORMATS`.
        directory: a directory of files.
        compression: of nfdump files.
        all_extensions: nfdump files may have what nfdump 1.7.1 does not know.
        ident: name of the collector in nfdump files.
        scaled: csv and ndjson have counters multiplied by the sampling rate.
        anonymised: nfdump files say that addresses were replaced.
        zone: of the times in names of nfdump files.
    """

    path: Path
    form: str
    directory: bool
    compression: Compression = Compression.LZ4
    all_extensions: bool = False
    ident: str = "nftui"
    scaled: bool = True
    anonymised: bool = False
    zone: tzinfo | None = None

    def check(self, replace: bool) -> None:
        """Raise StoreError where the output must not or cannot be made."""
        if not self.path.absolute().parent.is_dir():
            raise StoreError(f"{self.path}: its directory does not exist")
        if self.form == "store":
            if self.path.is_dir() and not is_store(str(self.path)) and any(self.path.iterdir()):
                raise StoreError(f"{self.path}: neither empty nor a store")
        elif os.path.isdir(self.path) != self.directory and os.path.lexists(self.path):
            raise StoreError(f"{self.path}: is {'no' if self.directory else 'a'} directory")
        elif os.path.lexists(self.path) and not self.directory and not replace:
            raise StoreError(f"{self.path}: exists; --force replaces it")

    def output(self, folder: Path, limits: Limits, state: dict[str, Any]) -> Output:
        """The output, going on where an earlier run was.

        Args:
            folder: the work directory.
            limits: of store files.
            state: what the journal says; empty for a new one.
        """
        if self.form == "store":
            return StoreOutput(self.path, folder, limits, state)
        if self.form == "parquet":
            return ParquetOutput(self.path, folder, limits)
        if self.directory:
            return SlotOutput(self.path, folder, self._writer, self.zone, state)
        return FileOutput(self.path, folder, self._writer, state)

    def _writer(self, sink: Sink) -> FlowWriter:
        if self.form == "nfdump":
            extensions = EXTENSIONS.keys() if self.all_extensions else KNOWN_TO_1_7_1
            return NfdumpWriter(sink, self.compression, self.ident, self.anonymised, extensions)
        if self.form == "ipfix":
            return IpfixWriter(sink)
        return TextWriter(sink, csv=self.form == "csv", scaled=self.scaled)


def format_of(path: str, given: str | None) -> tuple[str, bool]:
    """Format and whether it is a directory, from what was asked for and the name.

    Raises:
        UsageError: the name does not tell, or a format has no directories.
    """
    directory = path.endswith("/") or os.path.isdir(path)
    if given is None:
        name = os.path.basename(path)
        given = "store" if directory else _SUFFIXES.get(os.path.splitext(name)[1].lower())
        if given is None and name.startswith("nfcapd."):
            given = "nfdump"
    if given is None:
        raise UsageError(f"{path}: say the format with --to: {', '.join(FORMATS)}")
    if directory and given not in {"store", "nfdump"}:
        raise UsageError(f"{path}: {given} is written as one file, not into a directory")
    return given, directory or given == "store"
