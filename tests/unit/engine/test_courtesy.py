"""Threads that let others go first."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from nftui.engine.courtesy import step_back


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a nice value for each thread")
def test_a_thread_steps_back_with_those_that_it_starts_and_nobody_else() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    seen: dict[str, int] = {}

    def look(name: str) -> None:
        seen[name] = os.getpriority(os.PRIO_PROCESS, 0)

    def work() -> None:
        step_back(3)
        look("thread")
        child = threading.Thread(target=look, args=("its own",))
        child.start()
        child.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    lower = min(19, before + 3)
    assert seen == {"thread": lower, "its own": lower}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
