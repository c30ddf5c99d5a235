"""RTP and RTCP over plain UDP sockets, from and to the peer only. RFC 3550 §11, RFC 4961, RFC 5761."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from sipclient.media.engine import Loop
from sipclient.media.packets import RTP_BEGINS, Receiver, is_record, is_rtcp, nobody
from sipclient.media.peer import Address, Peer
from sipclient.media.ports import PortPair

_DATAGRAM = 4096  # bytes read of one: more than any audio packet has
_SOON = 0.008  # seconds between two wake-ups of one socket: less than any packet of sound lasts
_BATCH = 16  # datagrams read at one wake-up then; the loop comes back for the rest, after everybody else


class _Lane:
    """One socket and whom it talks to. `sure` is where good packets came from already, as the socket tells it."""

    __slots__ = ("destination", "peer", "sock", "sure", "woken")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.peer: Peer | None = None
        self.destination: Address | None = None
        self.sure: object = None
        self.woken = 0.0

    def direct(self, address: Address | None, now: float) -> None:
        """The peer is signalled there; what was learned of it is kept while its description says the same."""
        peer = None if address is None else Peer(*address, self.peer, now)
        if peer is None or self.peer is None or peer.signalled != self.peer.signalled:
            self.peer, self.sure = peer, None
            self.destination = None if peer is None else peer.destination

    def admits(self, data: bytes, source: tuple[str, int], now: float) -> bool:
        if self.peer is None:
            return False
        return self.peer.admits_record(source[:2], now) if is_record(data) else self.peer.admits(source[:2])

    def heard(self, source: tuple[str, int]) -> None:
        if self.peer is not None:
            self.peer.heard(source[:2])
            self.sure, self.destination = source, self.peer.destination


class UdpTransport:
    """The packets of one stream over a pair of sockets, which it owns; see PacketTransport.

    Everybody is a stranger until `direct` says where the peer is. With rtcp-mux RTCP goes to the peer's RTP
    port; what comes is told apart by its second byte on either port, for peers do what they like.
    """

    __slots__ = (
        "_loop",
        "_mux",
        "_now",
        "_pair",
        "_reading",
        "_rtcp",
        "_rtcp_lane",
        "_rtp",
        "_rtp_lane",
        "dropped",
        "unsent",
    )

    def __init__(self, loop: Loop, pair: PortPair) -> None:
        self.dropped = 0
        self.unsent = 0
        self._loop = loop
        self._now = loop.time
        self._pair = pair
        self._rtp_lane = _Lane(pair.rtp)
        self._rtcp_lane = _Lane(pair.rtcp)
        self._mux = False
        self._reading = False
        self._rtp: Receiver = nobody
        self._rtcp: Receiver = nobody

    @property
    def port(self) -> int:
        """Our RTP port; RTCP has the next."""
        return self._pair.port

    @property
    def host(self) -> str:
        """Our address, as it was asked for."""
        return self._pair.host

    @property
    def peer(self) -> Peer | None:
        """Whom we talk to, once it is known."""
        return self._rtp_lane.peer

    def direct(self, rtp: Address, rtcp: Address | None, mux: bool = False) -> None:
        """The peer is there, by its description: an IP literal and a port each; no `rtcp`: none is sent."""
        self._mux = mux
        now = self._now()
        self._rtp_lane.direct(rtp, now)
        self._rtcp_lane.direct(rtcp, now)

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        """Read both sockets from now on; see PacketTransport. UDP never fails for good."""
        self._rtp, self._rtcp = rtp, rtcp
        if not self._reading:
            self._reading = True
            for lane in (self._rtp_lane, self._rtcp_lane):
                self._loop.add_reader(lane.sock.fileno(), partial(self._readable, lane))

    def close(self) -> None:
        """No more; both ports are given back. Twice is harmless."""
        if self._reading:
            self._reading = False
            for lane in (self._rtp_lane, self._rtcp_lane):
                self._loop.remove_reader(lane.sock.fileno())
        self._pair.close()

    def send_rtp(self, data: bytes | bytearray) -> None:
        """See PacketTransport."""
        lane = self._rtp_lane
        if lane.destination is None:
            self.unsent += 1
            return
        try:
            lane.sock.sendto(data, lane.destination)
        except OSError:  # a full buffer, or no way there at the moment: sound is not sent twice
            self.unsent += 1

    def send_rtcp(self, data: bytes) -> None:
        """See PacketTransport."""
        if self._mux:
            self.send_rtp(data)
            return
        lane = self._rtcp_lane
        if lane.destination is None:  # the peer wants none
            return
        try:
            lane.sock.sendto(data, lane.destination)
        except OSError:
            self.unsent += 1

    def _readable(self, lane: _Lane) -> None:
        """Something came. With a packet every 20 ms there is no second one to be had, and to ask for it costs as
        much as to read it; where the last wake-up was just before this one, we are behind, and take several."""
        now = self._now()
        behind = now - lane.woken < _SOON
        lane.woken = now
        if self._read(lane, now) and behind:
            for _ in range(_BATCH - 1):
                if not self._read(lane, now):
                    return

    def _read(self, lane: _Lane, now: float) -> bool:
        """Take one datagram; whether there was one."""
        try:
            data, source = lane.sock.recvfrom(_DATAGRAM)
        except OSError:  # nothing there, or an ICMP error of an earlier packet
            return False
        if source == lane.sure:
            if is_rtcp(data) or (lane is self._rtcp_lane and data < RTP_BEGINS):
                self._rtcp(data, now)
            else:
                self._rtp(data, now)
        else:
            self._unsure(lane, data, source, now)
        return True

    def _unsure(self, lane: _Lane, data: bytes, source: tuple[str, int], now: float) -> None:
        """A packet came from where none, or none that was good, came before. Only RTP of this call takes a stream
        over, for anybody can write RTCP; that follows where RTP has gone."""
        control = is_rtcp(data) or (lane is self._rtcp_lane and data < RTP_BEGINS)  # its DTLS: RFC 5764 §4.1.2
        if not lane.admits(data, source, now) or (lane is self._rtcp_lane and not self._follows(source[:2])):
            self.dropped += 1
        elif (self._rtcp if control else self._rtp)(data, now) and control is (lane is self._rtcp_lane):
            lane.heard(source)

    def _follows(self, source: Address) -> bool:
        """Whether RTCP may come from there: from where it was signalled, or, if RTP has gone elsewhere, from that
        host."""
        rtp, rtcp = self._rtp_lane.peer, self._rtcp_lane.peer
        if rtp is None or rtcp is None:
            return False
        return source == rtcp.signalled or (rtp.destination != rtp.signalled and source[0] == rtp.destination[0])
