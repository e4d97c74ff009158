"""Where a cluster is: what `--backend` takes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from nftui.errors import UsageError
from nftui.text import clean

CONNECT_PORT = 15002
"""Where a Connect server listens unless it is told otherwise."""

_NEEDED = (
    "{} is the cluster's own address, which programs in Java use; nftui asks the cluster's Connect server: start one "
    "with `spark-submit --class org.apache.spark.sql.connect.service.SparkConnectServer --master {} spark-internal`, "
    "or say with --backend sc://HOST:PORT where it is"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A Connect server.

    Attributes:
        url: as Spark's client takes it; may hold a token.
        host: name or address.
        port: TCP port.
        master: the `spark://` address that was given instead; empty otherwise.
    """

    url: str
    host: str
    port: int
    master: str = ""

    @property
    def label(self) -> str:
        """The address in messages."""
        return clean(f"sc://{self.host}:{self.port}")

    @property
    def advice(self) -> str:
        """What is needed where only the address of the cluster's master was given; empty otherwise."""
        return _NEEDED.format(self.master, self.master) if self.master else ""


def parse_backend(text: str) -> Address:
    """The server that `sc://host[:port][/;option=value]` names; for `spark://host[:port]`, the one on that host.

    Raises:
        UsageError: it names none; the text does not repeat what could be a token.
    """
    scheme = text.partition("://")[0]
    if "://" not in text or scheme not in {"sc", "spark"}:
        raise UsageError(f"--backend {clean(scheme)}...: expected sc://host:port, a Spark Connect server")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.username or parts.query or parts.fragment:
        raise UsageError(f"--backend {scheme}://...: expected sc://host:port, a Spark Connect server")
    bracketed = f"[{host}]" if ":" in host else host
    if scheme == "spark":
        url = f"sc://{bracketed}:{CONNECT_PORT}"
        return Address(url, host, CONNECT_PORT, clean(f"spark://{bracketed}{f':{port}' if port else ''}"))
    options = parts.path if parts.path.strip("/") else ""
    return Address(f"sc://{bracketed}:{port or CONNECT_PORT}{options}", host, port or CONNECT_PORT)
