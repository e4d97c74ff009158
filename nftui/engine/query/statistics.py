"""The statistics of `-s`: which fields each one counts by.

Names and titles are nfdump's (1.7.1 and 1.7.8). A statistic of either end (`ip`, `port`, `as`, `if`, …) counts a
flow under both of its ends, but once if they are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

from nftui.engine.query.orders import Order, parse_statistic_order
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError
from nftui.text import nearest


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic.

    Attributes:
        name: as given to `-s`.
        title: header of its column.
        fields: the field it counts by; several for either-end statistics.
        key: name of the key in machine output.
    """

    name: str
    title: str
    fields: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class StatisticRequest:
    """What one `-s` asks for.

    Attributes:
        statistic: which one; None for `record`, whole 5-tuples.
        per_protocol: split by IP protocol (`:p`).
        orders: one table for each.
    """

    statistic: Statistic | None
    per_protocol: bool
    orders: tuple[Order, ...]


_TABLE = """
srcip       | Src IP Addr     | src_addr
dstip       | Dst IP Addr     | dst_addr
ip          | IP Addr         | src_addr dst_addr                              | addr
nhip        | Nexthop IP      | next_hop
nhbip       | Nexthop BGP IP  | bgp_next_hop
router      | Router IP       | sampler_address
srcport     | Src Port        | src_port
dstport     | Dst Port        | dst_port
port        | Port            | src_port dst_port                              | port
proto       | Protocol        | proto
flags       | Flags           | tcp_flags
tos srctos  | Tos             | ip_tos
dsttos      | Dst Tos         | dst_tos
dir         | Dir             | direction
fwdstat     | Fwd Status      | forwarding_status
endreason   | End Reason      | flow_end_reason
srcas       | Src AS          | src_as
dstas       | Dst AS          | dst_as
as          | AS              | src_as dst_as                                  | as
prevas      | Prev AS         | prev_as
nextas      | Next AS         | next_as
inif        | Input If        | in_if
outif       | Output If       | out_if
if          | In/Out If       | in_if out_if                                   | if
inam        | Input If Name   | in_if_name
onam        | Output If Name  | out_if_name
srcmask     | Src Mask        | src_mask
dstmask     | Dst Mask        | dst_mask
mask        | Mask            | src_mask dst_mask                              | mask
srcvlan     | Src Vlan        | src_vlan
dstvlan     | Dst Vlan        | dst_vlan
vlan        | Vlan            | src_vlan dst_vlan                              | vlan
cvlan       | Customer Vlan   | customer_vlan
insrcmac    | In Src Mac      | in_src_mac
outdstmac   | Out Dst Mac     | out_dst_mac
indstmac    | In Dst Mac      | in_dst_mac
outsrcmac   | Out Src Mac     | out_src_mac
srcmac      | Src Mac         | in_src_mac out_src_mac                         | mac
dstmac      | Dst Mac         | in_dst_mac out_dst_mac                         | mac
inmac       | In Mac          | in_src_mac in_dst_mac                          | mac
outmac      | Out Mac         | out_src_mac out_dst_mac                        | mac
mac         | Mac             | in_src_mac in_dst_mac out_src_mac out_dst_mac  | mac
ethertype   | Ethertype       | etype
minttl      | Min TTL         | min_ttl
maxttl      | Max TTL         | max_ttl
icmptype    | ICMP Type       | icmp_type
icmpcode    | ICMP Code       | icmp_code
odid        | obs domainID    | observation_domain_id
opid        | obs PointID     | observation_point_id
vrf ivrf    | I-vrf-ID        | ingress_vrf
evrf        | E-vrf-ID        | egress_vrf
event       | Event           | firewall_event
xevent      | X-Event         | firewall_ext_event
nevent      | Event           | nat_event
xsrcip nsrcip natsrcip       | X-Src IP Addr | post_nat_src_addr
xdstip ndstip natdstip       | X-Dst IP Addr | post_nat_dst_addr
natip                        | X-IP Addr     | post_nat_src_addr post_nat_dst_addr | addr
xsrcport nsrcport natsrcport | X-Src Port    | post_nat_src_port
xdstport ndstport natdstport | X-Dst Port    | post_nat_dst_port
natport                      | X-Port        | post_nat_src_port post_nat_dst_port | port
user        | User            | username
app nbar    | Application     | application_name
sampling    | Sampling        | sampling_rate
ivrfnam     | I-VRF-Name      | ingress_vrf_name
evrfnam     | E-VRF-Name      | egress_vrf_name
iacl        | Ingress ACL     | ingress_acl_id
iace        | Ingress ACE     | ingress_ace_id
ixace       | Ingress xACE    | ingress_xace_id
eacl        | Egress ACL      | egress_acl_id
eace        | Egress ACE      | egress_ace_id
exace       | Egress xACE     | egress_xace_id
bfd         | Biflow Dir      | biflow_direction
cl          | Client Latency  | client_latency_us
sl          | Server Latency  | server_latency_us
al          | Appl Latency    | app_latency_us
source      | Source          | flow_source
"""


