"""`nftui dump` names elements without a column, by the program's table and by the user's file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from export_wire import NOW_MS, VARIABLE, Collector, a_set, ipfix, template, varying

from nftui.engine.clock import ManualClock
from nftui.engine.store.writer import StoreWriter

FIELDS = [(8, 4), (118, 2, 35632), (33, 1), (7, 4, 4242), (371 + 1, VARIABLE), (33, 1)]
RECORD = b"\x0a\0\0\1" + b"\0\x5b" + b"\x11" + b"\0\0\0\x63" + varying(b"voice") + b"\x12"


def dumped(store: Path, *arguments: str) -> dict[str, object]:
    command = [sys.executable, "-m", "nftui", "dump", "-r", str(store), "-q", "-o", "ndjson", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_extra_elements_have_names_and_typed_values(tmp_path: Path) -> None:
    store = tmp_path / "store"
    writer = StoreWriter(store, clock=ManualClock(NOW_MS))
    writer.open()
    for batch in Collector().feed(ipfix(template(10, 256, FIELDS) + a_set(256, RECORD))).batches:
        writer.append(batch)
    writer.close()

    assert dumped(store)["extra"] == {
        "ntop.L7_PROTO": "91", "igmpType": ["17", "18"], "4242.7": "00000063", "applicationCategoryName": "voice",
    }  # fmt: skip

    names, config = tmp_path / "elements.txt", tmp_path / "config.toml"
    names.write_text("4242 7 queueDepth unsigned32\n")
    config.write_text(f'[elements]\nfile = "{names}"\n')
    extra = dumped(store, "--config", str(config))["extra"]
    assert isinstance(extra, dict)
    assert extra["queueDepth"] == "99"


def test_a_broken_file_of_names_is_an_error(tmp_path: Path) -> None:
    names, config = tmp_path / "elements.txt", tmp_path / "config.toml"
    names.write_text("4242 seven queueDepth\n")
    config.write_text(f'[elements]\nfile = "{names}"\n')
    command = [sys.executable, "-m", "nftui", "dump", "-r", str(tmp_path), "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "elements.txt:1" in done.stderr
    assert "Traceback" not in done.stderr
