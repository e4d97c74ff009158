"""What comes in from outside, as configured: ports, who may send, how much, and who else gets it."""

from __future__ import annotations

from contextlib import ExitStack

from nftui.config import CollectorConfig
from nftui.engine.clock import Clock
from nftui.engine.ingest.allow import AllowList, parse_source
from nftui.engine.ingest.forward import Forwarder, parse_targets
from nftui.engine.ingest.rate_limit import RateLimiter
from nftui.engine.ingest.receiver import Receiver
from nftui.engine.ingest.streams import StreamReceiver
from nftui.engine.ingest.udp import Listener, listen, parse_endpoint
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits


class Intake:
    """Ports of a collector. Constructing it opens nothing; `open` does.

    Args:
        config: the part of the configuration.
        chosen_allow: whether somebody chose the allow-list; a source map alone replaces the default one.
        ledger: gets what is refused, dropped or forwarded.
        clock: time of reception.
        limits: bounds.

    Attributes:
        allow: who may send.
        receiver: takes datagrams, None when no port is open for them.
        streams: takes connections, None when no port is open for them.
        forwarder: sends on, None when nobody else gets the datagrams.

    Raises:
        UsageError: an address, a network or a target is wrong.
    """

    def __init__(
        self, config: CollectorConfig, chosen_allow: bool, ledger: Ledger, clock: Clock, limits: Limits
    ) -> None:
        sources = [parse_source(text) for text in config.sources]
        self.allow = AllowList(() if sources and not chosen_allow else config.allow, sources)
        self.receiver: Receiver | None = None
        self.streams: StreamReceiver | None = None
        self.forwarder: Forwarder | None = None
        self._endpoints = [parse_endpoint(text) for text in config.listen]
        self._targets = parse_targets(config.forward)
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._listeners: list[Listener] = []

    def open(self) -> None:
        """Open the ports.

        Raises:
            ListenError: one cannot be opened, or a target has no address; nothing is left open.
        """
        rate = self._config.rate_limit
        with ExitStack() as undo:
            for endpoint in self._endpoints:
                if not endpoint.stream:
                    listener = listen(endpoint, self._config.receive_buffer)
                    undo.callback(listener.close)
                    self._listeners.append(listener)
            if self._targets:
                self.forwarder = Forwarder(self._targets)
                undo.callback(self.forwarder.close)
            connected = [endpoint for endpoint in self._endpoints if endpoint.stream]
            if connected:
                limiter = RateLimiter(rate, self._clock)
                self.streams = StreamReceiver(connected, self.allow, limiter, self._ledger, self._clock, self._limits)
            undo.pop_all()
        if self._listeners:
            self.receiver = Receiver(
                self._listeners, self.allow, self._ledger, self._clock, self._limits,
                RateLimiter(rate, self._clock), self.forwarder,
            )  # fmt: skip

    @property
    def labels(self) -> tuple[str, ...]:
        """Where it listens."""
        return (
            *(listener.label for listener in self._listeners),
            *(self.streams.labels if self.streams is not None else ()),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Advice about socket buffers, in words."""
        return tuple(listener.warning for listener in self._listeners if listener.warning)

    def forwarded(self) -> list[dict[str, str | int]]:
        """Each collector that gets the datagrams too, and how many it got."""
        targets = self.forwarder.targets if self.forwarder is not None else []
        return [{"target": target.label, "sent": target.sent, "failed": target.failed} for target in targets]

    def poll_drops(self) -> None:
        """Ask the kernel what it dropped. For any thread."""
        if self.receiver is not None:
            self.receiver.poll_drops()

    def close(self) -> None:
        """Give everything back, after the threads that use it have ended."""
        for part in (self.receiver, self.streams, self.forwarder):
            if part is not None:
                part.close()
