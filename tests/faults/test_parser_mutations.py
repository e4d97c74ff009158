"""Each parser against seeded mutations of its corpus: what `fuzz/targets.py` promises of it holds for any content.

A few seconds each in every run of the tests; ten times as many, of another seed, with NFTUI_FULL=1; further by coverage
with `make fuzz`. The export protocols have a longer test of their own, on datagrams of the interop corpus.
"""

from __future__ import annotations

import os
import random
import resource
import sys
from pathlib import Path

import pytest
from mutations import mutate_any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fuzz"))

from run import CORPUS
from targets import TARGETS

FULL = os.environ.get("NFTUI_FULL") == "1"
SEED = 20_261_122 if FULL else 20_261_121


@pytest.mark.timeout(3600 if FULL else 120)
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_are_survived(name: str) -> None:
    target = TARGETS[name]
    inputs = [path.read_bytes() for path in sorted((CORPUS / name).glob("*.bin"))]
    rng = random.Random(f"{name} {SEED}")
    rounds = target.rounds * (10 if FULL else 1)
    fruits = barren = before = 0
    for place in range(rounds):
        data = mutate_any(rng, rng.choice(inputs), rng.choice(inputs), target.words)
        try:
            out = target.check(data)
        except Exception as error:
            kept = Path(os.environ.get("TMPDIR", "/tmp")) / f"nftui-{name}-{place}.bin"
            kept.write_bytes(data)
            raise AssertionError(f"{name} broke a promise; the input is {kept}") from error
        fruits += out > 0
        barren += not out
        if place == rounds // 2:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert barren
    assert fruits or target.fruitless
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
