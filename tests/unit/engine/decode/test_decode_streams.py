"""Sessions that are connections: their templates last as long as they do, and not longer (RFC 7011 section 10.4)."""

import numpy as np
from export_wire import EXPORTER, NOW_MS, a_set, ipfix, template

from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.limits import Limits

TEMPLATE = template(10, 256, [(8, 4), (12, 4), (1, 4)])
DATA = a_set(256, bytes([192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 99]))
DAY_MS = 86_400_000


def decode(decoder: Decoder, session: int, sets: bytes, time_ms: int = NOW_MS):
    return decoder.decode(block_of([ipfix(sets)], [session], time_ms))


def test_templates_of_a_connection_do_not_expire():
    decoder = Decoder()
    stream, datagrams = decoder.session(EXPORTER, 4739, stream=True), decoder.session(EXPORTER, 4739)
    assert stream != datagrams
    for session in (stream, datagrams):
        decode(decoder, session, TEMPLATE)
    assert decoder.expire(NOW_MS + DAY_MS).counts["templates.expired"] == 1
    assert decode(decoder, stream, DATA, NOW_MS + DAY_MS).counts["records.flows"] == 1
    assert "records.flows" not in decode(decoder, datagrams, DATA, NOW_MS + DAY_MS).counts


def test_a_connection_that_ends_takes_its_templates_along():
    decoder = Decoder()
    first = decoder.session(EXPORTER, 4739, stream=True)
    decode(decoder, first, TEMPLATE)
    assert decoder.close(first).counts == {"sessions.ended": 1, "templates.ended": 1}
    assert decoder.close(first).counts == {}
    assert decoder.exporters() == []
    second = decoder.session(EXPORTER, 4739, stream=True)
    assert second != first
    assert decode(decoder, second, DATA).counts["sets.buffered"] == 1
    assert decode(decoder, first, DATA).counts["datagrams.rejected.session"] == 1


def test_connections_do_not_give_way_to_invented_senders():
    decoder = Decoder(Limits(exporters=4))
    stream = decoder.session(EXPORTER, 4739, stream=True)
    decode(decoder, stream, TEMPLATE)
    for number in range(50):
        decode(decoder, decoder.session(EXPORTER + 1 + number, 1), DATA, NOW_MS + number)
    assert len(decoder.exporters()) <= 5
    assert decode(decoder, stream, DATA, NOW_MS + 1000).counts["records.flows"] == 1


def test_what_is_counted_of_forgotten_senders_is_forgotten_too():
    decoder = Decoder(Limits(exporters=4))
    for number in range(50):
        decode(decoder, decoder.session(EXPORTER + number, 1), DATA, NOW_MS + number)
    kept = sum(status.counts["datagrams.received"] for status in decoder.exporters())
    assert kept == len(decoder.exporters()) <= 5


def test_templates_of_connections_are_not_saved():
    decoder = Decoder()
    stream = decoder.session(EXPORTER, 4739, stream=True)
    decode(decoder, stream, TEMPLATE + DATA)
    assert decoder.saved()["exporters"] == []
    assert int(np.count_nonzero(decoder._sessions.blocks)) == 1
