"""docs/scale-out.md is what benchmarks/scale_out.py makes of the measured figures, and its arithmetic is right."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from scale_inputs import Assumed, Measured, measured  # noqa: E402
from scale_out import (  # noqa: E402
    BEGIN,
    END,
    SCENARIOS,
    day_curve,
    link_failure,
    number,
    report,
    simulate,
    site_peaks,
    with_report,
)

PAGE = (ROOT / "docs" / "scale-out.md").read_text()
ROUND = Measured(
    receive_rate=200_000, collect_cpu=1.0, collect_mb=200, export_bytes=50, sealed_bytes=20, lake_bytes=25,
    compact_cpu=2.0, compact_mb=300, kafka_cpu=1.0, kafka_bytes=50, duck_cpu=0.2, duck_filter_cpu=0.1,
    duck_rollup_seconds=0.05, spark_cpu=2.7, spark_line_cpu=1.0, spark_seconds=0.9,
)  # fmt: skip
"""Figures that are easy to reckon with."""
EVEN = Assumed(night=1.0)


def test_the_tables_of_the_page_are_what_the_script_makes_of_the_last_figures():
    made = BEGIN + PAGE.partition(BEGIN)[2].partition(END)[0] + END
    assert made == report(measured(), Assumed()), "python benchmarks/scale_out.py --write"


def figures(name: str) -> list[dict]:
    lines = json.loads((ROOT / "benchmarks" / "out" / f"{name}.json").read_text())["output"]
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_measured_inputs_of_the_page_are_those_of_the_results():
    (v9,) = [r for r in figures("ingest") if r["benchmark"] == "ingest.cpu" and r["kind"] == "v9"]
    (arrow,) = [r for r in figures("kafka_outage") if r["format"] == "arrow"]
    (joined,) = figures("compaction")
    sizes = {r["files"]: r["bytes per flow"] for r in figures("analysis") if "files" in r}
    pairs = next(r for r in figures("analysis") if r.get("question") == "-a, top 10")
    spark = {r["flows"]: r["Spark s"] for r in figures("spark_dump") if "flows" in r}
    (record,) = [r for r in figures("spark_dump") if r.get("dump ... -o csv") == "-s record/bytes -n 20"]
    expected = {
        "receive_rate": v9["rate"], "collect_cpu": v9["nftui_cpu_per_million_whole"], "collect_mb": v9["nftui_rss_mb"],
        "sealed_bytes": sizes["nftui-sealed"], "lake_bytes": sizes["nftui-compacted"],
        "compact_cpu": joined["cpu_seconds"] / joined["flows"] * 1e6, "compact_mb": joined["peak_mb"],
        "kafka_cpu": arrow["kafka_cpu_seconds"] / arrow["sent"] * 1e6, "kafka_bytes": arrow["bytes_per_flow_waiting"],
        "duck_cpu": pairs["nftui CPU s"] / 10,
        "spark_cpu": 2 * (record["21.5008 M Spark s"] - record["1 M Spark s"]) / 20.500794,
        "spark_line_cpu": 2 * (spark[21_500_794] - spark[1_000_000]) / 50 / 20.500794,
        "spark_seconds": 2.532,
    }  # fmt: skip
    assert v9["nftui_kernel_drops"] == 0
    said = dict(re.findall(r"^\| `(\w+)` \| ([\d.,]+) \| measured \|", PAGE, re.MULTILINE))
    for name, value in expected.items():
        assert float(said[name].replace(",", "")) == pytest.approx(value, rel=0.002), name
    assert expected.keys() < said.keys()


def test_every_input_stands_on_the_page():
    for cls in (Measured, Assumed):
        for name in cls.__dataclass_fields__:
            assert f"| `{name}` | " in PAGE


def test_sites_share_the_rate_and_follow_their_own_clocks():
    peaks = site_peaks(1e6, 10, Assumed())
    assert peaks.sum() == pytest.approx(1e6)
    assert peaks[3] == pytest.approx(peaks[0] / 2)
    curve = day_curve(Assumed())
    assert (curve.max(), curve.argmax()) == (pytest.approx(1.0), 15 * 60)
    assert (curve.min(), curve.argmin()) == (pytest.approx(0.3), 3 * 60)
    assert curve.mean() == pytest.approx(0.65)
    assert day_curve(Assumed(), zone=2).argmax() == 9 * 60  # six hours ahead


def test_one_site_at_an_even_rate_reckoned_by_hand():
    found = simulate(100_000, 1, ROUND, EVEN)
    flows = 100_000 * 86_400
    assert found.collectors == 1  # 200 000 flows/s, half filled
    assert found.cores == math.ceil(100_000 * 4e-6 / 0.5)
    assert found.day_gb == pytest.approx(flows * 25 / 1e9)
    assert found.lake_tb == pytest.approx(90 * flows * 25 / 1e12)
    assert found.uplink_mbit == pytest.approx(100_000 * 45 * 8 / 1e6)
    assert found.kafka_mbit == pytest.approx(100_000 * 50 * 8 / 1e6)
    assert found.files_day == 24 * 2 * math.ceil(100_000 * 3600 / 16_777_216)
    assert found.files == 90 * found.files_day + 2 * 12 * math.ceil(100_000 * 300 / 1_048_576)
    assert found.compact_share == pytest.approx(0.2)
    assert found.memory_gb == pytest.approx(0.564)
    assert found.minute_cores == pytest.approx(flows / 1e6 * 2.7 / 59.1)
    assert found.restart_lost == pytest.approx(30.5 / 86_400)
    assert simulate(100_001, 1, ROUND, EVEN).collectors == 2


def test_what_waited_while_a_link_was_away_goes_up_beside_what_comes():
    kept, hours = link_failure(1000, 10, EVEN)
    assert kept == pytest.approx(1000 * 10 * 6 * 3600, rel=0.01)
    assert hours == pytest.approx(6, abs=0.05)  # twice the bandwidth: one part for what comes, one for what waits
    assert link_failure(1000, 10, replace(EVEN, link=4))[1] == pytest.approx(2, abs=0.05)
    assert link_failure(1000, 10, replace(EVEN, link=1.0))[1] == float("inf")


def test_kafka_waits_as_long_as_its_queue_lasts():
    found = simulate(100_000, 1, ROUND, EVEN)
    assert found.kafka_seconds == pytest.approx(12.8)


def test_more_is_never_less():
    results = [simulate(rate, sites, ROUND, Assumed()) for rate, sites in SCENARIOS]
    assert SCENARIOS[-1] == (1e8, 200)
    for name in ("exporters", "collectors", "cores", "day_gb", "files_day", "list_seconds", "minute_cores"):
        values = [getattr(result, name) for result in results]
        assert values == sorted(values), name
        assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.012"), (1.25, "1.2"), (123, "120"), (98_765, "99,000"), (float("inf"), "never")],
)
def test_numbers_have_two_digits_that_count(value: float, text: str):
    assert number(value) == text


def test_only_what_the_script_made_is_replaced():
    assert with_report(f"a{BEGIN}old{END}b", f"{BEGIN}new{END}") == f"a{BEGIN}new{END}b"


def test_what_the_page_names_is_there():
    from nftui.config import Config

    for name in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name
    for table in re.findall(r"`?\[(lake|kafka)\]`?(?!\()", PAGE):
        assert hasattr(Config(), table)
