"""The interop corpus: real export datagrams and what they hold. Read in place; it is not part of the project."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nftui.engine.ingest.capture_file import ExportDatagram, ExportFile

FOLDER = Path(os.environ.get("NFTUI_INTEROP", Path(__file__).resolve().parents[3] / "shared" / "interop"))
NETFLOW = ("v1", "v5", "v7", "v9", "ipfix")


@dataclass(frozen=True)
class Case:
    """One datagram case of the corpus."""

    name: str
    format: str
    files: tuple[str, ...]
    send_filter: str
    expected_file: str

    def datagrams(self) -> list[ExportDatagram]:
        """The datagrams in the order to send."""
        found = [item for name in self.files for item in ExportFile(FOLDER / name).datagrams()]
        if self.send_filter == "netflow-only":
            return [item for item in found if item.payload[:1] == b"\0" and item.payload[1] in {1, 5, 7, 8, 9, 10}]
        return found

    def expected(self) -> dict[str, Any]:
        """Counts and records that the datagrams hold."""
        return json.loads((FOLDER / self.expected_file).read_text())  # type: ignore[no-any-return]


def cases(formats: tuple[str, ...] = NETFLOW) -> list[Case]:
    """Datagram cases of the formats; none where the corpus is absent."""
    manifest = FOLDER / "manifest.tsv"
    if not manifest.exists():
        return []
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Case(row["case"], row["format"], tuple(row["files"].split(",")), row["send_filter"] or "", row["expected_file"])
        for row in rows
        if row["format"] in formats
    ]


def export_time_ms(payload: bytes) -> int:
    """Export time in the header of a NetFlow or IPFIX datagram, in UTC milliseconds; 0 if it has none."""
    at = 4 if payload[:2] == b"\0\x0a" else 8
    return int.from_bytes(payload[at : at + 4], "big") * 1000
