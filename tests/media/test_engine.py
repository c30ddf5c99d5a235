"""Ticks without drift, and ports by pairs."""

from __future__ import annotations

import errno
import socket

import pytest

from sipclient.errors import MediaError
from sipclient.media.engine import RtpEngine, Ticker
from sipclient.media.ports import Ports
from tests.media.virtual import VirtualLoop, numbers


def test_ten_minutes_of_late_alarms_make_no_drift() -> None:
    loop = VirtualLoop()
    ticker = Ticker(loop, 0.02)
    ticks: list[tuple[int, float]] = []
    ticker.join(lambda intervals, now: ticks.append((intervals, now)))
    loop.late = 0.003
    loop.run_for(600)
    assert len(ticks) == 29_999
    assert all(intervals == 1 for intervals, _ in ticks)
    assert ticks[-1][1] == pytest.approx(1000 + 599.98 + 0.003)


def test_a_process_that_was_held_up_is_told_how_long() -> None:
    loop = VirtualLoop()
    ticker = Ticker(loop, 0.02)
    ticks: list[int] = []
    ticker.join(lambda intervals, now: ticks.append(intervals))
    loop.run_for(0.05)
    loop.now += 1.0
    loop.run_for(0.055)
    assert ticks[:3] == [1, 1, 50]
    assert sum(ticks) == 55


def test_an_alarm_that_rings_too_early_is_no_tick() -> None:
    loop = VirtualLoop()
    ticker = Ticker(loop, 0.02)
    ticks: list[int] = []
    ticker.join(lambda intervals, now: ticks.append(intervals))
    loop.now += 0.0199  # within what a loop may be early by
    loop.alarms[0].callback()
    assert ticks == [1]
    loop.now += 0.01  # by far too early
    loop.alarms[-1].callback()
    assert ticks == [1]
    loop.run_for(0.0105)
    assert ticks == [1, 1]


def test_one_timer_for_all_and_none_for_nobody() -> None:
    loop = VirtualLoop()
    engine = RtpEngine(loop, numbers)
    ticker = engine.ticker(0.02)
    assert engine.ticker(0.02) is ticker
    assert engine.ticker(0.03) is not ticker
    heard: list[str] = []

    def first(intervals: int, now: float) -> None:
        heard.append("first")
        ticker.leave(second)

    def second(intervals: int, now: float) -> None:
        heard.append("second")

    assert loop.waiting == 0
    ticker.join(first)
    ticker.join(second)
    assert loop.waiting == 1
    loop.run_for(0.021)
    assert heard == ["first"]  # who leaves in the middle of a tick is not called any more
    ticker.leave(first)
    ticker.leave(first)
    assert loop.waiting == 0
    ticker.join(second)
    loop.run_for(0.021)
    assert heard == ["first", "second"]


def test_an_error_in_one_tick_does_not_stop_the_next() -> None:
    loop = VirtualLoop()
    ticker = Ticker(loop, 0.02)

    def broken(intervals: int, now: float) -> None:
        raise RuntimeError("a bug")

    ticker.join(broken)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            loop.run_for(0.021)


def free_evens(count: int) -> int:
    """The first of so many free port pairs in a row."""
    for low in range(20_000, 30_000, 2 * count):
        try:
            opened = [Ports("127.0.0.1", (port, port + 1)).open() for port in range(low, low + 2 * count, 2)]
        except MediaError:
            continue
        for pair in opened:
            pair.close()
        return low
    raise AssertionError("no free ports on this machine")


def test_ports_are_even_in_the_range_and_given_back_last() -> None:
    low = free_evens(3)
    ports = Ports("127.0.0.1", (low - 1, low + 5), start=0)
    pairs = [ports.open() for _ in range(3)]
    assert [pair.port for pair in pairs] == [low, low + 2, low + 4]
    assert [pair.rtcp.getsockname()[1] for pair in pairs] == [low + 1, low + 3, low + 5]
    with pytest.raises(MediaError, match=f"no RTP port free in {low - 1}-{low + 5} on 127.0.0.1"):
        ports.open()
    pairs[1].close()
    pairs[0].close()
    assert [ports.open().port, ports.open().port] == [low, low + 2]


@pytest.mark.parametrize("taken", [0, 1])
def test_a_port_another_process_holds_is_passed_over(taken: int) -> None:
    low = free_evens(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", low + taken))
        pair = Ports("127.0.0.1", (low, low + 3)).open()
        assert pair.port == low + 2
        pair.close()
        with pytest.raises(MediaError, match="no RTP port free"):
            Ports("127.0.0.1", (low, low + 1)).open()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ports_of_the_systems_choice_are_a_pair_too(host: str) -> None:
    ports = Ports(host, (0, 0))
    for _ in range(20):
        pair = ports.open()
        assert pair.port % 2 == 0
        assert pair.rtcp.getsockname()[1] == pair.port + 1
        pair.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("dscp", "octet"), [(46, 0xB8), (40, 0xA0), (0, 0)])
def test_packets_are_marked(host: str, dscp: int, octet: int) -> None:
    """RFC 2474 §3: the DSCP is the upper six bits of the octet."""
    pair = RtpEngine(VirtualLoop(), numbers).open_ports(host, (0, 0), dscp)
    for bound in (pair.rtp, pair.rtcp):
        option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if ":" in host else (socket.IPPROTO_IP, socket.IP_TOS)
        assert bound.getsockopt(*option) == octet
    pair.close()


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(MediaError, match=r"media cannot use the address 192\.0\.2\.1"):
        Ports("192.0.2.1", (0, 0)).open()


def test_a_process_out_of_sockets_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", none)
    with pytest.raises(MediaError, match="no socket for media: Too many open files"):
        Ports("127.0.0.1", (0, 0)).open()


def test_when_the_system_has_no_pair_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = Ports("127.0.0.1", (0, 0))
    real = Ports._bind
    monkeypatch.setattr(Ports, "_bind", lambda self, port: None if port else real(self, port))
    with pytest.raises(MediaError, match=r"no RTP port free on 127\.0\.0\.1"):
        ports.open()
    monkeypatch.setattr(Ports, "_bind", lambda self, port: None)
    with pytest.raises(MediaError, match=r"no RTP port free on 127\.0\.0\.1"):
        ports.open()


def test_ranges_of_one_address_are_shared_by_the_engine() -> None:
    low = free_evens(2)
    engine = RtpEngine(VirtualLoop(), numbers)
    ports = {engine.open_ports("127.0.0.1", (low, low + 3)).port for _ in range(2)}
    assert ports == {low, low + 2}
