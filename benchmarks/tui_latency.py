"""The screen under load: first paint, key to screen, bytes per second, under a pseudo-terminal.

    python benchmarks/tui_latency.py                          300 000 flows/s of v9, 120x40
    python benchmarks/tui_latency.py --rate 0                 nothing arrives
    python benchmarks/tui_latency.py --past STORE             and questions about stored flows run all the time
    python benchmarks/tui_latency.py --link 256000            a line of 256 kbit/s
    python benchmarks/tui_latency.py --subject datatable      the same table made with Textual's DataTable
    python benchmarks/tui_latency.py --subject iftop          as root: iftop in a network namespace of its own
    python benchmarks/tui_latency.py --subject bmon

Starts the real program on a temporary store and a sender on loopback. Keys are pressed at random moments, during
refreshes as well as between them, and the time is taken until the mark that the key moves stands on its new line:
each piece of output is played into a terminal emulator as it arrives, and the emulator's time counts. A key whose
mark does not move within three seconds is listed as unanswered, never left out.

With --past the store's files are linked into the temporary one (same file system), all of their time is brushed, a
filter is set that no roll-up answers, and before each measured key `u` asks for unscaled counters or back, so that a
question about the whole store is running.

iftop and bmon have no cursor: the key is `h` (`?` for bmon), the mark the first words of their help.
Results: one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent / "tests" / "ui"))

from terminal import Terminal  # noqa: E402

_PATIENCE = 3.0
_NAMESPACE = "nftui-bench"


def marked_line(terminal: Terminal) -> int:
    """Line of the table whose background no other has: the cursor; -1 when there is none.

    A heading, the only other line with a background of its own, stands above it.
    """
    buffer = terminal.display.buffer
    inner = range(4, terminal.display.lines - 4)
    looks = {y: (buffer[y][2].bg, buffer[y][2].reverse) for y in inner}
    counts = Counter(looks.values())
    return max((y for y in inner if counts[looks[y]] == 1), default=-1)


class Ended(SystemExit):
    """The program ended although nobody asked it to.

    Args:
        terminal: where it ran.
        when: what was measured.
    """

    def __init__(self, terminal: Terminal, when: str) -> None:
        code = terminal.exit_code
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        super().__init__(f"it ended with {how} while {when}; its last words: {terminal.last_words or 'none'}")


class Cursor:
    """Keys that move the cursor up and down within the middle of the table."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._line = 0

    def key(self) -> bytes:
        """The next key; the cursor goes towards the middle."""
        self._line = marked_line(self._terminal)
        self._down = self._line < self._terminal.display.lines // 2
        return b"j" if self._down else b"k"

    def answered(self) -> bool:
        """Whether the cursor stands on the next line."""
        return self._line >= 0 and marked_line(self._terminal) == self._line + (1 if self._down else -1)


class Words:
    """A key that shows and hides words."""

    def __init__(self, terminal: Terminal, key: bytes, words: str) -> None:
        self._terminal = terminal
        self._key = key
        self._words = words

    def key(self) -> bytes:
        """The key."""
        self._shown = self._terminal.shows(self._words)
        return self._key

    def answered(self) -> bool:
        """Whether the words came or went."""
        return self._terminal.shows(self._words) is not self._shown


def echoes(terminal: Terminal, seconds: float, mark: Cursor | Words, before: Callable[[], None]) -> list[float | None]:
    """Milliseconds from each key to its mark, None for a key without an answer."""
    times: list[float | None] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before()
        terminal.pump(random.uniform(0.1, 0.6))
        if terminal.ended():
            raise Ended(terminal, f"keys were pressed, after {len(times)} of them")
        key = mark.key()
        pressed = time.monotonic()
        terminal.send(key)
        found = terminal.until(mark.answered, _PATIENCE)
        times.append((time.monotonic() - pressed) * 1000 if found else None)
    return times


