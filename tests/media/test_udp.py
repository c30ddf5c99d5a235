"""Plain UDP as a carrier of packets: who is heard, and on which port RTCP comes and goes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sipclient.media.engine import RtpEngine
from sipclient.media.udp import UdpTransport
from tests.media.virtual import VirtualLoop, numbers

RTP = bytes.fromhex("80 00 0001 000000a0 deadbeef ff")
RTCP = bytes.fromhex("80 c9 0001 deadbeef")


class Ears:
    """What a stream would take."""

    def __init__(self) -> None:
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.good = True

    def take_rtp(self, data: bytes, at: float) -> bool:
        self.rtp.append(data)
        return self.good

    def take_rtcp(self, data: bytes, at: float) -> bool:
        self.rtcp.append(data)
        return self.good


class Socket:
    """A peer's socket."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.address: tuple[str, int] = self.sock.getsockname()

    def to(self, port: int, data: bytes) -> None:
        self.sock.sendto(data, ("127.0.0.1", port))

    def heard(self) -> bytes | None:
        try:
            return self.sock.recv(4096)
        except BlockingIOError:
            return None


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


@pytest.fixture
def transport(loop: VirtualLoop) -> Iterator[UdpTransport]:
    made = UdpTransport(loop, RtpEngine(loop, numbers).open_ports("127.0.0.1", (0, 0)))
    yield made
    made.close()


@pytest.fixture
def sockets() -> Iterator[list[Socket]]:
    made = [Socket() for _ in range(3)]
    yield made
    for each in made:
        each.sock.close()


def listen(transport: UdpTransport) -> Ears:
    ears = Ears()
    transport.start(ears.take_rtp, ears.take_rtcp, lambda reason: None)
    return ears


def test_rtcp_comes_on_either_port(loop: VirtualLoop, transport: UdpTransport, sockets: list[Socket]) -> None:
    """RFC 5761 §4: told apart by the second byte, whatever was agreed on."""
    ears = listen(transport)
    rtp, rtcp, _ = sockets
    transport.direct(rtp.address, rtcp.address)
    rtp.to(transport.port, RTP)
    rtp.to(transport.port, RTCP)
    rtcp.to(transport.port + 1, RTCP)
    rtcp.to(transport.port + 1, RTP)
    loop.poll()
    assert (ears.rtp, ears.rtcp) == ([RTP, RTP], [RTCP, RTCP])


def test_rtcp_goes_where_it_was_agreed(loop: VirtualLoop, transport: UdpTransport, sockets: list[Socket]) -> None:
    """RFC 5761 §5.1.1: on the RTP port with rtcp-mux, else on its own; nowhere for who wants none."""
    rtp, rtcp, _ = sockets
    for mux, address, there in ((False, rtcp.address, rtcp), (True, rtcp.address, rtp), (False, None, None)):
        transport.direct(rtp.address, address, mux)
        transport.send_rtcp(RTCP)
        assert (rtp.heard(), rtcp.heard()) == (RTCP if there is rtp else None, RTCP if there is rtcp else None)
    assert transport.unsent == 0


def test_only_a_good_packet_makes_a_stranger_the_peer(
    loop: VirtualLoop, transport: UdpTransport, sockets: list[Socket]
) -> None:
    """RFC 7362 §5: whoever sends rubbish first must not carry the sound away."""
    ears = listen(transport)
    signalled, stranger, other = sockets
    stranger.to(transport.port, RTP)
    loop.poll()
    assert (ears.rtp, transport.dropped) == ([], 1)  # nobody is the peer yet
    transport.direct(signalled.address, None)
    ears.good = False
    stranger.to(transport.port, RTP)
    loop.poll()
    transport.send_rtp(RTP)
    assert (stranger.heard(), signalled.heard()) == (None, RTP)
    ears.good = True
    other.to(transport.port, RTP)
    stranger.to(transport.port, RTP)
    loop.poll()
    transport.send_rtp(RTP)
    assert (other.heard(), signalled.heard(), transport.dropped) == (RTP, None, 2)
    transport.direct(signalled.address, None)  # a re-INVITE that says the same address
    transport.send_rtp(RTP)
    assert (other.heard(), signalled.heard()) == (RTP, None)
    signalled.to(transport.port, RTP)
    other.to(transport.port, RTP)
    loop.poll()
    transport.send_rtp(RTP)
    assert (other.heard(), signalled.heard(), transport.dropped) == (None, RTP, 3)
    transport.direct(stranger.address, None)  # a re-INVITE that moves the peer
    transport.send_rtp(RTP)
    assert (stranger.heard(), signalled.heard()) == (RTP, None)


def test_rtcp_takes_nothing_over(loop: VirtualLoop, transport: UdpTransport, sockets: list[Socket]) -> None:
    """Anybody can write RTCP: it is heard from where RTP comes from, and never moves the sound."""
    ears = listen(transport)
    signalled, stranger, _ = sockets
    transport.direct(("127.0.0.2", 4000), ("127.0.0.2", 4001))
    stranger.to(transport.port, RTCP)
    stranger.to(transport.port + 1, RTCP)
    loop.poll()
    assert (len(ears.rtcp), transport.dropped) == (1, 1)
    assert transport.peer is not None and transport.peer.destination == ("127.0.0.2", 4000)
    signalled.to(transport.port, RTP)  # the peer, behind a NAT; its RTCP comes from there too
    loop.poll()
    signalled.to(transport.port + 1, RTCP)
    loop.poll()
    assert len(ears.rtcp) == 2
    transport.send_rtcp(RTCP)
    assert signalled.heard() == RTCP


def test_what_cannot_be_sent_is_counted(loop: VirtualLoop, transport: UdpTransport, sockets: list[Socket]) -> None:
    transport.send_rtp(RTP)
    assert transport.unsent == 1  # there is nobody yet
    transport.direct(sockets[0].address, sockets[1].address)
    listen(transport)
    transport.close()
    transport.close()
    transport.send_rtp(RTP)
    transport.send_rtcp(RTCP)
    assert (transport.unsent, loop.readers) == (3, {})


def test_a_later_listener_takes_over(loop: VirtualLoop, transport: UdpTransport, sockets: list[Socket]) -> None:
    first, second = listen(transport), listen(transport)
    transport.direct(sockets[0].address, None)
    sockets[0].to(transport.port, RTP)
    loop.poll()
    assert (first.rtp, second.rtp) == ([], [RTP])
