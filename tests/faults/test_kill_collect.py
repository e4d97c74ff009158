"""`kill -9` in the middle of collecting: everything older than 1.5 s is there at the next start, once."""

import random
import signal
import threading
import time

from collector_process import RECORDS, free_port, send, stored, v5

PORT = free_port()
ROUNDS = 4
LOST_AT_MOST_SECONDS = 1.5


def test_kill_loses_at_most_the_last_moment_and_doubles_nothing(collect, tmp_path):
    seed = random.Random(7)
    serial = 0
    must_be_there: set[int] = set()
    may_be_there: set[int] = set()
    for _ in range(ROUNDS):
        collector = collect(tmp_path / "s", "-p", str(PORT), "-t", "2")
        sent: list[tuple[float, range]] = []
        killer = threading.Timer(2.0 + seed.random() * 1.5, collector.process.kill)
        killer.start()
        while collector.process.poll() is None:
            send(PORT, *(v5(serial + i * RECORDS) for i in range(20)))
            sent.append((time.monotonic(), range(serial, serial + 20 * RECORDS)))
            serial += 20 * RECORDS
            time.sleep(0.01)
        killed = time.monotonic()
        collector.process.communicate()
        assert collector.process.returncode == -signal.SIGKILL
        for when, serials in sent:
            (must_be_there if when < killed - LOST_AT_MOST_SECONDS else may_be_there).update(serials)
    last = collect(tmp_path / "s", "-p", str(PORT))
    last.wait_for(lambda: last.ask("health")["store"]["waiting_segments"] == 0)
    assert last.stop()[0] == 0
    found = stored(tmp_path / "s")
    assert len(found) == len(set(found))
    assert must_be_there <= set(found)
    assert set(found) <= must_be_there | may_be_there
    assert len(must_be_there) > 1000
