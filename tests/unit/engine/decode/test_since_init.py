"""sysUptime values of IPFIX exporters, which have no sysUptime in the header."""

from __future__ import annotations

import numpy as np

from nftui.engine.decode.times import since_init

BOOT = 1_795_261_936_826


def test_a_flow_from_before_the_start_is_not_in_the_future() -> None:
    switched = np.array([5, (1 << 32) - 60_356], np.uint32)
    boot, export = np.full(2, BOOT), np.full(2, BOOT + 10)
    assert since_init(switched, boot, export).tolist() == [BOOT + 5, BOOT - 60_356]


def test_a_wrapped_counter_is_unwrapped_towards_the_export() -> None:
    switched = np.array([1000], np.uint32)
    export = np.array([BOOT + (2 << 32) + 5000])
    assert since_init(switched, np.array([BOOT]), export).tolist() == [BOOT + (2 << 32) + 1000]
