"""How long a flow counts towards rates.

An exporter reports a flow when it ends, or a part of it each active timeout: the record of a five-minute download
arrives at once. Taken as traffic of the second in which it arrives, it would be a spike that never was on the wire;
cut down to the window's share, a link full of such flows would look idle. So a flow is replayed at the pace that it
had: from its arrival on it counts with octets / duration for as long as it lasted. Rates so lag by the duration of
the flows, have no spikes, and on average all octets are in them.

Flows shorter than the window need no replay: a rate is an average over the window anyway. Durations are rounded to a
geometric ladder, so that flows can be let go in groups.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LONGEST = 3600
"""Seconds after which any flow is let go."""

_STEP = math.log(1.15)


def ladder(seconds: NDArray[np.float64], shortest: int, longest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Durations rounded to few distinct ones.

    Args:
        seconds: durations, float64[n].
        shortest: least duration, in whole seconds, at least 1.
        longest: largest duration, in whole seconds.

    Returns:
        The rungs in whole seconds, and int64[n], the rung of each flow.
    """
    count = math.ceil(math.log(longest / shortest) / _STEP) + 1
    rungs = np.minimum(np.round(shortest * np.exp(np.arange(count) * _STEP)), longest).astype(np.int64)
    rung = np.round(np.log(np.clip(seconds, shortest, longest) / shortest) / _STEP).astype(np.int64)
    return rungs, np.minimum(rung, count - 1)
