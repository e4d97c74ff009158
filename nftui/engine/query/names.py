"""Names that stand for numbers in filters: protocols, services, forwarding states, events.

The system's own tables (/etc/protocols, /etc/services) are asked last: a minimal machine has none, and a filter
must mean the same everywhere.
"""

from __future__ import annotations

import socket

from nftui.engine.schema import FIELDS
from nftui.text import PROTOCOLS

_PROTOCOL_ALIASES = {
    "icmp6": 58, "icmpv6": 58, "ipv6-icmp": 58, "ip6": 41, "ipip": 4, "ospf": 89, "etherip": 97, "ipcomp": 108,
    "hopopt": 0, "sctp": 132, "dccp": 33, "udplite": 136, "mptcp": 262, "vrrp": 112, "carp": 112, "gre": 47,
}  # fmt: skip

PROTOCOL_NUMBERS: dict[str, int] = {
    **{name.lower(): number for number, name in reversed(PROTOCOLS.items())},
    **{name: number for name, number in _PROTOCOL_ALIASES.items() if number < 256},
}
"""Lower-case protocol name to number."""

SERVICE_PORTS: dict[str, int] = {
    "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23,
    "smtp": 25, "time": 37, "whois": 43, "tacacs": 49, "domain": 53, "dns": 53, "bootps": 67, "dhcp": 67,
    "bootpc": 68, "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111,
    "portmap": 111, "ident": 113, "nntp": 119, "ntp": 123, "msrpc": 135, "netbios-ns": 137, "netbios-dgm": 138,
    "netbios-ssn": 139, "imap": 143, "imap2": 143, "snmp": 161, "snmptrap": 162, "snmp-trap": 162, "bgp": 179,
    "irc": 194, "ldap": 389, "https": 443, "microsoft-ds": 445, "smb": 445, "kpasswd": 464, "submissions": 465,
    "smtps": 465, "isakmp": 500, "ike": 500, "exec": 512, "login": 513, "syslog": 514, "shell": 514,
    "printer": 515, "rip": 520, "ripng": 521, "rtsp": 554, "nntps": 563, "submission": 587, "ipp": 631,
    "ldp": 646, "ldaps": 636, "rsync": 873, "ftps-data": 989, "ftps": 990, "telnets": 992, "imaps": 993,
    "pop3s": 995, "socks": 1080, "openvpn": 1194, "ms-sql-s": 1433, "mssql": 1433, "ms-sql-m": 1434,
    "oracle": 1521, "l2tp": 1701, "pptp": 1723, "radius": 1812, "radius-acct": 1813, "mqtt": 1883, "ssdp": 1900,
    "netflow": 2055, "nfs": 2049, "zookeeper": 2181, "docker": 2375, "etcd-client": 2379, "squid": 3128,
    "mysql": 3306, "rdp": 3389, "ms-wbt-server": 3389, "stun": 3478, "svn": 3690, "ipsec-nat-t": 4500,
    "ipfix": 4739, "sip": 5060, "sips": 5061, "xmpp-client": 5222, "xmpp-server": 5269, "mdns": 5353,
    "llmnr": 5355, "postgresql": 5432, "postgres": 5432, "amqp": 5672, "vnc": 5900, "x11": 6000, "sflow": 6343,
    "redis": 6379, "ircd": 6667, "http-alt": 8080, "https-alt": 8443, "mqtts": 8883, "kafka": 9092,
    "nfcapd": 9995, "elasticsearch": 9200, "memcached": 11211, "mongodb": 27017, "wireguard": 51820,
}  # fmt: skip
"""Service name to port, where the name is common."""

ICMP = 1
ICMP6 = 58
TCP = 6


def protocol_number(name: str) -> int | None:
    """Number of a protocol name, or None."""
    known = PROTOCOL_NUMBERS.get(name.lower())
    if known is not None:
        return known
    try:
        return socket.getprotobyname(name.lower())
    except (OSError, ValueError):  # a name with a NUL in it
        return None


def service_port(name: str) -> int | None:
    """Port of a service name, or None."""
    known = SERVICE_PORTS.get(name.lower())
    if known is not None:
        return known
    try:
        return socket.getservbyname(name.lower())
    except (OSError, ValueError):
        return None


_EXTRA_STATES: dict[str, dict[str, tuple[int, int]]] = {
    # nfdump tests the two status bits; its words name ranges
    "forwarding_status": {
        "unknown": (0, 63), "forw": (64, 127), "forwarded": (64, 127), "frag": (65, 65), "drop": (128, 191),
        "dropped": (128, 191), "noroute": (131, 131), "unroutable": (131, 131), "consumed": (192, 255),
    },
    "firewall_event": {"term": (2, 2), "teardown": (2, 2), "delete": (2, 2), "denied": (3, 3)},
    "nat_event": {"add": (1, 1), "create": (1, 1), "delete": (2, 2)},
    "flow_source": {"v10": (10, 10), "netflow": (1, 9)},
}  # fmt: skip


def states(field: str) -> dict[str, tuple[int, int]]:
    """Words for the values of an enumerated field, each with the range of values that it covers."""
    own = {word.lower().replace(" ", "-"): (number, number) for number, word in FIELDS[field].names}
    return own | _EXTRA_STATES.get(field, {})
