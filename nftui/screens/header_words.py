"""Names of numbers in packet headers: DSCP and ECN (RFC 8622, RFC 3168), ICMP types and codes (IANA)."""

from __future__ import annotations

_DSCP = {
    0: "default", 1: "LE, lower effort", 8: "CS1", 10: "AF11", 12: "AF12", 14: "AF13", 16: "CS2", 18: "AF21",
    20: "AF22", 22: "AF23", 24: "CS3", 26: "AF31", 28: "AF32", 30: "AF33", 32: "CS4", 34: "AF41", 36: "AF42",
    38: "AF43", 40: "CS5", 44: "VOICE-ADMIT", 46: "EF, expedited", 48: "CS6, network control", 56: "CS7",
}  # fmt: skip
_ECN = ("no ECN", "ECT(1)", "ECT(0)", "CE: congestion")

_ICMP = {
    0: "echo reply", 3: "destination unreachable", 4: "source quench", 5: "redirect", 8: "echo request",
    9: "router advertisement", 10: "router solicitation", 11: "time exceeded", 12: "parameter problem",
    13: "timestamp request", 14: "timestamp reply", 42: "extended echo request", 43: "extended echo reply",
}  # fmt: skip
_ICMP_CODES = {
    3: ("network", "host", "protocol", "port", "fragmentation needed", "source route failed", "network unknown",
        "host unknown", "source host isolated", "network prohibited", "host prohibited", "network for this service",
        "host for this service", "prohibited by filter", "host precedence violation", "precedence cutoff"),
    5: ("for the network", "for the host", "for service and network", "for service and host"),
    11: ("in transit", "in reassembly"),
    12: ("pointer tells where", "option missing", "bad length"),
}  # fmt: skip
_ICMP6 = {
    1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem",
    128: "echo request", 129: "echo reply", 130: "multicast listener query", 131: "multicast listener report",
    132: "multicast listener done", 133: "router solicitation", 134: "router advertisement",
    135: "neighbour solicitation", 136: "neighbour advertisement", 137: "redirect", 143: "multicast listener report 2",
}  # fmt: skip
_ICMP6_CODES = {
    1: ("no route", "prohibited", "beyond the scope", "address", "port", "failed policy", "route rejected"),
    3: ("in transit", "in reassembly"),
    4: ("bad header field", "unknown next header", "unknown option"),
}  # fmt: skip
ICMP, ICMP6 = 1, 58


def tos(value: int) -> str:
    """Type of service or traffic class: DSCP by name, and ECN."""
    point = value >> 2
    return f"0x{value:02x}: DSCP {point} ({_DSCP.get(point, 'unassigned')}), {_ECN[value & 3]}"


def icmp(protocol: int, kind: int, code: int | None = None) -> str:
    """Type and code of ICMP (protocol 1) or ICMPv6 (58) by name; without a name the numbers."""
    types, codes = (_ICMP6, _ICMP6_CODES) if protocol == ICMP6 else (_ICMP, _ICMP_CODES)
    words = types.get(kind, "type without a name")
    known = codes.get(kind, ())
    if code is not None and code < len(known):
        words += f", {known[code]}"
    return words
