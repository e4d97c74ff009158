"""Names by the resolver: asked beside everything else, once, bounded, and harmless."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nftui.engine.limits import Limits
from nftui.engine.reverse_dns import ReverseNames


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_name_comes_later_and_is_remembered() -> None:
    asked: list[str] = []
    came = threading.Event()

    def resolver(address: str) -> str:
        asked.append(address)
        return f"host-{address[-1]}.example"

    names = ReverseNames(lambda _: came.set(), resolver=resolver)
    assert names.name("192.0.2.1") is None
    assert came.wait(120)
    assert names.name("192.0.2.1") == "host-1.example"
    assert asked == ["192.0.2.1"]
    names.stop()


def test_a_resolver_that_hangs_holds_up_nobody() -> None:
    go_on = threading.Event()
    asked: list[str] = []

    def resolver(address: str) -> str:
        asked.append(address)
        assert go_on.wait(120)
        return "slow.example"

    names = ReverseNames(lambda _: None, Limits(names_waiting=2), resolver)
    assert [names.name(f"192.0.2.{n}") for n in range(50)] == [None] * 50
    assert [names.name(f"192.0.2.{n}") for n in range(50)] == [None] * 50
    go_on.set()
    wait_for(lambda: names.name("192.0.2.0") == "slow.example")
    assert len(asked) == len(set(asked)) <= 4, "who does not fit is not queued, and nobody is asked for twice"
    names.stop()


def test_no_name_is_remembered_too_and_names_are_harmless() -> None:
    def resolver(address: str) -> str:
        if address == "192.0.2.1":
            raise OSError("no such host")
        return "evil\x1b[2J\u202e.example" + "x" * 500

    names = ReverseNames(lambda _: None, resolver=resolver)
    for address in ("192.0.2.1", "192.0.2.2"):
        names.name(address)
    wait_for(lambda: names.name("192.0.2.2") is not None)
    assert names.name("192.0.2.1") == ""
    found = names.name("192.0.2.2")
    assert found is not None
    assert found.startswith("evil[2J.example")
    assert len(found) == 253
    names.stop()


def test_names_are_bounded() -> None:
    names = ReverseNames(lambda _: None, Limits(names_kept=3), lambda address: address)
    for number in range(10):
        names.name(f"192.0.2.{number}")
        wait_for(lambda: names.name(f"192.0.2.{number}") is not None)  # noqa: B023  called before the next round
    assert len(names._names) == 3
    names.stop()
