"""The units of contrib in the eyes of systemd-analyze."""

import os
import re
import shutil
import stat
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


@pytest.mark.parametrize(("name", "least"), [("collect", 3), ("probe", 2)])
def test_options_of_the_services_are_options(name, least):
    import importlib
    import shlex

    command = getattr(importlib.import_module(f"nftui.cli.{name}"), name)
    lines = (CONTRIB / "default" / f"nftui-{name}").read_text().splitlines()
    found = [line.removeprefix("#").removeprefix("OPTIONS=") for line in lines if "OPTIONS=" in line]
    assert len(found) == least
    for line in found:
        command.make_context(name, shlex.split(line))


@pytest.mark.peer
@pytest.mark.skipif(os.geteuid() != 0, reason="making users, in a directory of their own, needs root")
def test_users_and_directories_can_be_made(tmp_path):
    for tool in ("systemd-sysusers", "systemd-tmpfiles"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc" / "group").write_text("root:x:0:\n")
    users = [str(CONTRIB / "sysusers.d" / "nftui.conf")]
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", *users], check=True, timeout=60)
    passwd = (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^nftui:x:\d+:\d+:nftui collector:/var/lib/nftui:/usr/sbin/nologin$", passwd, re.MULTILINE)
    assert re.search(r"^nftui-probe:x:\d+:\d+:nftui probe:/run/nftui:/usr/sbin/nologin$", passwd, re.MULTILINE)
    places = [str(CONTRIB / "tmpfiles.d" / "nftui.conf")]
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", *places], check=True, timeout=60)
    store = (tmp_path / "var" / "lib" / "nftui").stat()
    assert (stat.S_IMODE(store.st_mode), store.st_uid) == (0o750, int(passwd.split("\nnftui:x:")[1].split(":")[0]))


def test_units_name_what_is_there():
    """Files that a unit and the defaults speak of are those of contrib; the watchdog is ours to feed."""
    for unit, default in (("nftui-collect.service", "nftui-collect"), ("nftui-probe.service", "nftui-probe")):
        text = (CONTRIB / unit).read_text()
        assert f"EnvironmentFile=-/etc/default/{default}\n" in text
        assert (CONTRIB / "default" / default).exists()
        user = re.search(r"^User=(.*)$", text, re.MULTILINE)[1]
        assert f"\nu {user} - " in (CONTRIB / "sysusers.d" / "nftui.conf").read_text()
        assert {"Type=notify", "WatchdogSec=30", "NoNewPrivileges=yes", "ProtectSystem=strict"} <= set(
            text.splitlines()
        )
