"""What is under the stream of one session: sockets or ICE, and SRTP over it by SDES or by DTLS, as negotiated."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sipclient import sdp
from sipclient.media.engine import RtpEngine
from sipclient.media.ice_servers import NO_SERVERS, IceServers
from sipclient.media.packets import PacketTransport, Receiver, nobody
from sipclient.media.ports import EF
from sipclient.media.srtp import SrtpTransport
from sipclient.media.suites import OFFERED, needed, suite_named
from sipclient.media.udp import UdpTransport

if TYPE_CHECKING:
    from sipclient.media.dtls import DtlsTransport
    from sipclient.media.ice import IceTransport

_EXTRA = ("aioice", "OpenSSL", "pylibsrtp", "cryptography", "av")


def has_extra() -> bool:
    """Whether the extra `media` is installed: without it there is G.711 over plain RTP."""
    return all(importlib.util.find_spec(name) is not None for name in _EXTRA)


class Carrier:
    """See PacketTransport: one for the whole of a session, whatever is under it from one agreement to the next.

    `hosts` are the local addresses to use, that of the signalling first. Nothing is bound, drawn or imported
    before somebody asks for it, so that a plain call stays as cheap as it is. `failed` is called once, with
    words, where the media of the call have come to an end.
    """

    def __init__(
        self,
        engine: RtpEngine,
        hosts: Sequence[str],
        span: tuple[int, int] = (0, 0),
        servers: IceServers = NO_SERVERS,
        public_address: str = "",
        failed: Callable[[str], None] | None = None,
        dscp: int = EF,
    ) -> None:
        self._engine = engine
        self._hosts = tuple(hosts)
        self._span = span
        self._dscp = dscp
        self._servers = servers
        self._public_address = public_address
        self._told = failed
        self._udp: UdpTransport | None = None
        self._left: UdpTransport | None = None  # of an address that was ours, in use until the new one is agreed on
        self._ice: IceTransport | None = None
        self._base: UdpTransport | IceTransport | None = None  # what our last description spoke of
        self._top: PacketTransport | None = None
        self._dtls: DtlsTransport | None = None  # the top, if it is this
        self._srtp: SrtpTransport | None = None
        self._keys: tuple[sdp.CryptoKey, ...] = ()
        self._flowing = False
        self._ended: list[IceTransport] = []
        self._rtp: Receiver = nobody
        self._rtcp: Receiver = nobody
        self._failed: Callable[[str], None] | None = None
        self.send_rtp: Callable[[bytes | bytearray], None] = _into_nothing
        self.send_rtcp: Callable[[bytes], None] = _into_nothing

    # --- as a PacketTransport -----------------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """See PacketTransport."""
        return 0 if self._top is None else self._top.dropped

    @property
    def unsent(self) -> int:
        """See PacketTransport."""
        return 0 if self._top is None else self._top.unsent

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        """See PacketTransport."""
        self._rtp, self._rtcp, self._failed = rtp, rtcp, failed
        if self._top is not None:
            self._top.start(rtp, rtcp, self._fail)

    def close(self) -> None:
        """See PacketTransport; `closed` waits for what that takes."""
        self._told = None
        if self._top is not None:
            self._top.close()
        self._end_left()
        self._end_udp()
        self._end_ice()

    async def closed(self) -> None:
        """Return when everything is given back."""
        for each in self._ended:
            await each.closed()

    # --- for descriptions ---------------------------------------------------------------------------

    def move(self, hosts: Sequence[str]) -> None:
        """Our local addresses are these: what is described next is there, and carried from there once agreed on."""
        self._hosts = tuple(hosts)
        if self._ice is not None:
            self._ice.move(self._hosts)

    def ports(self, host: str) -> int:
        """The RTP port of plain sockets, bound with the first call, and anew for another host. Raises MediaError."""
        if self._udp is None or self._udp.host != host:
            pair = self._engine.open_ports(host, self._span, self._dscp)
            if self._left is None:
                self._left = self._udp
            else:
                self._end_udp()
            self._udp = UdpTransport(self._engine.loop, pair)
        self._base = self._udp
        if self._top is None:
            self._ride(self._udp)
        return self._udp.port

    async def candidates(self, controlling: bool, components: int = 1, restart: bool = False) -> sdp.Ice:
        """Our side of ICE, gathered with the first call. Raises MediaError."""
        if self._ice is None:
            transport: type[IceTransport] = needed("sipclient.media.ice").IceTransport
            self._ice = transport(
                self._engine, self._hosts, self._span, self._servers, self._public_address, self._flows, self._dscp
            )
            self._flowing = False
        ours = await self._ice.gather(controlling, components, restart)
        self._base = self._ice
        return ours

    def certificate(self) -> sdp.Dtls:
        """Our certificate, and the role we take: that of the association there is, else the one that begins."""
        role = None if self._dtls is None else self._dtls.role
        return sdp.Dtls(role or sdp.Setup.ACTIVE, (self._engine.certificate.fingerprint,))

    def keys(self) -> tuple[sdp.CryptoKey, ...]:
        """Our SDES keys, one a suite, drawn with the first call. They stay: a new key would begin anew."""
        if not self._keys:
            drawn = []
            for tag, name in enumerate(OFFERED, 1):
                suite = suite_named(name)
                length = suite.key + suite.salt
                drawn.append(sdp.CryptoKey(tag, name, self._engine.draw(8 * length).to_bytes(length, "big")))
            self._keys = tuple(drawn)
        return self._keys

    @property
    def host(self) -> str:
        """The address of the plain sockets, empty where there are none."""
        return "" if self._udp is None else self._udp.host

    @property
    def theirs(self) -> sdp.Ice | None:
        """The peer's side of ICE in use, None where there is none."""
        return None if self._ice is None else self._ice.theirs

    # --- as agreed ----------------------------------------------------------------------------------

    def agree(self, agreed: sdp.AudioStream) -> None:
        """Carry the stream as this agreement says, on what our description spoke of. Raises MediaError."""
        base = self._base
        if base is None:
            return
        moves = agreed.ice is not None and self._ice is not None and self._ice.would_move(agreed.ice)
        top = self._layered(base, agreed, moves)
        if self._udp is not None and base is self._udp:
            rtcp = (agreed.rtcp_host, agreed.rtcp_port) if agreed.rtcp_port else None
            self._udp.direct((agreed.host, agreed.port), rtcp, agreed.rtcp_mux)
            self._end_ice()
        elif self._ice is not None:
            if agreed.ice is None:
                self._ice.direct(agreed.host, agreed.port)
            else:
                self._ice.connect(agreed.ice, agreed.rtcp_mux)
            self._end_udp()
        if top is not self._top:
            self._ride(top)
        self._end_left()
        if self._dtls is not None and (base is self._udp or (self._flowing and not moves)):
            self._dtls.begin()

    def _layered(self, base: UdpTransport | IceTransport, agreed: sdp.AudioStream, moves: bool) -> PacketTransport:
        """What encrypts over this base: the layer there is, if it is of this kind. What it stands on may change, from
        one address to another, from ICE to none; the keys and their counts go on (RFC 8842 §3.1)."""
        if agreed.dtls is not None:
            dtls = self._dtls
            if dtls is None:
                made: type[DtlsTransport] = needed("sipclient.media.dtls").DtlsTransport
                dtls = made(base, self._engine.loop, self._engine.certificate)
            dtls.stand_on(base)
            dtls.agree(agreed.dtls, agreed.rtcp_mux, wait=moves)
            self._dtls, self._srtp = dtls, None
            return dtls
        if self._dtls is not None:
            self._dtls.abandon()
            self._dtls = None
        if agreed.crypto is not None:
            srtp = self._srtp
            if srtp is None:
                srtp = SrtpTransport(base)
            srtp.stand_on(base)
            srtp.rekey(*agreed.crypto)
            self._srtp = srtp
            return srtp
        self._srtp = None
        return base

    def _ride(self, top: PacketTransport) -> None:
        self._top = top
        self.send_rtp, self.send_rtcp = top.send_rtp, top.send_rtcp
        top.start(self._rtp, self._rtcp, self._fail)

    def _flows(self) -> None:
        self._flowing = True
        if self._dtls is not None:
            self._dtls.begin()

    def _end_udp(self) -> None:
        if self._udp is not None:
            self._udp.close()
            self._udp = None

    def _end_left(self) -> None:
        if self._left is not None:
            self._left.close()
            self._left = None

    def _end_ice(self) -> None:
        if self._ice is not None:
            self._ice.close()
            self._ended.append(self._ice)
            self._ice = None

    def _fail(self, reason: str) -> None:
        told, self._told = self._told, None
        if self._failed is not None:
            self._failed(reason)
        if told is not None:
            told(reason)


def _into_nothing(data: bytes | bytearray) -> None:
    """Before there is anything to send through."""
