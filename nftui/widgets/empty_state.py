"""What to do when nothing arrives: where nftui listens, and what to type on the devices that shall send."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from nftui.text import clean

_DOCUMENTATION_V4 = "192.0.2.1"
_DOCUMENTATION_V6 = "2001:db8::1"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Configuration of one kind of exporter.

    Attributes:
        device: what it is for.
        note: one line on where to type it.
        lines: what to type.
    """

    device: str
    note: str
    lines: tuple[str, ...]


def own_address() -> str:
    """This machine's address towards other networks, or the loopback address.

    Connecting a UDP socket makes the kernel choose a route and source address; no packet is sent.
    """
    for family, target in ((socket.AF_INET, _DOCUMENTATION_V4), (socket.AF_INET6, _DOCUMENTATION_V6)):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"


def target_of(listen: str, own: str) -> tuple[str, int]:
    """Address and port that an exporter must send to for a socket opened as `HOST:PORT` or `[HOST]:PORT`."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    wildcard = not host or ipaddress.ip_address(host.partition("%")[0]).is_unspecified
    return (own if wildcard else host), int(port)


def recipes(host: str, port: int) -> tuple[Recipe, ...]:
    """What to type on each kind of exporter so that it sends to this address and port."""
    v6 = ":" in host
    joined = f"[{host}]:{port}" if v6 else f"{host}:{port}"
    family = "ipv6" if v6 else "ipv4"
    sampling = "set forwarding-options sampling instance NFTUI family inet output"
    return (
        Recipe("softflowd", "as root; eth0 is the interface to watch", (f"softflowd -i eth0 -v 9 -n {joined}",)),
        Recipe("fprobe", "NetFlow v5, IPv4 only", (f"fprobe -i eth0 {joined}",)),
        Recipe(
            "pmacct", "pmacctd -f FILE with",
            ("daemonize: false", "pcap_interface: eth0", "plugins: nfprobe",
             "aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags",
             f"nfprobe_receiver: {joined}", "nfprobe_version: 9"),
        ),
        Recipe(
            "Cisco IOS", "configure terminal; traditional NetFlow",
            (f"ip flow-export destination {host} {port}", "ip flow-export version 9",
             "ip flow-cache timeout active 1", "interface GigabitEthernet0/0", " ip flow ingress"),
        ),
        Recipe(
            "Cisco IOS-XE", "configure terminal; Flexible NetFlow",
            ("flow exporter NFTUI", f" destination {host}", f" transport udp {port}",
             " export-protocol netflow-v9", " template data timeout 60",
             "flow monitor NFTUI", " exporter NFTUI", f" record netflow {family} original-input",
             " cache timeout active 60",
             "interface GigabitEthernet0/0/0", f" {'ipv6' if v6 else 'ip'} flow monitor NFTUI input"),
        ),
        Recipe(
            "Juniper", "configure; IPFIX inline on MX, then commit",
            ("set services flow-monitoring version-ipfix template NFTUI ipv4-template",
             "set services flow-monitoring version-ipfix template NFTUI flow-active-timeout 60",
             "set services flow-monitoring version-ipfix template NFTUI template-refresh-rate seconds 60",
             "set chassis fpc 0 sampling-instance NFTUI",
             "set forwarding-options sampling instance NFTUI input rate 1000",
             f"{sampling} flow-server {host} port {port}",
             f"{sampling} flow-server {host} version-ipfix template NFTUI",
             f"{sampling} inline-jflow source-address ROUTER-ADDRESS",
             "set interfaces ge-0/0/0 unit 0 family inet sampling input"),
        ),
    )  # fmt: skip


_IDLE = "This screen does not listen; it waits for flows in the store."


class EmptyState(VerticalScroll):
    """Shown until the first datagram arrives."""

    DEFAULT_CSS = """
    EmptyState { background: $background; padding: 0 1; scrollbar-size-vertical: 1; display: none; }
    EmptyState.-open { display: block; }
    EmptyState Horizontal { height: auto; }
    EmptyState #recipes-left { width: 2fr; height: auto; }
    EmptyState #recipes-right { width: 3fr; height: auto; }
    EmptyState #recipes-right { display: none; }
    EmptyState.-wide #recipes-right { display: block; }
    """
    _WIDE = 170

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._listen: tuple[str, ...] = ()
        self._problem = ""
        self._idle = _IDLE

    def compose(self) -> ComposeResult:
        """A headline, and the recipes in one or two columns."""
        yield Static(id="waiting", markup=False)
        with Horizontal():
            yield Static(id="recipes-left", markup=False)
            yield Static(id="recipes-right", markup=False)

    def show(self, listen: Sequence[str], problem: str = "", idle: str = _IDLE) -> None:
        """Say what is listened on, or what is waited for, and what went wrong if anything did."""
        if (tuple(listen), problem, idle) != (self._listen, self._problem, self._idle) or not self.has_class("-open"):
            self._listen, self._problem, self._idle = tuple(listen), problem, idle
            self.add_class("-open")
            self._update()
            self.focus()

    def close(self) -> None:
        """Hide it."""
        self.remove_class("-open")

    def on_resize(self) -> None:
        """One column or two."""
        wide = self.size.width >= self._WIDE
        if wide != self.has_class("-wide"):
            self.set_class(wide, "-wide")
            self._update()

    def _update(self) -> None:
        strong, dim, accent = "bold", self._color("text-muted"), self._color("accent")
        head = Text()
        if self._listen:
            head.append("\nWaiting for flows. ", strong)
            head.append("Listening on UDP ")
            head.append(", ".join(self._listen), f"bold {accent}")
            head.append(" for NetFlow v5, v9 and IPFIX, IPv4 and IPv6.\n")
        else:
            head.append("\nNothing to show yet. ", strong)
            head.append(self._idle + "\n")
        if self._problem:
            head.append(clean(self._problem, 400) + "\n", self._color("warning"))
        if self._listen:
            head.append("Point a device at it with the lines below, or begin without one:\n")
            for command, words in (("nftui --probe any", "meters this machine, as root"),
                                   ("nftui demo", "made-up traffic, as anybody")):  # fmt: skip
                head.append(f"  {command:<18}", accent)
                head.append(f"{words}\n", dim)
        self.query_one("#waiting", Static).update(head)
        all_recipes = recipes(*target_of(self._listen[0], own_address())) if self._listen else ()
        halves = (all_recipes[:4], all_recipes[4:]) if self.has_class("-wide") else (all_recipes, ())
        for name, part in zip(("left", "right"), halves, strict=True):
            text = Text()
            for recipe in part:
                text.append(f"\n{recipe.device}", f"bold {accent}")
                text.append(f"  {recipe.note}\n", dim)
                text.append("".join(f"  {line}\n" for line in recipe.lines))
            self.query_one(f"#recipes-{name}", Static).update(text)

    def _color(self, name: str) -> str:
        """A theme colour that Rich can parse; Textual's `auto` colours have no fixed value."""
        value = self.app.theme_variables.get(name, "")
        return value if value.startswith("#") and len(value) == 7 else "dim" if "muted" in name else "bold"
