"""A Kafka output with its thread, whose balance is checked at every look."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

from nftui.config import KafkaConfig
from nftui.engine.kafka.output import KafkaOutput
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits


class Running:
    """Starts as it is made, and ends with its block."""

    def __init__(self, brokers: str, form: str = "arrow", kafka_bytes: int = 64_000_000, patience: float = 1.0) -> None:
        self._ledger = Ledger()
        config = KafkaConfig((brokers,), "flows", form)
        self.output = KafkaOutput(config, self._ledger, Limits(kafka_bytes=kafka_bytes), patience)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.output.run, args=(self._stopping,))
        self._thread.start()

    def counts(self) -> Counter[str]:
        counts = Counter(self._ledger.snapshot())
        parts = sum(counts[f"kafka.flows_{name}"] for name in ("delivered", "waiting", "dropped", "failed"))
        assert counts["kafka.flows"] == parts
        return counts

    def wait(self, condition: Callable[[Counter[str]], object], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not condition(self.counts()):
            assert time.monotonic() < end, (self.counts(), self.output.problem)
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(120)
        assert not self._thread.is_alive()
