"""Templates over a restart of the collector: what is written decodes again, what is not valid does no harm."""

from __future__ import annotations

import copy
import json
import struct

import pytest
from export_wire import EXPORTER, NOW_MS, V4, VARIABLE, Collector, a_set, column, message, options_template, template
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.engine.decode.decoder import Decoder
from nftui.engine.limits import Limits

PAIR = [(8, 4), (1, 4)]
DATA = a_set(256, struct.pack(">II", 1, 2))


def saved(*datagrams: bytes, **more: int) -> object:
    """What a collector writes after these datagrams, as read from a file."""
    collector = Collector()
    collector.feed(*datagrams, **more)
    return json.loads(json.dumps(collector.decoder.saved()))


def restored(document: object, now_ms: int = NOW_MS, limits: Limits | None = None) -> Collector:
    collector = Collector(limits or Limits())
    for name, amount in collector.decoder.restore(document, now_ms).items():
        collector.counts[name] = amount
    return collector


@pytest.mark.parametrize("version", [9, 10])
def test_data_decode_at_once(version: int) -> None:
    document = saved(message(version, template(version, 256, PAIR) + DATA))
    collector = restored(document, NOW_MS + 5000)
    assert collector.counts == {"templates.restored": 1}
    assert column(collector.feed(message(version, DATA)), "bytes") == [2]
    assert "sets.buffered" not in collector.counts


@pytest.mark.parametrize("version", [9, 10])
def test_every_kind_of_template(version: int) -> None:
    """Options, enterprise elements, variable length and several domains come back as they were."""
    vendor = (100, 4, 9999) if version == 10 else (100, 4)
    fields = [(8, 4), (96, VARIABLE), vendor] if version == 10 else [(8, 4), vendor]
    scope = [(149, 4)] if version == 10 else [(1, 4)]
    sets = template(version, 256, PAIR) + template(version, 300, fields)
    sets += options_template(version, 400, scope, [(34, 4), (36, 2)]) + DATA
    before = Collector()
    before.feed(message(version, sets, domain=1), message(version, sets, domain=2))
    collector = restored(before.decoder.saved())
    assert collector.counts == {"templates.restored": 6}
    assert collector.decoder.exporters()[0].templates == before.decoder.exporters()[0].templates
    assert collector.decoder.saved() == before.decoder.saved()


def test_keys_are_kept_apart() -> None:
    """Address, port, version and domain: nothing else decodes by a restored template."""
    collector = restored(saved(message(9, template(9, 256, PAIR) + DATA), port=1000))
    assert column(collector.feed(message(9, DATA), port=1000), "bytes") == [2]
    assert column(collector.feed(message(9, DATA), port=1001), "bytes") == []
    assert column(collector.feed(message(9, DATA, domain=2), port=1000), "bytes") == []
    assert column(collector.feed(message(10, DATA), port=1000), "bytes") == []
    assert column(collector.feed(message(9, DATA), port=1000, address=EXPORTER + 1), "bytes") == []


def test_old_templates_stay_away() -> None:
    """As if the collector had run on: a template that was not in use for half an hour is forgotten."""
    document = saved(message(9, template(9, 256, PAIR) + DATA))
    assert restored(document, NOW_MS + 1_799_000).counts == {"templates.restored": 1}
    assert restored(document, NOW_MS + 1_801_000).counts == {}
    assert restored(document, NOW_MS - 3_600_000).counts == {"templates.restore_failed": 1}


def test_data_keep_a_template_young() -> None:
    before = Collector()
    before.feed(message(9, template(9, 256, PAIR) + DATA))
    before.feed(message(9, DATA, 1), now_ms=NOW_MS + 7_200_000)
    assert restored(before.decoder.saved(), NOW_MS + 7_300_000).counts == {"templates.restored": 1}


def test_senders_of_templates_alone_are_not_written() -> None:
    assert saved(message(9, template(9, 256, PAIR))) == {"format": 1, "exporters": []}


def test_the_size_is_bounded() -> None:
    """What does not fit is left out, the exporters that were silent longest first."""
    limits = Limits(template_file_bytes=2000)
    collector = Collector(limits)
    for place in range(50):
        datagram = message(9, template(9, 256, PAIR) + DATA)
        collector.feed(datagram, address=V4 | place, now_ms=NOW_MS + place)
    document = collector.decoder.saved()
    assert len(json.dumps(document)) < 2000
    assert [item["address"] for item in document["exporters"]][:2] == ["0.0.0.49", "0.0.0.48"]


def test_limits_hold_for_what_is_read() -> None:
    document = saved(message(9, template(9, 256, PAIR) + DATA))
    (exporter,) = document["exporters"]
    document["exporters"] = [{**exporter, "port": port} for port in range(3000)]
    collector = restored(document, limits=Limits(exporters=16))
    assert collector.counts == {"templates.restored": 16}
    wide = copy.deepcopy(saved(message(9, template(9, 256, PAIR) + DATA)))
    assert restored(wide, limits=Limits(template_fields=1)).counts == {"templates.restore_failed": 1}


@pytest.mark.parametrize(
    "document", ["", 0, [], {}, {"format": 2, "exporters": []}, {"format": True}, {"exporters": []}, None, "x" * 1000]
)
def test_what_is_no_document(document: object) -> None:
    assert restored(document).counts == {"templates.restore_failed": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(path=st.lists(st.integers(0, 5), max_size=8), value=JSON, record=st.binary(max_size=40))
def test_any_change_of_a_document(path: list[int], value: object, record: bytes) -> None:
    """Whatever stands at any place of the document: no exception, and real data still decode."""
    document = {"format": 1, "exporters": [
        {"address": "192.0.2.1", "port": 2055, "established": True, "domains": [
            {"version": 10, "domain": 1, "templates": [
                {"options": False, "time_ms": NOW_MS, "record": record.hex()}
            ]}
        ]}
    ]}  # fmt: skip
    place: object = document
    for step in path:
        keys = list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        if not keys:
            break
        key = keys[step % len(keys)]
        if isinstance(place[key], dict | list) and place[key]:
            place = place[key]
        else:
            place[key] = value
            break
    decoder = Decoder()
    decoder.restore(document, NOW_MS)
    collector = Collector()
    collector.decoder = decoder
    assert column(collector.feed(message(10, template(10, 256, PAIR) + DATA)), "bytes") == [2]
