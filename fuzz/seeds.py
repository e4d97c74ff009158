"""Write the first inputs of the corpus: one for each thing that a decoder has to tell apart.

    python fuzz/seeds.py

Each run with the same libraries writes the same bytes. What fuzzing finds lies beside them under names of its own; this
script does not touch it.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import archive_files
import plain_flows
import probe_packets
import sflow_wire
import store_samples
from check_exports import VERSIONS, packed
from check_packets import packed_frames
from export_wire import (
    NOW_MS,
    VARIABLE,
    Collector,
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
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from run import CORPUS

from nftui.engine.clock import ManualClock
from nftui.engine.convert.inputs import Input, Outcome
from nftui.engine.elements import TYPES
from nftui.engine.frames.views import Link
from nftui.engine.health import Health, Rates
from nftui.engine.ingest.allow import Refused
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.footer import KEY
from nftui.engine.store.segment import HEADER_BYTES
from nftui.engine.store.writer import StoreStatus, StoreWriter
from nftui.engine.supervisor import WorkerState

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


def files() -> dict[str, dict[str, bytes]]:
    """Files of other tools, small, one of each form; and the store's own."""
    messages = b"".join(archive_files.ipfix_message(first, 2) for first in (0, 2))
    frames = [probe_packets.tcp("10.0.0.1", "10.0.0.2", 5, 6), probe_packets.udp("2001:db8::1", "2001:db8::2", 7, 53)]
    ng = probe_packets.pcapng_section() + probe_packets.pcapng_interface(1)
    ng += b"".join(probe_packets.pcapng_packet(frame, stamp) for stamp, frame in enumerate(frames))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pcap = probe_packets.write_pcap(folder / "pcap", frames).read_bytes()
        swapped = probe_packets.write_pcap(folder / "swapped", frames, order=">", nanoseconds=True).read_bytes()
        own = plain_flows.flow_file(folder / "own", [{}, {"src_addr": "2001:db8::1", "username": "alice"}]).read_bytes()
        store = _store(folder)
    return {
        "nfdump": {
            name: archive_files.sample_nfdump_file(name.partition("-")[0], archive_files.BIG if "-" in name else "<", 6)
            for name in ("none", "none-big", "lzo", "bz2", "lz4", "zstd")
        },
        "nfdump-v1": {name: archive_files.nfdump_v1_file(3, name) for name in ("none", "lzo", "bz2", "lz4")},
        "flow-tools": {
            "v5-zlib": archive_files.flow_tools_file(5, 4),
            "v7-plain": archive_files.flow_tools_file(7, 3, compressed=False),
            "v5-big": archive_files.flow_tools_file(5, 3, archive_files.BIG, False),
        },
        "export-capture": {
            "v5": archive_files.capture_file([archive_files.netflow5(0, 2), archive_files.netflow5(2, 1)]),
            "pcapng": ng,
        },
        "ipfix-file": {"two-messages": messages},
        "goflow2": {"plain": _goflow2()},
        "packet-capture": {"pcap": pcap, "pcap-big-nanoseconds": swapped, "pcapng": ng},
        "parquet": {
            "own-columns": own,
            "other-columns": _goflow2(),
            "no-rows": _parquet({"bytes": pa.array([], "i8")}),
        },
        **store,
    }


