import numpy as np
import pytest
from probe_packets import START, block_of, ethernet, ip, tcp, udp

from nftui.errors import UsageError
from nftui.probe.flow_table import Flows, protocol_of
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import PacketBlock
from nftui.probe.parse import PacketParser
from nftui.probe.timeouts import Reason, Timeouts

ARP = bytes(12) + b"\x08\x06" + bytes(28)


def distinct(count: int, first: int = 0) -> list[bytes]:
    """A packet of a new flow each."""
    return [udp(f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}", "192.0.2.1", 5, 6) for i in range(first, first + count)]


def meter_into(ended: list[Flows], live: bool = True, **config: object) -> Meter:
    return Meter(MeterConfig(**config), ended.append, live=live, started_ms=0)  # type: ignore[arg-type]


def test_a_live_table_grows_a_tenth_before_flows_are_forced_out() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended, max_flows=100)
    meter.add(block_of(distinct(110)))
    assert (len(meter.table), len(ended)) == (110, 0)
    meter.add(block_of(distinct(1, 110), [START + 1.0]))
    assert len(meter.table) == 100
    assert sum(len(flows) for flows in ended) == 11
    assert meter.statistics(0).forced == 11
    assert set(np.concatenate(ended)["sequence"].tolist()) == set(range(1, 12))


def test_live_flows_end_at_multiples_of_the_expiry_interval() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended, timeouts=Timeouts(udp=10, expint=60))
    start = START // 60 * 60
    meter.tick(start)
    meter.add(block_of(distinct(1), [float(start + 1)]))
    meter.tick(start + 59)
    assert ended == []
    meter.tick(start + 60)
    assert [int(flows["reason"][0]) for flows in ended] == [Reason.UDP]


@pytest.mark.parametrize("expint", [0, 1])
def test_a_short_interval_ends_flows_in_their_second(expint: int) -> None:
    ended: list[Flows] = []
    meter = meter_into(ended, timeouts=Timeouts(udp=10, expint=expint))
    meter.add(block_of(distinct(1), [float(START)]))
    meter.tick(START + 10)
    assert ended == []
    meter.tick(START + 11)
    assert len(ended) == 1


def test_long_flows_are_exported_in_slices() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended, timeouts=Timeouts(active=60, expint=1))
    for second in range(0, 170, 10):
        meter.add(block_of([tcp("10.0.0.1", "10.0.0.2", 1, 2)], [float(START + second)]))
        meter.tick(START + second)
    meter.finish()
    found = [(int(f["packets"].sum()), int(f["reason"])) for flows in ended for f in flows]
    assert sum(packets for packets, _ in found) == 17
    assert [reason for _, reason in found] == [Reason.MAXLIFE, Reason.MAXLIFE, Reason.FLUSH]


def test_flows_over_two_gigabytes_end_at_once_and_count_in_full() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended)
    block = block_of([tcp("10.0.0.1", "10.0.0.2", 1, 2)] * 3)
    block.wire = np.full(3, 1 << 30, np.int64)
    meter.add(block)
    meter.tick(START)
    (flows,) = ended
    assert flows["octets"].tolist() == [[3 * ((1 << 30) - 14), 0]]
    assert flows["reason"].tolist() == [Reason.OVERBYTES]


def test_sampling_takes_every_nth_and_lets_the_next_stand_in_for_what_is_no_ip() -> None:
    frames = [ARP, ARP, *distinct(4), ARP, *distinct(6, 4), ARP]
    # softflowd: packets 0 and 1 are not IP and take no turn; then 2, 5, 8, 11; the last one is not reached.
    ended: list[Flows] = []
    whole, pieces = meter_into([], sampling=3), meter_into(ended, sampling=3)
    block = block_of(frames)
    whole.add(block)
    for i in range(len(frames)):
        pieces.add(block.take(slice(i, i + 1)))
    for meter in (whole, pieces):
        s = meter.statistics(0)
        assert (s.packets, s.non_ip, s.non_sampled, s.active_flows) == (4, 2, 8, 4)


