"""Write the first inputs of the corpus: one for each thing that a decoder has to tell apart.

    python fuzz/seeds.py

What fuzzing finds lies beside them under names of its own; this script does not touch it.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import sflow_wire
from decode import CORPUS, VERSIONS, packed
from export_wire import (
    VARIABLE,
    a_set,
    ipfix,
    message,
    options_template,
    template,
    v5,
    v5_record,
    varying,
    withdrawal,
)

PAIR = [(8, 4), (1, 4)]
TIMES = [(8, 4), (12, 4), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2), (4, 1), (6, 1)]


def templated(version: int) -> dict[str, list[bytes]]:
    """Inputs that NetFlow v9 and IPFIX have in common."""
    data = a_set(256, struct.pack(">II", 1, 2))
    scope = [(1, 4)] if version == 9 else [(149, 4)]
    samplers = options_template(version, 257, scope, [(48, 1), (34, 4)]) + a_set(257, struct.pack(">IBI", 0, 1, 100))
    return {
        "template-and-data": [message(version, template(version, 256, TIMES) + a_set(256, bytes(64)))],
        "data-before-template": [message(version, data), message(version, template(version, 256, PAIR))],
        "redefined": [
            message(version, template(version, 256, PAIR) + data),
            message(version, template(version, 256, PAIR[::-1]) + data),
        ],
        "no-fields": [message(version, template(version, 256, []) + data)],
        "no-length": [message(version, template(version, 256, [(8, 0), (1, 0)]) + data)],
        "one-zero-length": [message(version, template(version, 256, [(8, 4), (1, 0), (2, 4)]) + data)],
        "field-count-beyond-set": [message(version, a_set(0 if version == 9 else 2, struct.pack(">HH", 256, 65535)))],
        "set-length-0": [message(version, template(version, 256, PAIR) + data + bytes(4))],
        "set-length-beyond": [message(version, data + struct.pack(">HH", 256, 9000) + bytes(8))],
        "samplers": [message(version, samplers + template(version, 256, [(8, 4), (48, 1)]) + a_set(256, bytes(10)))],
        "scope-beyond-fields": [message(version, a_set(1 if version == 9 else 3, struct.pack(">HHH", 257, 4, 999)))],
        "both-families": [
            message(version, template(version, 256, [(8, 4), (27, 16), (28, 16), (12, 4)]) + a_set(256, bytes(80)))
        ],
        "wide-times": [message(version, template(version, 256, [(22, 8), (21, 8), (1, 8)]) + a_set(256, b"\xff" * 48))],
        "padding": [message(version, template(version, 256, PAIR) + a_set(256, bytes(11)))],
    }


def ipfix_only() -> dict[str, list[bytes]]:
    """Inputs of what only IPFIX has."""
    strings = template(10, 256, [(1, 4), (96, VARIABLE), (371, VARIABLE)])
    record = struct.pack(">I", 1) + varying(b"http") + varying(b"user" * 70)
    return {
        "withdrawn": [ipfix(template(10, 256, PAIR) + withdrawal(256) + a_set(256, bytes(8)))],
        "withdrawn-all": [ipfix(template(10, 256, PAIR)), ipfix(a_set(2, struct.pack(">HH", 2, 0)))],
        "strings": [ipfix(strings + a_set(256, record * 3))],
        "string-beyond-set": [ipfix(strings + a_set(256, record[:-5]))],
        "enterprise": [ipfix(template(10, 256, [(8, 4), (1, 8, 29305), (100, 4, 9999)]) + a_set(256, bytes(32)))],
        # Enterprise numbers that once stood for parts of elements inside of the decoder.
        "enterprise-of-the-decoder": [
            ipfix(template(10, 256, [(380, 1, 0xFFFFFFFE), (1, 4, 0xFFFFFFFF)]) + a_set(256, bytes(20)))
        ],
        "list": [ipfix(template(10, 256, [(8, 4), (291, VARIABLE)]) + a_set(256, bytes(4) + varying(bytes(9))))],
        "length-beyond-datagram": [ipfix(a_set(256, bytes(8)), length=5000)],
    }


def netflow5() -> dict[str, list[bytes]]:
    """Inputs of NetFlow v5."""
    return {
        "records": [v5([v5_record()] * 3, sampling=1 << 14 | 100)],
        "count-0": [v5([v5_record()], count=0)],
        "count-beyond": [v5([v5_record()], count=65535)],
        "header-only": [v5([])],
        "restart": [v5([v5_record()], 1000, uptime=10**9), v5([v5_record()], 0, uptime=5)],
    }


def sflow() -> dict[str, list[bytes]]:
    """Inputs of sFlow."""
    header = sflow_wire.raw_header(sflow_wire.a_frame())
    return {
        "sampled-header": [sflow_wire.datagram(sflow_wire.flow_sample(header))],
        "expanded-sample": [sflow_wire.datagram(sflow_wire.expanded_sample(header))],
        "count-beyond": [sflow_wire.datagram(sflow_wire.flow_sample(header), count=0xFFFFFFFF)],
        "no-samples": [sflow_wire.datagram()],
        "agent-ipv6": [sflow_wire.datagram(sflow_wire.flow_sample(header), agent="2001:db8::1")],
        "two-samples": [sflow_wire.datagram(*[sflow_wire.flow_sample(header, header)] * 2)],
    }


def main() -> None:
    """Write them all."""
    for target, inputs in (
        ("v5", netflow5()), ("v9", templated(9)), ("ipfix", templated(10) | ipfix_only()), ("sflow", sflow()),
    ):  # fmt: skip
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, datagrams in inputs.items():
            (folder / f"{name}.bin").write_bytes(packed(datagrams, VERSIONS[target]))


if __name__ == "__main__":
    main()
