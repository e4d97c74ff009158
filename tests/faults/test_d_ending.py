"""Case D4: a collector that is told to end stores what came and ends, whatever it does; one more signal forces it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from collector_process import FULL, PATIENCE_SECONDS, RECORDS, RUN, send, stored, v5
from loopback_ports import free_port

PROMISED_SECONDS = 3.0
HANG = """
import os, time, pathlib
def hang_from(module, name, flag):
    real = getattr(module, name)
    def call(*arguments):
        while pathlib.Path(flag).exists():
            time.sleep(0.01)
        return real(*arguments)
    setattr(module, name, call)
"""
SLOW_SORT = """
import time
from nftui.engine.store import seal
sort = seal.sort_rows
def slow(*arguments):
    time.sleep(600)
    return sort(*arguments)
seal.sort_rows = slow
"""
CHORE = """
import nftui.engine.upkeep as upkeep
upkeep._FIRST_SECONDS = 0.0
upkeep._LOOK_SECONDS = 0.05
upkeep._PROGRAM = (upkeep.sys.executable, "-c", "import time; time.sleep(600)")
"""
NO_ROOM = """
from dataclasses import replace
from nftui.engine import limits
limits.DEFAULT = replace(limits.DEFAULT, reserve_share=1.0, reserve_bytes=1 << 62)
"""
STATES = ("idle", "full rate", "rotating", "sealing", "sync hangs", "write hangs", "low space", "upkeep", "asked")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CASES = [
    (state, number)
    for place, state in enumerate(STATES)
    for number in (SIGNALS if FULL else (SIGNALS[place % len(SIGNALS)],))
]


def fault_of(state: str, flag: Path) -> str:
    """Python that brings a collector into a state."""
    return {
        "sealing": SLOW_SORT,
        "sync hangs": HANG + f"hang_from(os, 'fsync', {str(flag)!r})",
        "write hangs": HANG + f"hang_from(os, 'writev', {str(flag)!r})",
        "low space": NO_ROOM,
        "upkeep": CHORE,
    }.get(state, "")


@pytest.mark.parametrize(("state", "number"), CASES, ids=[f"{state}-{number.name}" for state, number in CASES])
def test_it_ends_from_every_state(collect, tmp_path: Path, state: str, number: signal.Signals) -> None:
    port = free_port()
    flag = tmp_path / "hang"
    short = state in {"rotating", "sealing", "sync hangs"}
    collector = collect(tmp_path / "s", "-p", str(port), "-t", "1" if short else "300", fault=fault_of(state, flag))
    sent = 0
    if state != "idle":
        send(port, *(v5(i * RECORDS) for i in range(20)))
        sent = 20
        collector.wait_until_taken(sent)
    if "hangs" in state:
        collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == sent * RECORDS)
        flag.touch()
        send(port, *(v5((20 + i) * RECORDS) for i in range(20)))
        sent = 40
        collector.wait_until_taken(sent)
    if state in {"sealing", "sync hangs"}:
        collector.wait_for(lambda: collector.ask("health")["store"]["waiting_segments"] > 0)
    if state == "upkeep":
        children = Path(f"/proc/{collector.process.pid}/task/{collector.process.pid}/children")
        collector.wait_for(lambda: children.exists() and any(_children(collector.process.pid)))
    if state == "full rate":
        end = time.monotonic() + 1
        while time.monotonic() < end:
            send(port, *(v5((sent + i) * RECORDS) for i in range(30)))
            sent += 30
            time.sleep(0.005)
    if state == "asked":
        import socket

        asking = socket.socket(socket.AF_UNIX)
        asking.connect(str(collector.control))  # and asks nothing
    began = time.monotonic()
    code, _, err = collector.stop(number)
    seconds = time.monotonic() - began
    print(f"{state}, {number.name}: {seconds:.2f} s")
    flows = sent * RECORDS
    if state == "write hangs":  # the one thing that keeps flows from being stored
        assert code == 70
        assert re.search(rf"the store did not take {flows // 2} flows in time; they are lost", err)
        assert sorted(stored(tmp_path / "s")) == list(range(flows // 2))
    else:
        assert (code, "Traceback" in err) == (0, False)
        assert sorted(stored(tmp_path / "s")) == list(range(flows))
    if FULL:
        assert seconds < PROMISED_SECONDS


def _children(pid: int) -> list[str]:
    found: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text().split()
    return found


@pytest.mark.parametrize("after", [0.0, 0.3, 0.6])
def test_a_signal_while_it_starts(collect, tmp_path: Path, after: float) -> None:
    """Before its handlers are there the system ends it; nothing was begun then."""
    collector = collect(tmp_path / "s", "-p", str(free_port()), wait=False)
    time.sleep(after)
    code, out, err = collector.stop()
    assert code in {0, -signal.SIGTERM}
    assert (out, "Traceback" in err) == ("", False)
    again = collect(tmp_path / "s", "-p", str(free_port()))
    assert again.stop()[0] == 0


def test_one_more_signal_forces_it(collect, tmp_path: Path) -> None:
    fault = """
import time
from nftui.engine.engine import Engine
Engine.stop = lambda self: time.sleep(600)
"""
    port = free_port()
    collector = collect(tmp_path / "s", "-p", str(port), fault=fault)
    send(port, v5(0))
    collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == RECORDS)
    collector.process.send_signal(signal.SIGTERM)
    assert collector.process.stderr is not None
    line = ""
    while "one more signal ends at once" not in line:
        line = collector.process.stderr.readline()
        assert line
    assert collector.process.poll() is None
    collector.process.send_signal(signal.SIGINT)
    assert collector.process.wait(PATIENCE_SECONDS) == 128 + signal.SIGINT
    assert sorted(stored(tmp_path / "s")) == list(range(RECORDS))  # flushed flows survive any end


def test_standard_error_that_nobody_reads_holds_up_nothing(tmp_path: Path) -> None:
    """A terminal that stands still, a full pipe: flows are stored all the same, and it ends."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writing, True)
    port = free_port()
    command = [sys.executable, "-c", RUN, "collect", "-l", str(tmp_path / "s"), "-p", str(port), "-t", "1"]
    process = subprocess.Popen(command, stderr=writing, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        sent = 0
        while len(stored(tmp_path / "s")) < 100 * RECORDS:
            assert time.monotonic() < end
            for _ in range(5):
                send(port, v5(sent * RECORDS))
                sent += 1
                time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)
    found = stored(tmp_path / "s")
    assert len(found) == len(set(found)) >= 100 * RECORDS
