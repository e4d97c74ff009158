"""goflow2's FlowMessage as the protocol buffers library makes it from the public numbers of its fields."""

from __future__ import annotations

from functools import cache
from typing import Any

NUMBERS = {
    "type": 1, "sampling_rate": 3, "bytes": 9, "packets": 10, "next_hop_as": 13, "src_as": 14, "dst_as": 15,
    "src_net": 16, "dst_net": 17, "in_if": 18, "out_if": 19, "proto": 20, "src_port": 21, "dst_port": 22, "ip_tos": 23,
    "forwarding_status": 24, "ip_ttl": 25, "tcp_flags": 26, "src_mac": 27, "dst_mac": 28, "etype": 30, "icmp_type": 31,
    "icmp_code": 32, "src_vlan": 33, "dst_vlan": 34, "fragment_id": 35, "fragment_offset": 36, "ipv6_flow_label": 37,
    "ip_flags": 38, "observation_domain_id": 70, "observation_point_id": 71, "time_received_ns": 110,
    "time_flow_start_ns": 111, "time_flow_end_ns": 112,
}  # fmt: skip
BYTES = {"src_addr": 6, "dst_addr": 7, "sampler_address": 11, "next_hop": 12, "bgp_next_hop": 100}


@cache
def message_class() -> Any:
    """goflow2's FlowMessage as the library makes it from a description."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="flow.proto", package="flowpb", syntax="proto3")
    message = file.message_type.add(name="FlowMessage")
    kinds = descriptor_pb2.FieldDescriptorProto
    for names, kind in ((NUMBERS, kinds.TYPE_UINT64), (BYTES, kinds.TYPE_BYTES)):
        for name, number in names.items():
            message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("flowpb.FlowMessage"))


def read_messages(data: bytes) -> list[Any]:
    """The messages behind their lengths."""
    from google.protobuf.internal.decoder import _DecodeVarint32

    kind, place, found = message_class(), 0, []
    while place < len(data):
        length, place = _DecodeVarint32(data, place)
        found.append(kind.FromString(data[place : place + length]))
        place += length
    return found
