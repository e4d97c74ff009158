import pytest

from nftui.errors import UsageError
from nftui.probe.timeouts import END_REASON, Reason, Timeouts, parse_time


def test_defaults_are_softflowds() -> None:
    t = Timeouts()
    assert (t.tcp, t.tcp_rst, t.tcp_fin, t.udp, t.icmp, t.general) == (3600, 120, 300, 300, 300, 3600)
    assert (t.maxlife, t.expint, t.active) == (604_800, 60, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("600", 600), ("10m", 600), ("1h30m", 5400), ("1H30M", 5400), ("1w2d3h4m5s6", 788_651), ("0", 0)],
)
def test_times_are_added_up(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "1.5h", "5 m", "99999999999w"])
def test_bad_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text)


def test_settings_change_one_timeout() -> None:
    assert Timeouts().with_setting("tcp.rst=1m30s") == Timeouts(tcp_rst=90)
    assert Timeouts().with_setting("udp=0").udp == 0
    for bad in ("general=0", "tcp_rst=5", "nope=1", "udp", "udp=", "=5"):
        with pytest.raises(UsageError):
            Timeouts().with_setting(bad)


def test_lifetime_is_the_shorter_of_the_two_that_are_on() -> None:
    assert Timeouts().lifetime == 604_800
    assert Timeouts(active=60).lifetime == 60
    assert Timeouts(maxlife=30, active=60).lifetime == 30
    assert Timeouts(maxlife=0).lifetime == 0


def test_every_reason_has_a_flow_end_reason_of_rfc_5102() -> None:
    assert set(END_REASON) == set(Reason)
    assert set(END_REASON.values()) == {1, 2, 3, 4, 5}
