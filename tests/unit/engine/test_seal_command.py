"""The command for each finished file: words filled in, no shell, failures counted."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from nftui.engine import seal_command
from nftui.engine.ledger import Ledger
from nftui.engine.seal_command import SealCommand
from nftui.engine.store.seal import SealedSlot
from nftui.errors import UsageError


def sealed(root: Path, name: str = "date=2023-11-14/hour=22/x.parquet") -> SealedSlot:
    return SealedSlot(root / name, 1_700_000_000_000, 300, 1, 1, 1, 1, 1, {})


def test_placeholders_are_those_of_nfcapd(tmp_path):
    command = SealCommand("'a b' %d/%f %t %u %i 100%% %x %", str(tmp_path), "gw 1", Ledger())
    assert command.words(sealed(tmp_path)) == [
        "a b",
        f"{tmp_path}/date=2023-11-14/hour=22/x.parquet",
        "202311142213",
        "1700000000",
        "gw 1",
        "100%",
        "%x",
        "%",
    ]


def test_a_name_cannot_become_a_second_word_or_a_placeholder(tmp_path):
    command = SealCommand("run %i", str(tmp_path), "x; %d $(reboot)", Ledger())
    assert command.words(sealed(tmp_path)) == ["run", "x; %d $(reboot)"]


@pytest.mark.parametrize("text", ["'open", "   "])
def test_bad_commands_are_usage_errors(text):
    with pytest.raises(UsageError):
        SealCommand(text, "/s", "none", Ledger())


def run(command: SealCommand, *files: SealedSlot) -> None:
    for file in files:
        command.add(file)
    stopping = threading.Event()
    thread = threading.Thread(target=command.run, args=(stopping,))
    thread.start()
    while not command._files.empty():
        time.sleep(0.001)
    stopping.set()
    thread.join(120)


def test_it_runs_once_for_each_file(tmp_path):
    log = tmp_path / "log"
    code = "import json,sys; open(sys.argv[1],'a').write(json.dumps(sys.argv[2:])+chr(10))"
    ledger = Ledger()
    command = SealCommand(f"{sys.executable} -c {json.dumps(code)} {log} %f", str(tmp_path), "none", ledger)
    done = threading.Event()
    stopping = threading.Event()
    thread = threading.Thread(target=lambda: (command.run(stopping), done.set()))
    thread.start()
    command.add(sealed(tmp_path, "a"))
    command.add(sealed(tmp_path, "b"))
    for _ in range(12_000):
        if log.exists() and log.read_text().count("\n") == 2:
            break
        done.wait(0.01)
    stopping.set()
    assert done.wait(120)
    assert [json.loads(line) for line in log.read_text().splitlines()] == [["a"], ["b"]]
    assert ledger.snapshot() == {"commands.run": 2}


def test_failures_are_counted(tmp_path):
    ledger = Ledger()
    run(SealCommand("/nowhere/to/be/found %f", str(tmp_path), "none", ledger), sealed(tmp_path))
    assert ledger.snapshot() == {"commands.run": 1, "commands.failed": 1}


def test_a_backlog_is_bounded_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(seal_command, "_WAITING", 2)
    ledger = Ledger()
    command = SealCommand("true", str(tmp_path), "none", ledger)
    for _ in range(5):
        command.add(sealed(tmp_path))
    assert ledger.snapshot() == {"commands.skipped": 3}