def _statistics() -> dict[str, Statistic]:
    out: dict[str, Statistic] = {}
    rows = [[cell.strip() for cell in line.split("|")] for line in _TABLE.strip().splitlines()]
    rows += [[f"mpls{i}", f"MPLS lab {i}", f"mpls_{i}"] for i in range(1, 11)]
    for names, title, fields, *key in rows:
        columns = tuple(fields.split())
        for name in names.split():
            out[name] = Statistic(name, title, columns, key[0] if key else columns[0])
    for field in FIELDS.values():
        if field.groupable:
            out.setdefault(field.name, Statistic(field.name, field.title, (field.name,), field.name))
    return out


STATISTICS: dict[str, Statistic] = _statistics()
"""All statistics by name: nfdump's, and every groupable field of the registry by its own name."""

WITHOUT_FIELD: dict[str, str] = {
    **dict.fromkeys(("srcgeo", "dstgeo", "geo"), "flows carry no country"),
    **dict.fromkeys(("srcasn", "dstasn", "asn"), "names of AS are not stored; srcas, dstas and as have the numbers"),
    **dict.fromkeys(("ja3", "ja4", "ja4s"), "payload is not stored"),
    "tunproto": "tunnel elements have no column",
    "sysid": "exporters are known by their address: router",
    "exp": "exporters are known by their address: router",
}
"""Statistics and elements of nfdump for which flows have no field, with the reason."""

RECORD = ("proto", "src_addr", "dst_addr", "src_port", "dst_port")
"""Fields of `-s record` and `-a`: the 5-tuple."""


def parse_statistic(text: str) -> StatisticRequest:
    """What `-s` asks for, such as `ip`, `srcip/bytes`, `dstport:p/flows/bytes:a`.

    Raises:
        UsageError: unknown statistic or order, with the nearest known name.
    """
    what, *orders = text.split("/")
    name, _, split = what.partition(":")
    if split not in {"", "p"}:
        raise UsageError(f"unknown suffix :{split} in -s {text}: only :p, per protocol, is known")
    wanted = tuple(parse_statistic_order(order) for order in orders) or (Order("flows", False),)
    if name.lower() == "record":
        return StatisticRequest(None, bool(split), wanted)
    statistic = STATISTICS.get(name.lower())
    if name.lower() in WITHOUT_FIELD:
        raise UsageError(f"-s {name}: {WITHOUT_FIELD[name.lower()]}")
    if statistic is None:
        near = nearest(name.lower(), [*STATISTICS, "record"])
        hint = f"; did you mean {near}?" if near else f": use one of record {' '.join(STATISTICS)}"
        raise UsageError(f"unknown statistic {name!r}{hint}")
    return StatisticRequest(statistic, bool(split), wanted)
