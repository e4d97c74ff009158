"""The units of contrib in the eyes of systemd-analyze."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"


@pytest.mark.peer
@pytest.mark.parametrize("unit", ["nftui-collect.service", "nftui-probe.service"])
def test_exposure_is_at_most_two(unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--offline=true", str(CONTRIB / unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", said.stdout)
    assert found, said.stderr
    assert float(found[1]) <= 2.0
    assert f"exposure {found[1]}" in (CONTRIB / unit).read_text()


def test_options_of_the_collector_are_options():
    import shlex

    from nftui.cli.collect import collect

    lines = (CONTRIB / "default" / "nftui-collect").read_text().splitlines()
    found = [line.removeprefix("#").removeprefix("OPTIONS=") for line in lines if "OPTIONS=" in line]
    assert len(found) == 3
    for line in found:
        collect.make_context("collect", shlex.split(line))
