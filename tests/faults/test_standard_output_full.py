"""Standard output that takes no more: one line and an exit code; and a reader that has had enough: silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plain_flows import DEFAULTS, flow_file

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")

FULL = "nftui: cannot write standard output: No space left on device"


def nftui(output: Path | int, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "nftui", *arguments]
    if isinstance(output, int):
        return subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, cwd=cwd, check=False)
    with output.open("w") as stream:
        return subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with more flows than output is handed over in one portion."""
    return flow_file(tmp_path_factory.mktemp("flows") / "flows.parquet", [DEFAULTS] * 3000)


@pytest.fixture(scope="module")
def damaged(flows: Path) -> Path:
    """A file that `verify` has something to say about."""
    path = flows.with_name("damaged.parquet")
    path.write_bytes(flows.read_bytes()[:-100])
    return path


COMMANDS = {
    "list": ["dump", "-r", "FLOWS"], "list in order": ["dump", "-r", "FLOWS", "-O", "bytes"],
    "short list": ["dump", "-r", "FLOWS", "-n", "2"], "-s": ["dump", "-r", "FLOWS", "-s", "srcip"],
    "csv": ["dump", "-r", "FLOWS", "-o", "csv"], "ndjson": ["dump", "-r", "FLOWS", "-o", "ndjson"],
    "-X": ["dump", "-r", "FLOWS", "-s", "srcip", "-X"],
    "ioc": ["ioc", "-r", "FLOWS", "LIST"], "expire -l": ["expire", "-l", "FOLDER"],
    "verify": ["verify", "DAMAGED"], "--help": ["--help"], "dump --help": ["dump", "--help"],
}  # fmt: skip


def filled(name: str, flows: Path, damaged: Path) -> list[str]:
    listed = flows.with_name("list.txt")
    listed.write_text("10.0.0.0/8\n0.0.0.0/1\n128.0.0.0/1\n::/0\n")
    places = {"FLOWS": flows, "DAMAGED": damaged, "FOLDER": flows.parent, "LIST": listed}
    return [str(places.get(word, word)) for word in COMMANDS[name]]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line_and_an_exit_code(name: str, flows: Path, damaged: Path) -> None:
    done = nftui(Path("/dev/full"), *filled(name, flows, damaged))
    said = done.stderr.splitlines()
    assert said[-1] == FULL
    assert not [line for line in said if "Traceback" in line or "Exception" in line]
    assert done.returncode == 73


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_left_is_no_error(name: str, flows: Path, damaged: Path) -> None:
    process = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    process.wait()
    assert process.stdin is not None
    done = nftui(process.stdin.fileno(), *filled(name, flows, damaged))
    process.stdin.close()
    assert "nftui:" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode in ({0, 3} if name == "verify" else {0})