def compiled(folder: str) -> dict[str, str]:
    """Environment in which Python keeps what it has compiled, as an installed package has it, whatever ours says."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": os.path.join(folder, "compiled")}


def first_paint(command: list[str], size: tuple[int, int], env: dict[str, str], runs: int) -> list[float]:
    """Milliseconds from the start of the process to the first words on the screen; a first start is not counted."""
    times = []
    for _ in range(runs + 1):
        with Terminal(command, *size, env=env) as terminal:
            if not terminal.until(lambda terminal=terminal: b"hosts" in terminal.received, 10):
                raise SystemExit(f"nothing was painted: {bytes(terminal.received)[-500:]!r}")
            times.append((terminal.chunks[-1][0]) * 1000)
            terminal.pump(1)  # Python has loaded the rest, and written what it compiled
    return times[1:]


def bytes_per_second(terminal: Terminal, seconds: float) -> float:
    """Output while nobody presses a key."""
    before, begin = len(terminal.received), time.monotonic()
    terminal.pump(seconds)
    return (len(terminal.received) - before) / (time.monotonic() - begin)


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    words = Path(f"/proc/{pid}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) / 1024


def percentile(values: Sequence[float], part: float) -> float | None:
    """Value below which the given part lies."""
    return round(sorted(values)[min(len(values) - 1, int(part * len(values)))], 1) if values else None


def linked_store(source: Path, folder: Path) -> Path:
    """A store with the same files, for a writer of its own."""
    store = folder / "store"
    if not any(source.glob("date=*")):
        raise SystemExit(f"no store: {source}")
    for path in source.rglob("*.parquet"):
        place = store / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(path.resolve(), place)
    return store


@contextmanager
def traffic_in_namespace() -> Iterator[list[str]]:
    """A namespace with two ends of a cable and datagrams between many addresses; yields the words to run in it."""
    inside = ["ip", "netns", "exec", _NAMESPACE]
    subprocess.run(["ip", "netns", "del", _NAMESPACE], capture_output=True)
    subprocess.run(["ip", "netns", "add", _NAMESPACE], check=True)
    sender = None
    try:
        for line in (
            "link add bench0 type veth peer name bench1", "link set bench0 arp off up", "link set bench1 arp off up",
            "address add 192.0.2.1/24 dev bench0",
        ):  # fmt: skip
            subprocess.run([*inside, "ip", *line.split()], check=True)
        flood = (
            "import socket,time,random\ns=socket.socket(2,2)\nend=time.time()+300\n"
            "while time.time()<end:\n"
            " for _ in range(50): s.sendto(b'x'*random.randint(20,1200),(f'192.0.2.{random.randint(2,200)}',9))\n"
            " time.sleep(0.05)\n"
        )
        sender = subprocess.Popen([*inside, sys.executable, "-c", flood])
        yield inside
    finally:
        if sender is not None:
            sender.kill()
            sender.wait()
        subprocess.run(["ip", "netns", "del", _NAMESPACE], check=True)


def measure_peer(options: argparse.Namespace, size: tuple[int, int]) -> dict[str, Any]:
    """Run iftop or bmon."""
    programs = {
        "iftop": (["iftop", "-n", "-N", "-i", "bench0"], b"h", "Host display"),
        "bmon": (["bmon", "-p", "bench0", "-r", "0.5"], b"?", "Navigation"),
    }
    command, key, words = programs[options.subject]
    with traffic_in_namespace() as inside, Terminal([*inside, *command], *size) as terminal:
        terminal.pump(5)
        busy = bytes_per_second(terminal, options.output)
        terminal.bytes_per_second = options.link / 8 if options.link else 0
        times = echoes(terminal, options.seconds, Words(terminal, key, words), lambda: None)
        terminal.bytes_per_second = 0
        terminal.send(b"q")
        terminal.wait(5)
    return {"subject": options.subject, "size": options.size, "link": options.link or None, **summary(times),
            "bytes_per_second": round(busy)}  # fmt: skip


def whole(store: Path) -> str:
    """The time that a store covers, as the box for a time takes it."""
    from nftui.engine.history.history import History

    extent = History([str(store)]).extent()
    if extent is None:
        raise SystemExit(f"no flows in {store}")
    first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (extent.start_ms, extent.end_ms))
    return f"{first:%Y-%m-%dT%H:%M:%SZ}..{last:%Y-%m-%dT%H:%M:%SZ}"


def summary(times: Sequence[float | None]) -> dict[str, Any]:
    """Percentiles of the answered keys, and how many were not."""
    answered = [ms for ms in times if ms is not None]
    return {
        "keys": len(times), "unanswered": len(times) - len(answered),
        "key_ms": {"p50": percentile(answered, 0.5), "p95": percentile(answered, 0.95),
                   "p99": percentile(answered, 0.99), "max": percentile(answered, 1)},
    }  # fmt: skip


def measure(options: argparse.Namespace, size: tuple[int, int]) -> dict[str, Any]:
    """nftui, or the DataTable version."""
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        store = linked_store(Path(options.past), Path(folder)) if options.past else Path(folder) / "store"
        place = ["--store", str(store), "--listen", f"127.0.0.1:{options.port}"]
        ours = options.subject == "nftui"
        program = ["-m", "nftui", "--fresh"] if ours else [str(_HERE / "datatable_app.py")]
        command = [sys.executable, *program, *place, *options.more]
        paints = first_paint(command, size, compiled(folder), options.paints) if options.paints else []
        with Terminal(command, *size, env=compiled(folder)) as terminal:
            terminal.until(lambda: terminal.shows("LIVE") or not ours, 30)
            terminal.pump(5)
            idle = bytes_per_second(terminal, min(10, options.output)) if options.output else None
            sender = None
            if options.rate:
                sender = subprocess.Popen(
                    [sys.executable, str(_HERE / "send.py"), "--port", str(options.port), "--rate", str(options.rate),
                     "--seconds", str(options.warm_up + options.output + options.seconds + 15), "--exporters", "2"],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                )  # fmt: skip
            terminal.pump(options.warm_up)
            if terminal.ended():
                raise Ended(terminal, "flows came and no key was pressed")
            busy = bytes_per_second(terminal, options.output) if options.output else None
            terminal.bytes_per_second = options.link / 8 if options.link else 0
            before: Callable[[], None] = lambda: None  # noqa: E731
            if options.past:
                terminal.send(b"@")
                terminal.pump(1)
                terminal.send(whole(store).encode() + b"\r")
                if not terminal.until(lambda: terminal.shows("HISTORY"), 10):
                    raise SystemExit("the stored flows were not brushed")
                terminal.send(b"/bytes > 70 and not port 1\r")
                terminal.pump(5)
                before = lambda: terminal.send(b"u")  # noqa: E731
            terminal.send(b"jjjjj")
            terminal.pump(1)
            times = echoes(terminal, options.seconds, Cursor(terminal), before)
            if terminal.ended():
                raise Ended(terminal, "keys were pressed")
            rss = resident_mb(terminal.pid)
            lines = terminal.lines
            terminal.bytes_per_second = 0
            terminal.send(b"\x03" if ours else b"q")
            code = terminal.wait(15)
            if sender:
                sender.wait(90)
    return {
        "subject": options.subject, "rate": options.rate, "size": options.size, "link": options.link or None,
        "past": bool(options.past), "more": " ".join(options.more),
        "first_paint_ms": {"best": round(min(paints)), "median": round(statistics.median(paints))} if paints else None,
        **summary(times), "bytes_per_second": {"idle": idle and round(idle), "busy": busy and round(busy)},
        "rss_mb": round(rss), "exit": code, "status": lines[1].strip(), "health": lines[-2].strip(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", choices=("nftui", "datatable", "iftop", "bmon"), default="nftui")
    parser.add_argument("--rate", type=float, default=300_000, help="flows per second; 0 for none")
    parser.add_argument("--seconds", type=float, default=60, help="of keys")
    parser.add_argument("--output", type=float, default=20, metavar="SECONDS", help="of output before; 0 for none")
    parser.add_argument("--warm-up", type=float, default=8, help="seconds before anything is measured")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--link", type=float, default=0, help="bits per second of the line; 0 for no limit")
    parser.add_argument("--past", default="", metavar="STORE", help="a store about which questions run meanwhile")
    parser.add_argument("--paints", type=int, default=5, help="starts for the first paint")
    parser.add_argument("--port", type=int, default=24995)
    parser.add_argument("more", nargs="*", help="options of nftui, after --")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    peer = options.subject in {"iftop", "bmon"}
    print(json.dumps(measure_peer(options, (columns, rows)) if peer else measure(options, (columns, rows))))


if __name__ == "__main__":
    main()