def test_changed_timeouts_apply_to_flows_in_the_table() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended, timeouts=Timeouts(expint=1))
    meter.add(block_of(distinct(1), [float(START)]))
    meter.set_timeouts(Timeouts(udp=5, expint=1))
    meter.tick(START + 6)
    assert len(ended) == 1
    assert meter.config.timeouts.udp == 5


def test_later_timeouts_keep_flows_that_would_have_ended() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended, timeouts=Timeouts(udp=5, expint=1))
    meter.add(block_of(distinct(1), [float(START)]))
    meter.set_timeouts(Timeouts(udp=500, expint=1))
    meter.tick(START + 400)
    assert ended == []
    meter.tick(START + 501)
    assert len(ended) == 1


@pytest.mark.parametrize("config", [{"max_flows": 0}, {"max_flows": 1 << 30}, {"sampling": 0}])
def test_impossible_settings_are_refused(config: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        MeterConfig(**config)


def test_two_million_flows_stay_within_the_table_and_lose_no_packet() -> None:
    totals = {"packets": 0, "flows": 0}

    def count(flows: Flows) -> None:
        totals["packets"] += int(flows["packets"].sum())
        totals["flows"] += len(flows)

    meter = Meter(MeterConfig(max_flows=65_536), count, live=True, started_ms=0)
    template = np.frombuffer(udp("10.0.0.1", "192.0.2.1", 5, 6), np.uint8)
    for first in range(0, 2_000_000, 50_000):
        rows = np.tile(template, (50_000, 1))
        rows[:, 26:30] = np.arange(first, first + 50_000, dtype=">u4").view(np.uint8).reshape(-1, 4)
        data = np.concatenate([rows.ravel(), np.zeros(256, np.uint8)])
        n, size = rows.shape
        length = np.full(n, size)
        meter.add(PacketBlock(data, np.arange(n) * size, length, length, np.full(n, START), np.zeros(n, np.int64), 1))
        assert len(meter.table) <= 65_536 * 11 // 10
    meter.finish()
    assert totals == {"packets": 2_000_000, "flows": 2_000_000}


def test_fragments_that_never_end_cost_no_memory() -> None:
    meter = meter_into([], max_flows=1000)
    frames = [
        ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(8), ident=i & 0xFFFF, fragment=0x2000 | (i % 2)))
        for i in range(20_000)
    ]
    meter.add(block_of(frames))
    s = meter.statistics(0)
    assert (s.fragments, s.packets) == (20_000, 20_000)
    assert s.active_flows <= 2


def test_label_stacks_without_number_share_one_number() -> None:
    parser = PacketParser()
    stacks = np.zeros((70_000, 10), np.uint32)
    stacks[:, 0] = np.arange(1, 70_001)
    numbers = parser.stacks.number(stacks)
    assert len(np.unique(numbers)) == 65_535
    assert parser.stacks.overflow == 70_000 - 65_534
    assert parser.stacks.entries(numbers[:3].astype(np.int64))[:, 0].tolist() == [1, 2, 3]


def test_protocols_and_distribution_are_counted() -> None:
    ended: list[Flows] = []
    meter = meter_into(ended)
    meter.add(block_of([tcp("10.0.0.1", "10.0.0.2", 1, 2, payload=960)] * 4 + distinct(2)))
    assert meter.expire_all() == 3
    assert sorted(protocol_of(np.concatenate(ended)).tolist()) == [6, 17, 17]
    s = meter.statistics(0)
    assert [(p.proto, p.flows, p.packets, p.octets) for p in s.protocols] == [(6, 1, 4, 4000), (17, 2, 2, 76)]
    assert (s.sizes.minimum, s.sizes.maximum, s.sizes.average) == (38, 4000, pytest.approx(4076 / 3))
    assert {i: n for i, n in enumerate(s.sizes.bins) if n} == {6: 2, 12: 1}
    assert {i: n for i, n in enumerate(s.lengths.bins) if n} == {1: 2, 3: 1}
    assert {i: n for i, n in enumerate(s.durations.bins) if n} == {0: 2, 2: 1}  # 3 ms
