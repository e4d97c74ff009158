"""Every input that fuzzing found, and the ones it began with, decodes without breaking a promise (A22)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"
sys.path.insert(0, str(FUZZ))

from decode import CORPUS, VERSIONS, datagrams_of, packed  # noqa: E402
from decode_once import decode_once  # noqa: E402

FILES = sorted(CORPUS.glob("*/*.bin"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_corpus(path: Path) -> None:
    datagrams = datagrams_of(path.read_bytes(), VERSIONS[path.parent.name])
    counts = decode_once(datagrams)
    assert counts["datagrams.received"] == 2 * len(datagrams) > 0


def test_each_decoder_has_inputs_that_give_flows() -> None:
    flows = dict.fromkeys(VERSIONS, 0)
    for path in FILES:
        target = path.parent.name
        flows[target] += decode_once(datagrams_of(path.read_bytes(), VERSIONS[target])).get("records.flows", 0)
    assert all(flows.values()), flows


def test_inputs_are_lists_of_datagrams() -> None:
    datagrams = [b"\x00\x09abc", b"\x00\x09", b"\x00\x09" + bytes(300)]
    assert datagrams_of(packed(datagrams, b"\x00\x09"), b"\x00\x09") == datagrams
