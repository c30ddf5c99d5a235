"""A call's plain RTP: ports, offer and answer, and the stream that follows from them."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import msgspec

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media.engine import RtpEngine
from sipclient.media.rtp_stream import RtpStream
from sipclient.media.udp import UdpTransport

_SESSION_BITS = 31  # an id for the o= line that also fits those who keep it in 32 bits with a sign
_DEFAULT = (sdp.PCMU, sdp.PCMA, sdp.TELEPHONE_EVENT)


class RtpSession:
    """G.711 over RTP/AVP: sends silence, and counts what comes.

    `host` is the local address to bind, an IP literal; `public_address` is what peers are told in its place.
    `ports` is the range for RTP and RTCP, both ends included, (0, 0) for the system's choice. `codecs` are
    names, in order of preference; none means PCMU, PCMA and telephone-event. Sessions of one process share
    an `engine`; one made without has its own. Raises MediaError for a codec that RTP here does not have, and
    for addresses nobody can send to.
    """

    def __init__(
        self,
        host: str,
        *,
        ports: tuple[int, int] = (0, 0),
        public_address: str = "",
        codecs: Sequence[str] = (),
        engine: RtpEngine | None = None,
    ) -> None:
        self._host = host
        self._span = ports
        self._told = _reachable(host, public_address)
        self._codecs = _known(codecs)
        self._engine = engine
        self._hold = False
        self._closed = False
        self._transport: UdpTransport | None = None
        self._stream: RtpStream | None = None
        self._capabilities: sdp.Capabilities | None = None
        self._sent: sdp.SessionDescription | None = None  # the last description of ours, offer or answer
        self._offered: sdp.SessionDescription | None = None  # the last that was an offer

    @property
    def stream(self) -> RtpStream | None:
        """What flows, once there is an agreement: for its counts."""
        return self._stream

    async def offer(self, hold: bool | None = None) -> bytes:
        """Our offer; see MediaSession."""
        if hold is not None:
            self._hold = hold
        self._sent = self._offered = sdp.make_offer(self._able(), self._sent)
        return bytes(self._sent)

    async def answer(self, offer: bytes) -> bytes:
        """Our answer to an offer; see MediaSession."""
        result = sdp.negotiate(sdp.parse(offer), self._able())
        if isinstance(result, sdp.Refusal):
            raise MediaError(str(result))
        description = result.description if self._sent is None else sdp.revise(self._sent, result.description)
        self._sent = description
        self._agree(result.stream)
        return bytes(description)

    async def apply(self, answer: bytes) -> None:
        """The peer's answer to our last offer; see MediaSession."""
        if self._closed or self._offered is None:
            raise MediaError("an answer came, and nothing was offered")
        result = sdp.accept(self._offered, sdp.parse(answer))
        if isinstance(result, sdp.Refusal):
            raise MediaError(str(result))
        self._agree(result.stream)

    async def close(self) -> None:
        """Say goodbye, stop, and give the ports back."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _able(self) -> sdp.Capabilities:
        """What we can do, with the ports bound. Raises MediaError where none is free."""
        if self._closed:
            raise MediaError("the media of this call are closed")
        if self._engine is None:
            self._engine = RtpEngine(asyncio.get_running_loop())
        if self._capabilities is None:
            self._transport = UdpTransport(self._engine.loop, self._engine.open_ports(self._host, self._span))
            self._capabilities = sdp.Capabilities(
                self._told,
                self._transport.port,
                self._engine.draw(_SESSION_BITS),
                codecs=self._codecs,
                rtcp_mux=False,
            )
            self._stream = RtpStream(self._engine, self._transport)
        direction = sdp.Direction.SENDONLY if self._hold else sdp.Direction.SENDRECV
        return msgspec.structs.replace(self._capabilities, direction=direction)

    def _agree(self, agreed: sdp.AudioStream) -> None:
        if self._stream is not None and self._transport is not None:
            rtcp = (agreed.rtcp_host, agreed.rtcp_port) if agreed.rtcp_port else None
            self._transport.direct((agreed.host, agreed.port), rtcp, agreed.rtcp_mux)
            self._stream.agree(agreed)


def _reachable(host: str, public_address: str) -> str:
    try:
        bound, told = ipaddress.ip_address(host), ipaddress.ip_address(public_address or host)
    except ValueError as error:
        raise MediaError(f"media need an IP address: {error}") from None
    if told.is_unspecified:
        raise MediaError(f"nobody can send media to {told}: set local, or public_address")
    if bound.version != told.version:
        raise MediaError(f"media bound to {bound} cannot be reached at {told}: one is IPv4, the other IPv6")
    return str(told)


def _known(names: Sequence[str]) -> tuple[sdp.Codec, ...]:
    codecs = []
    for name in names:
        codec = sdp.codec_named(name)
        if codec not in _DEFAULT:
            known = ", ".join(known.name for known in _DEFAULT)
            raise MediaError(f"codec {name!r} is not available with plain RTP, which has {known}")
        codecs.append(codec)
    if names and all(codec.is_event for codec in codecs):
        raise MediaError("the codecs leave nothing for speech: add PCMU or PCMA")
    return tuple(codecs) or _DEFAULT
