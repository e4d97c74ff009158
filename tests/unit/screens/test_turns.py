"""The event loop of the screen has Python to itself while it works."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from nftui.screens.turns import run_first


def test_others_may_interrupt_only_while_the_loop_waits() -> None:
    before = sys.getswitchinterval()
    waiting: list[float] = []

    async def main() -> list[float]:
        working = [sys.getswitchinterval()]
        loop = asyncio.get_running_loop()
        # Asked from another thread, at a moment when the loop has nothing to do.
        answered = asyncio.Event()

        def look() -> None:
            waiting.append(sys.getswitchinterval())
            loop.call_soon_threadsafe(answered.set)

        timer = threading.Timer(0.05, look)
        timer.start()
        await answered.wait()
        working.append(sys.getswitchinterval())
        for _ in range(3):
            await asyncio.sleep(0)
            working.append(sys.getswitchinterval())
        return working

    working = run_first(main())
    assert len(set(working)) == 1
    assert waiting[0] < before < working[0]
    assert sys.getswitchinterval() == before


def test_input_is_looked_for_although_there_is_always_work() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        reading, writing = os.pipe()
        loop.add_reader(reading, came.set)
        os.write(writing, b"x")
        rounds = 0
        while not came.is_set():
            rounds += 1
            await asyncio.sleep(0)
        loop.remove_reader(reading)
        return rounds

    assert run_first(main()) > 0


def test_what_the_coroutine_raises_comes_out() -> None:
    before = sys.getswitchinterval()

    async def main() -> None:
        raise LookupError("from within")

    with pytest.raises(LookupError, match="from within"):
        run_first(main())
    assert sys.getswitchinterval() == before
