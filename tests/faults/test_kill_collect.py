"""Case B1: `kill -9` in the middle of collecting. What is older than 1.5 s is there at the next start, once."""

import random
import signal
import threading
import time

import pytest
from collector_process import FULL, RECORDS, free_port, send, stored, v5

ROUNDS = 200 if FULL else 8
LOST_AT_MOST_SECONDS = 1.5
DATAGRAMS = 7
"""Every hundredth of a second: 21 000 flows/s."""


@pytest.mark.timeout(1800)
def test_kill_loses_at_most_the_last_moment_and_doubles_nothing(collect, tmp_path):
    port = free_port()
    seed = random.Random(7)
    serial = 0
    must_be_there: set[int] = set()
    may_be_there: set[int] = set()
    starts: list[float] = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        collector = collect(tmp_path / "s", "-p", str(port), "-t", "2")
        starts.append(time.monotonic() - began)
        sent: list[tuple[float, range]] = []
        killer = threading.Timer(seed.uniform(0.1, 3.5), collector.process.kill)
        killer.start()
        while collector.process.poll() is None:
            send(port, *(v5(serial + i * RECORDS) for i in range(DATAGRAMS)))
            sent.append((time.monotonic(), range(serial, serial + DATAGRAMS * RECORDS)))
            serial += DATAGRAMS * RECORDS
            time.sleep(0.01)
        killed = time.monotonic()
        collector.process.communicate()
        assert collector.process.returncode == -signal.SIGKILL
        for when, serials in sent:
            (must_be_there if when < killed - LOST_AT_MOST_SECONDS else may_be_there).update(serials)
    last = collect(tmp_path / "s", "-p", str(port))
    last.wait_for(lambda: last.ask("health")["store"]["waiting_segments"] == 0)
    assert last.stop()[0] == 0
    found = stored(tmp_path / "s")
    print(f"{ROUNDS} kills, {serial} flows sent, {len(must_be_there)} had to be there, {len(found)} are; ", end="")
    print(f"lost per kill {(serial - len(found)) / ROUNDS:.0f}, longest start {max(starts):.2f} s")
    assert len(found) == len(set(found))
    assert must_be_there <= set(found)
    assert set(found) <= must_be_there | may_be_there
    assert len(must_be_there) > 1000
    if FULL:
        assert max(starts) < 3