def _parquet(columns: dict[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def _goflow2() -> bytes:
    """A file with goflow2's columns."""
    return _parquet({
        "type": pa.array(["NETFLOW_V9", "SFLOW_5"]), "time_received_ns": pa.array([NOW_MS * 10**6] * 2, pa.uint64()),
        "src_addr": pa.array(["10.0.0.1", "2001:db8::1"]), "dst_addr": pa.array(["10.0.0.2", None]),
        "sampler_address": pa.array(["192.0.2.1"] * 2), "bytes": pa.array([100, 2**63], pa.uint64()),
        "packets": pa.array([1, 2], pa.uint64()), "src_port": pa.array([1, 70_000], pa.uint32()),
        "proto": pa.array([6, 17], pa.uint32()),
    })  # fmt: skip


def _store(folder: Path) -> dict[str, dict[str, bytes]]:
    """A live segment, the streams of its chunks, a sealed file and what its footer says."""
    clock = ManualClock(store_samples.NOON_MS)
    with patch("nftui.engine.store.writer.new_writer", return_value="5eed5eed"):
        writer = StoreWriter(folder, 60, clock)
    writer.open()
    writer.append(store_samples.sample_flows(0, 4))
    clock.advance(1)
    writer.tick()
    writer.append(store_samples.sample_flows(4, 2))
    clock.advance(1)
    writer.tick()
    [live] = Catalog(folder).live()
    segment = live.read_bytes()
    writer.close()
    [slot] = Catalog(folder).slots()
    footer = (pq.read_metadata(slot.path).metadata or {})[KEY.encode()]
    size = struct.unpack_from("<Q", segment, 8)[0]
    return {
        "segment": {"two-chunks": segment, "torn": segment[:-100], "damaged-start": b"x" * 30 + segment},
        "chunk": {"flows": struct.pack("<I", 4) + segment[HEADER_BYTES : HEADER_BYTES + size]},
        "sealed": {"flows": Path(slot.file).read_bytes()},
        "footer": {
            "counts-other-rows": footer, "three-rows": json.dumps(json.loads(footer) | {"rows": 3}).encode(),
            "list": b"[]", "no-sums": b'{"rows":3}',
        },
    }  # fmt: skip


def packets() -> dict[str, bytes]:
    """Frames of several link types."""
    tcp, udp = probe_packets.tcp("10.0.0.1", "10.0.0.2", 5, 6), probe_packets.udp("2001:db8::1", "2001:db8::2", 7, 53)
    tagged = probe_packets.ethernet(tcp[14:], b"\x81\x00\x00\x05\x81\x00\x00\x06")
    labels = tcp[:12] + b"\x88\x47\x00\x01\x00\x40\x00\x02\x01\x40" + tcp[14:]
    routed = probe_packets.ip("2001:db8::1", "2001:db8::2", 43, bytes([6, 0]) + bytes(6) + bytes(20))
    vxlan = probe_packets.ip("10.0.0.1", "10.0.0.2", 17, struct.pack(">HHHH", 5, 4789, 0, 0) + b"\x08" + bytes(7) + tcp)
    gre = probe_packets.ip("10.0.0.1", "10.0.0.2", 47, b"\xb0\x00\x65\x58" + bytes(12) + udp)
    part = probe_packets.ip("10.0.0.1", "10.0.0.2", 17, bytes(24), 7, 0x2001)
    return {
        "plain": packed_frames([tcp, udp, probe_packets.icmp("10.0.0.1", "10.0.0.2", 8, 0)], Link.ETHERNET),
        "tags-and-labels": packed_frames([tagged, labels], Link.ETHERNET),
        "tunnels": packed_frames([probe_packets.ethernet(vxlan), probe_packets.ethernet(gre)], Link.ETHERNET),
        "extension-headers": packed_frames([probe_packets.ethernet(routed)], Link.ETHERNET, 1),
        "fragments": packed_frames([probe_packets.ethernet(part)] * 2, Link.ETHERNET, 2),
        "raw": packed_frames([tcp[14:], udp[14:]], Link.RAW),
    }


def texts() -> dict[str, dict[str, bytes]]:
    """What people write."""
    lines = {
        "filter": {
            "networks": b"src net 10.0.0.0/8 and not (dst port in [80 443 1024-2048] or proto udp)",
            "numbers": b"bytes > 1k and packets < 10 and duration >= 5 and bps > 1m",
            "addresses": b"ip in [10.0.0.1 ::1]",
            "flags": b"flags S and not flags AF", "text": b'username "al" or username Bob%_', "fields": b"src port = 5",
            "comment": b"any # all\nand proto 6", "nested": b"((((any))))", "unknown": b"srcc port 5",
        },
        "window": {
            "nfdump": b"2026/11/21.12:00:00-2026/11/21.13", "iso": b"2026-11-21T12:00:00.250Z..13:00", "ago": b"-1h",
            "day": b"yesterday", "first": b"+10", "clock": b"today 14:00..15:00", "zone": b"2026-10-25 02:30+02:00",
        },
        "options": {
            "statistic": b"srcip/bytes", "aggregation": b"srcip4/24,dstport", "network": b"2001:db8::/32",
            "age": b"4w1d",
            "endpoint": b"udp://[::1%lo]:2055", "sampling": b"192.0.2.0/24=512", "source": b"gw1,192.0.2.1;10.0.0.0/8",
            "bin": b"5m", "timeout": b"maxlife=1h30m", "zone": b"Europe/Zurich", "size": b"1.5T", "share": b"5%",
        },
        "packet-filter": {"ports": b"tcp port 80 and not net 10.0.0.0/8", "vlan": b"vlan 5 and ip6"},
        "kafka-settings": {
            "tls": b"# TLS\nsecurity.protocol = SASL_SSL\nsasl.password=a=b\n\n",
            "no-mark": b"linger.ms=5\nnonsense\n",
        },
        "config": {
            "all": b'[collector]\nlisten = ["[::]:2055"]\nsampling = 5\n[store]\npath = "/x"\ncompact = true\n'
            b'[ui]\ntheme = ""\n[filters]\nweb = "tcp"\n',
            "nested": b"store = " + b"[" * 5000, "long-number": b"[store]\nrotate = " + b"9" * 5000,
            "unknown-key": b"[collector]\nalow = []\n", "wrong-type": b"[store]\nrotate = 1.5\n",
        },
        "keymap": {
            "other": b'[keys]\npause = "ctrl+x F5"\nunits = ""\n',
            "two": b'[keys]\npause = "F5"\n', "none": b'[keys]\nunits = ""\npause = "ctrl+x"\n',
            "unknown-action": b'[keys]\npuase = "x"\n', "twice": b'[keys]\npause = "q"\n',
            "no-key": b'[keys]\npause = "Hyper+x"\n', "nested": b"keys = " + b"[" * 5000,
        },
        "saved-filters": {
            "two": b'# saved\n"web" = "tcp and port 443"\nnew = \'proto udp\'\n',
            "lines": b'web = """tcp\nand port 443"""\nnew = """\nany"""\n', "control": b'web = "a\\u001b[2J\\u202e"\n',
            "no-name": b'"a\\u001b b" = "any"\n', "number": b"web = 5\n", "long-number": b"web = " + b"9" * 5000,
            "nested": b"web = " + b"[" * 5000, "no-utf8": b'web = "\xff\xfe"\n',
        },
        "element-file": {"two": b"9999 1 first unsigned8 # one\n0 500 second\n", "wrong": b"9999 x first\n"},
        "indicators": {
            "plain": b"203.0.113.7 bad\n198.51.100.0/24\nport 4444\ntcp/4444\n203.0.113[.]7:443\n",
            "csv": b'ip,comment\n203.0.113.7,"a, b"\n[2001:db8::7]:443,c\n198.51.100.9-198.51.100.20,d\n',
            "urls": b"hxxp://203[.]0[.]113[.]7/x\n# comment\nname.example\n12345\n",
        },
    }  # fmt: skip
    basic_list = b"\x03\x00\x01\x00\x04" + bytes(8)
    values = [b"", b"a", b"abcd", b"abcdefgh", basic_list, b"\x00\x80\x01\xff\xff" + bytes(4) + b"\x02ab\xff\x00\x01c"]
    lines["element-value"] = {
        f"{kind}-{place}": bytes([number]) + value
        for number, kind in enumerate(TYPES)
        for place, value in enumerate(values)
        if number in {1, 9, 13, 16} or (kind == "basicList" and place > 3)
    }
    return lines


def places() -> dict[str, bytes]:
    """Databases of countries and of autonomous systems, as MaxMind and others lay their entries out."""
    layouts: dict[str, dict[str, object]] = {
        "city": {"country": {"iso_code": "DE", "names": {"en": "Germany\x1b[2J"}}, "city": {"names": {"en": "Berlin"}}},
        "asn": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example\u202e Net"},
        "flat": {"country_code": "FR", "country_name": "France", "asn": 64501, "as_name": "Example"},
        "odd": {"country": "no map", "city": 5, "asn": 0, "as_name": ["no text"], "registered_country": {"names": 1}},
    }
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, entry in layouts.items():
            writer = MMDBWriter(ip_version=6, database_type="Test", ipv4_compatible=True)
            writer.insert_network(IPSet(["192.0.2.0/24", "2001:db8::/32"]), entry)
            path = Path(folder) / name
            with patch("time.time", return_value=NOW_MS / 1000):  # the database says when it was built
                writer.to_db_file(str(path))
            made[name] = path.read_bytes()
    return made | {"none": b"not a database" * 10}


def answers() -> dict[str, dict[str, bytes]]:
    """What processes say to each other, and keep."""
    collector = Collector()
    collector.feed(*templated(10)["samplers"])
    collector.feed(sflow_wire.datagram(sflow_wire.counter_sample(sflow_wire.interface(3, 1000))))
    exporters = [asdict(item) for item in collector.decoder.exporters()]
    store = StoreStatus(1, 2, 3, 4, 5, 6, 7, 8, 9, -1, "disk_full: no space")
    health = Health(
        NOW_MS, 5.0, {"flows.in": 3}, {"flows.in": 1}, Rates(1.0, 2.0, 3.0), ("[::]:2055",), 0.5, "/store", store, 1e9,
        None, (WorkerState("store", "running"),), (Refused("192.0.2.1", 5, NOW_MS),), ("a warning",),
    )  # fmt: skip
    record = struct.pack(">HHHHHH", 256, 2, 8, 4, 1, 4).hex()
    domain = {"version": 9, "domain": 5, "templates": [{"options": False, "record": record, "time_ms": NOW_MS}]}
    saved = {"format": 1, "exporters": [{"address": "10.0.0.1", "port": 5, "established": True, "domains": [domain]}]}
    item, outcome = Input("/x", 5, 6), Outcome(1, 2, ["cut"], {"a": 1})
    columns = ("src_hi", "src_lo", "dst_hi", "dst_lo", "dst_port", "proto", "start", "bytes", "packets", "seen")
    call = {name: [17, 17, 17] for name in columns} | {name: [NOW_MS - 9000] * 3 for name in ("start", "seen")}
    service = {"hi": [0, 1], "lo": [0xFFFF0A000001, -1], "port": [22, 443], "last_ms": [NOW_MS, NOW_MS - 1000]}
    watched = {
        "version": 1, "saved_ms": NOW_MS, "since_ms": NOW_MS - 5000, "services": service, "calls": call,
        "quiet": [["scan", "hosts", "10.0.0.1", NOW_MS]],
    }  # fmt: skip
    journal = {"version": 1, "task": "task", "done": [[asdict(item), asdict(outcome)]], "state": {}}
    return {
        "control-request": {
            "health": b'{"ask": "health"}\n', "unknown": b'{"ask": "x"}',
            "about": b'{"ask": "allow", "of": "10.0.0.0/8"}', "nested": b"[" * 5000,
        },
        "control-answer": {
            "health": json.dumps({"health": asdict(health)}).encode(),
            "exporters": json.dumps({"exporters": exporters}).encode(),
            "refused": json.dumps({"refused": [asdict(health.refused[0])]}).encode(),
            "error": b'{"error": "only the user"}', "nested": b"[" * 100_000,
        },
        "templates": {"one": json.dumps(saved).encode()},
        "watch-state": {"one": json.dumps(watched).encode(), "nested": b"[" * 5000},
        "journal": {"one": json.dumps(journal).encode(), "other-version": b'{"version": 2}'},
    }  # fmt: skip


def seeds() -> dict[str, dict[str, bytes]]:
    """All inputs by target and name."""
    exports = {"v5": netflow5(), "v9": templated(9), "ipfix": templated(10) | ipfix_only(), "sflow": sflow()}
    inputs = {
        target: {name: packed(datagrams, VERSIONS[target]) for name, datagrams in found.items()}
        for target, found in exports.items()
    }
    return inputs | files() | texts() | answers() | {"frames": packets(), "geography": places()}


def main() -> None:
    """Write them all."""
    for target, found in seeds().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in found.items():
            (folder / f"{name}.bin").write_bytes(content)


if __name__ == "__main__":
    main()
