import pytest
from probe_packets import block_of, ethernet, icmp, ip, tcp, udp

from nftui.engine.frames.views import Link
from nftui.errors import BackendError, UsageError
from nftui.probe import bpf
from nftui.probe.bpf import compile_filter, matches

FRAMES = [
    udp("10.0.0.1", "10.0.0.2", 5353, 53),
    udp("2001:db8::1", "2001:db8::2", 53, 5000),
    tcp("10.0.0.3", "192.168.1.1", 40_000, 443, 0x02, 500),
    tcp("10.0.0.3", "192.168.1.1", 40_000, 443, 0x10),
    icmp("10.0.0.1", "10.0.0.9", 8, 0),
    ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(8), fragment=100)),
    bytes(12) + b"\x08\x06" + bytes(28),
    bytes(13),
]


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("udp", [0, 1, 5]),
        ("port 53", [0, 1]),
        ("udp dst port 53", [0]),
        ("ip6", [1]),
        ("net 10.0.0.0/30 and not port 53", [2, 3, 4, 5]),
        ("tcp[tcpflags] & tcp-syn != 0", [2]),
        ("icmp[icmptype] = icmp-echo", [4]),
        ("greater 300", [2]),
        ("ip[2:2] % 2 = 1 or arp", [6]),
        ("ip[0] & 0xf = 5 and ip[8] * 2 = 128 and (ip[9] - 1) = 16", [0, 5]),
        ("ether host 02:00:00:00:00:02", [0, 1, 2, 3, 4, 5]),
        ("host 10.0.0.3 and dst portrange 400-500", [2, 3]),
        ("not ip", [1, 6]),  # reading beyond the end rejects a packet
    ],
)
def test_filters_accept_what_tcpdump_would(expression: str, accepted: list[int]) -> None:
    program = compile_filter(expression, Link.ETHERNET, 65_535)
    assert matches(program, block_of(FRAMES)).nonzero()[0].tolist() == accepted


def test_filters_are_compiled_for_the_link_type() -> None:
    packet = FRAMES[0][14:]
    assert matches(compile_filter("udp port 53", Link.RAW, 100), block_of([packet], link=Link.RAW)).all()
    assert matches(compile_filter("udp port 53", Link.NETWORK, 100), block_of([packet], link=Link.RAW)).all()


def test_a_bad_filter_says_why() -> None:
    with pytest.raises(UsageError, match="syntax error"):
        compile_filter("port port", Link.ETHERNET, 100)


def test_without_libpcap_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise OSError("Cannot find libpcap.so library")

    import builtins

    real = builtins.__import__

    def refuse(name: str, *rest: object, **more: object) -> object:
        if name.startswith("scapy.libs.winpcapy"):
            missing()
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BackendError, match=r"libpcap0\.8"):
        compile_filter("udp", Link.ETHERNET, 100)


@pytest.mark.parametrize("code", [0x34, 0x94])
def test_division_by_zero_rejects_the_packet(code: int) -> None:
    program: bpf.Program = ((0x00, 0, 0, 7), (code, 0, 0, 0), (0x06, 0, 0, 1))
    assert not matches(program, block_of(FRAMES)).any()


def test_scratch_memory_shifts_and_negation() -> None:
    program: bpf.Program = (
        (0x00, 0, 0, 3), (0x64, 0, 0, 4), (0x02, 0, 0, 5), (0x61, 0, 0, 5), (0x87, 0, 0, 0), (0x74, 0, 0, 4),
        (0x84, 0, 0, 0), (0xA4, 0, 0, 0xFFFFFFFF), (0x15, 0, 1, 2), (0x06, 0, 0, 1), (0x06, 0, 0, 0),
    )  # fmt: skip
    assert matches(program, block_of(FRAMES)).all()
