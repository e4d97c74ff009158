"""What a collector says of its exporters comes back as the same values, interfaces included."""

import json
from dataclasses import asdict

from export_wire import Collector
from sflow_wire import counter_sample, datagram, interface

from nftui.engine.answers import restore
from nftui.engine.decode.status import ExporterStatus
from nftui.screens.exporter_sections import interface_lines


def an_exporter() -> ExporterStatus:
    collector = Collector()
    collector.feed(datagram(counter_sample(interface(3, 1000)), uptime=1000))
    collector.feed(datagram(counter_sample(interface(3, 12_501_000)), uptime=2000, sequence=2))
    (exporter,) = collector.decoder.exporters()
    return exporter


def test_an_exporter_survives_the_control_socket() -> None:
    exporter = an_exporter()
    assert exporter.interfaces[0].in_bits_per_second == 100_000_000
    assert restore(ExporterStatus, json.loads(json.dumps(asdict(exporter)))) == exporter


def test_load_stands_beside_the_speed() -> None:
    (item,) = an_exporter().interfaces
    head, way_in, way_out = (line.text for line in interface_lines(item))
    assert head == "3  up, 1.00 Gbit/s"
    assert way_in.startswith("  in   100 Mbit/s (10.0 %), ")
    assert way_out.startswith("  out  200 Mbit/s (20.0 %), ")
