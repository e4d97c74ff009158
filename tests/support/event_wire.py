"""Event records of firewalls and carrier-grade NAT, as their manuals have the templates."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from export_wire import NOW_MS, NOW_S, a_set, template, v9

EVENT_MS = NOW_MS - 4_000
CREATED_MS = NOW_MS - 90_000

ASA_CREATE = [
    (148, 4), (8, 4), (7, 2), (10, 2), (12, 4), (11, 2), (14, 2), (4, 1), (176, 1), (177, 1), (225, 4), (226, 4),
    (227, 2), (228, 2), (233, 1), (33002, 2), (323, 8), (152, 8), (33000, 12), (33001, 12), (40000, 20),
]  # fmt: skip
"""ASA 9: flow created, with the user's name in 20 bytes ("ASA NetFlow Implementation Guide")."""
ASA_TEARDOWN = [
    *ASA_CREATE[:16], (323, 8), (152, 8), (231, 4), (232, 4), (40000, 20),
]  # fmt: skip
ASA_UPDATE = [*ASA_CREATE[:15], (323, 8), (152, 8), (231, 4), (232, 4)]
ASA_DENIED = [
    (8, 4), (7, 2), (10, 2), (12, 4), (11, 2), (14, 2), (4, 1), (176, 1), (177, 1), (233, 1), (33002, 2), (323, 8),
    (33000, 12), (33001, 12),
]  # fmt: skip
CGN_SESSION = [
    (323, 8), (230, 1), (4, 1), (8, 4), (225, 4), (12, 4), (226, 4), (7, 2), (227, 2), (11, 2), (228, 2), (234, 4),
    (235, 4),
]  # fmt: skip
"""NAT44 session, RFC 8158 section 6.2."""
CGN_BLOCK = [(323, 8), (230, 1), (8, 4), (225, 4), (361, 2), (362, 2), (363, 2), (364, 2), (234, 4)]
"""Port block, RFC 8158 section 6.7, with step and size."""


def _address(text: str) -> bytes:
    return ip_address(text).packed


def acl(*ids: int) -> bytes:
    """Three hashes of an ACL id."""
    return struct.pack(">III", *ids)


def _asa_head(number: int) -> bytes:
    return (
        struct.pack(">I", number) + _address("192.168.1.10") + struct.pack(">HH", 51000, 3) + _address("203.0.113.80")
        + struct.pack(">HHBBB", 443, 4, 6, 0, 0) + _address("198.51.100.7") + _address("203.0.113.80")
        + struct.pack(">HH", 30000, 443)
    )  # fmt: skip


def asa_events() -> list[bytes]:
    """A connection from its creation over an update to its end, and one that was denied."""
    user = b"LOCAL\\alice".ljust(20, b"\0")
    acls = acl(0x1A2B3C4D, 0x01020304, 0) + acl(0xCAFEBABE, 0, 0)
    create = _asa_head(7) + struct.pack(">BHQQ", 1, 0, EVENT_MS - 80_000, CREATED_MS) + acls + user
    update = _asa_head(7) + struct.pack(">BQQII", 5, EVENT_MS - 40_000, CREATED_MS, 1000, 20_000)
    teardown = _asa_head(7) + struct.pack(">BHQQII", 2, 2030, EVENT_MS, CREATED_MS, 500, 7000) + user
    denied = (
        _address("192.168.1.66") + struct.pack(">HH", 1025, 3) + _address("203.0.113.9")
        + struct.pack(">HHBBBBHQ", 22, 4, 6, 0, 0, 3, 1001, EVENT_MS) + acl(0x11111111, 0x22222222, 0x33333333)
        + acl(0, 0, 0)
    )  # fmt: skip
    layouts = ((263, ASA_CREATE, create), (264, ASA_UPDATE, update), (265, ASA_TEARDOWN, teardown))
    layouts += ((266, ASA_DENIED, denied),)
    templates = b"".join(template(9, number, fields) for number, fields, _ in layouts)
    return [
        v9(templates, 1, seconds=NOW_S),
        *(v9(a_set(number, body), 2 + place, seconds=NOW_S) for place, (number, _, body) in enumerate(layouts)),
    ]


def cgn_events() -> list[bytes]:
    """A session that is created and deleted, a port block that is given and taken back."""
    sets = template(9, 300, CGN_SESSION) + template(9, 301, CGN_BLOCK)
    out = [v9(sets, 1, seconds=NOW_S)]
    for place, (event, when) in enumerate(((4, EVENT_MS - 5000), (5, EVENT_MS))):
        body = (
            struct.pack(">QBB", when, event, 17) + _address("100.64.0.9") + _address("198.51.100.20")
            + _address("203.0.113.53") + _address("203.0.113.53") + struct.pack(">HHHHII", 5353, 40001, 53, 53, 10, 11)
        )  # fmt: skip
        out.append(v9(a_set(300, body), 2 + place, seconds=NOW_S))
    for place, (event, when) in enumerate(((16, EVENT_MS - 5000), (17, EVENT_MS))):
        body = struct.pack(">QB", when, event) + _address("100.64.0.9") + _address("198.51.100.20")
        body += struct.pack(">HHHHI", 1024, 1535, 1, 512, 10)
        out.append(v9(a_set(301, body), 4 + place, seconds=NOW_S))
    return out
