"""What a screen asks of the past beyond `LiveRequest`, and the answers: plain immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nftui.engine.query.filters import Filter

Measure = Literal["bytes", "packets", "flows"]


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From a moment up to, but without, another one.

    Attributes:
        start_ms: UTC ms.
        end_ms: UTC ms, after the start.
    """

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """A chart over time.

    Attributes:
        within: what the chart covers.
        filter: only flows that match; None for all.
        by: what the layers of the stack are: `proto`, `port`, `exporter` or `interface`.
        measure: what is drawn.
        buckets: how many buckets are wanted; the answer has as many or fewer, of a round length.
        layers: layers beside `other`.
        scaled: multiply bytes and packets by the sampling rate where it is known.
    """

    within: TimeRange
    filter: Filter | None = None
    by: str = "proto"
    measure: Measure = "bytes"
    buckets: int = 120
    layers: int = 7
    scaled: bool = True


# NumPy is loaded when there is an answer: screens import this before their first frame.


def _no_values() -> NDArray[np.float64]:
    import numpy as np

    return np.zeros((0, 0))


def _no_cover() -> NDArray[np.float64]:
    import numpy as np

    return np.zeros(0)


def _no_marks() -> NDArray[np.int64]:
    import numpy as np

    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Traffic over time, split evenly over the life of each flow.

    Attributes:
        request: what was asked.
        start_ms: UTC start of the first bucket, a multiple of `step_ms`.
        step_ms: length of a bucket.
        labels: names of the layers, the busiest first; the last may be "other".
        values: float64[labels, buckets], sum of the measure in the bucket.
        covered: float64[buckets], part of the bucket (0 to 1) for which a collector was writing; less is a gap.
        lost: int64[buckets], flows that exporters sent and that did not arrive, by their sequence numbers.
        end_ms: UTC; what came later is not in the answer, so that the last bucket may be partial.
    """

    request: TimelineRequest
    start_ms: int = 0
    step_ms: int = 1000
    labels: tuple[str, ...] = ()
    values: NDArray[np.float64] = field(default_factory=_no_values)
    covered: NDArray[np.float64] = field(default_factory=_no_cover)
    lost: NDArray[np.int64] = field(default_factory=_no_marks)
    end_ms: int = 0
