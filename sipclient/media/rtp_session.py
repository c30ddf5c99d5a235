"""The media of a call: offers, answers, and the stream that follows from them, whatever carries it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence

import msgspec

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media.carrier import Carrier, has_extra
from sipclient.media.engine import RtpEngine
from sipclient.media.ice_servers import NO_SERVERS, IceServers
from sipclient.media.loading import OF_DTLS, OF_ICE, OF_SRTP, load
from sipclient.media.ports import EF
from sipclient.media.repertoire import Repertoire
from sipclient.media.rtp_stream import RtpStream
from sipclient.sdp.bundle import carriers
from sipclient.sdp.ice import ice_of

_SESSION_BITS = 31  # an id for the o= line that also fits those who keep it in 32 bits with a sign
_STREAM_BITS = 64
_RANKS = {"srflx": 0, "host": 1, "relay": 2}  # what a peer without ICE is told: what works for most


class RtpSession:
    """One call's sound over plain RTP, SDES-SRTP, or DTLS-SRTP, with or without ICE.

    `kind` is what our offers ask for: `rtp`, `srtp` or `webrtc`. Offers of the peer's are answered whatever
    they ask for; only a session of the kind `srtp` refuses to go without encryption.

    `host` is the local address to bind, an IP literal; `public_address` is what peers are told in its place,
    and `also` are further local addresses: for ICE, and for peers of the other IP version. `ports` is the range
    for RTP and RTCP, both ends included, (0, 0) for the system's choice. `codecs` are names, in order of
    preference; none means what fits. Packets leave with this `dscp`, 0 to 63.
    Sessions of one process share an `engine`; one made without has its own.
    Raises MediaError for a codec there is not, and for addresses nobody can send to.
    """

    def __init__(
        self,
        host: str,
        *,
        kind: str = "rtp",
        also: Sequence[str] = (),
        ports: tuple[int, int] = (0, 0),
        public_address: str = "",
        servers: IceServers = NO_SERVERS,
        codecs: Sequence[str] = (),
        engine: RtpEngine | None = None,
        dscp: int = EF,
    ) -> None:
        _reachable(host, public_address)
        self._hosts = (host, *also)
        self._ports = ports
        self._dscp = dscp
        self._public_address = public_address
        self._servers = servers
        self._security = sdp.Security(kind)
        self._repertoire = Repertoire.of(codecs, kind)
        self._engine = engine
        self._hold = False
        self._closed = False
        self._watcher: Callable[[str], None] | None = None
        self._failure = ""
        self._carrier: Carrier | None = None
        self._stream: RtpStream | None = None
        self._identity: sdp.Capabilities | None = None  # what stays the same in all our descriptions
        self._sent: sdp.SessionDescription | None = None  # the last description of ours, offer or answer
        self._offered: sdp.SessionDescription | None = None  # the last that was an offer
        self._agreed: sdp.AudioStream | None = None

    @property
    def stream(self) -> RtpStream | None:
        """What flows, once there is an agreement: for its counts."""
        return self._stream

    def watch(self, failed: Callable[[str], None]) -> None:
        """Tell of the end of the media; see MediaSession."""
        self._watcher = failed
        if self._failure:
            failed(self._failure)

    async def offer(self, hold: bool | None = None) -> bytes:
        """Our offer; see MediaSession."""
        if hold is not None:
            self._hold = hold
        agreed = self._agreed
        if agreed is None:
            modern = self._security is sdp.Security.DTLS
            keyed = self._security is sdp.Security.SDES
            asked = sdp.Wants(modern, modern, keyed, rtcp_mux=modern)
        else:
            asked = sdp.Wants(
                agreed.ice is not None, agreed.dtls is not None, agreed.crypto is not None, agreed.rtcp_mux
            )
        if (asked.ice or asked.dtls or asked.sdes) and not has_extra():
            raise MediaError(f"media {self._security} needs the extra: pip install 'sipclient[media]'")
        offer = sdp.make_offer(await self._able(asked, offering=True), self._sent)
        checked = sdp.negotiate(offer)  # as one would who can do everything: what is refused so, nobody takes
        if isinstance(checked, sdp.Refusal):
            raise MediaError(f"no peer could take our own offer: {checked}", checked.warnings)
        self._sent = self._offered = offer
        return bytes(offer)

    def move(self, host: str) -> None:
        """Another local address; see MediaSession."""
        _reachable(host, self._public_address)
        self._hosts = (host, *(each for each in self._hosts[1:] if each != host))
        if self._carrier is not None:
            self._carrier.move(self._hosts)

    async def answer(self, offer: bytes) -> bytes:
        """Our answer to an offer; see MediaSession."""
        parsed = sdp.parse(offer)
        asked = sdp.wants(parsed)
        lacking = (asked.ice or asked.dtls or asked.sdes) and not has_extra()
        if lacking:
            asked = sdp.Wants(rtcp_mux=asked.rtcp_mux, family=asked.family)
        result = sdp.negotiate(parsed, await self._able(asked, offering=False, theirs=_ice_of(parsed)))
        if isinstance(result, sdp.Refusal):
            hint = ((399, "encrypted media need the extra: pip install 'sipclient[media]'"),) if lacking else ()
            text = "; ".join([str(result), *(words for _, words in hint)])
            raise MediaError(text, (*hint, *result.warnings))
        description = result.description if self._sent is None else sdp.revise(self._sent, result.description)
        await load(self._repertoire.libraries(result.stream.codec))
        self._agree(result.stream)
        self._sent = description
        return bytes(description)

    async def apply(self, answer: bytes) -> None:
        """The peer's answer to our last offer; see MediaSession."""
        if self._closed or self._offered is None:
            raise MediaError("an answer came, and nothing was offered")
        result = sdp.accept(self._offered, sdp.parse(answer))
        if isinstance(result, sdp.Refusal):
            raise MediaError(str(result), result.warnings)
        await load(self._repertoire.libraries(result.stream.codec))
        self._agree(result.stream)

    async def close(self) -> None:
        """Say goodbye, stop, and give the ports back."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()
        if self._carrier is not None:
            self._carrier.close()
            await self._carrier.closed()

    async def _able(self, asked: sdp.Wants, offering: bool, theirs: sdp.Ice | None = None) -> sdp.Capabilities:
        """What we can do of what is asked, with sockets bound and candidates gathered for it. Raises MediaError."""
        if self._closed:
            raise MediaError("the media of this call are closed")
        await load((*OF_ICE * asked.ice, *OF_DTLS * asked.dtls, *OF_SRTP * (asked.dtls or asked.sdes)))
        carrier, same = self._ready()
        host = self._host_for(asked.family, carrier.host)
        ice = None
        if asked.ice:
            before = carrier.theirs
            restart = theirs is not None and before is not None and theirs.restarts(before)
            components = 1 if asked.rtcp_mux else 2
            ice = await carrier.candidates(offering, components, restart)
            if self._closed:
                raise MediaError("the call ended while its media were made ready")
        address, port, rtcp_port = (
            _default_of(ice, asked.family) if ice is not None else (self._told(host), carrier.ports(host), 0)
        )
        return msgspec.structs.replace(
            same,
            address=address,
            port=port,
            rtcp_port=rtcp_port,
            codecs=self._codecs(offering),
            direction=sdp.Direction.SENDONLY if self._hold else sdp.Direction.SENDRECV,
            crypto=carrier.keys() if asked.sdes else (),
            dtls=carrier.certificate() if asked.dtls else None,
            ice=ice,
        )

    def _host_for(self, family: str, before: str) -> str:
        """Our address that a peer of this IP version reaches, as far as we have one; where nothing is said of it, one
        like that which was used `before`."""
        six = family == "IP6" if family else ":" in (before or self._hosts[0])
        return next((host for host in self._hosts if (":" in host) == six), self._hosts[0])

    def _told(self, host: str) -> str:
        """What peers are told in its place."""
        same = not self._public_address or (":" in self._public_address) == (":" in host)
        return _reachable(host, self._public_address if same else "")

    def _codecs(self, offering: bool) -> tuple[sdp.Codec, ...]:
        if not offering:
            return self._repertoire.taken
        return self._repertoire.offered if self._agreed is None else self._repertoire.again(self._agreed.codec)

    def _ready(self) -> tuple[Carrier, sdp.Capabilities]:
        if self._carrier is None or self._identity is None:
            if self._engine is None:
                self._engine = RtpEngine(asyncio.get_running_loop())
            draw = self._engine.draw
            self._carrier = Carrier(
                self._engine, self._hosts, self._ports, self._servers, self._public_address, self._failed, self._dscp
            )
            self._stream = RtpStream(self._engine, self._carrier)
            self._identity = sdp.Capabilities(
                self._told(self._hosts[0]),
                0,
                draw(_SESSION_BITS),
                security=self._security,
                encrypt=self._security is sdp.Security.SDES,
                ssrc=self._stream.ssrc,  # without it Chromium cannot tell whose packets these are
                cname=self._stream.cname,
                stream_id=f"{draw(_STREAM_BITS):016x}",
            )
        return self._carrier, self._identity

    def _agree(self, agreed: sdp.AudioStream) -> None:
        if self._stream is not None and self._carrier is not None:
            self._carrier.agree(agreed)
            self._agreed = agreed
            self._stream.agree(agreed)

    def _failed(self, reason: str) -> None:
        self._failure = reason
        if self._watcher is not None and not self._closed:
            self._watcher(reason)


def _ice_of(offer: sdp.SessionDescription) -> sdp.Ice | None:
    """The ICE credentials of the audio of an offer."""
    found = (ice_of(media) for media in carriers(offer))
    return next((ice for ice in found if ice is not None), None)


def _default_of(ice: sdp.Ice, family: str) -> tuple[str, int, int]:
    """What c=, m= and the rtcp attribute name: the address that works for most peers without ICE, of their
    family if we have it. RFC 8839 §4.2.1.2."""
    of_rtp = [each for each in ice.candidates if each.component == 1]
    best = min(of_rtp, key=lambda each: (each.family != (family or each.family), _RANKS.get(each.kind, 3)))
    rtcp = (each for each in ice.candidates if each.component == 2 and (each.kind, each.host) == (best.kind, best.host))
    return best.host, best.port, next((each.port for each in rtcp), 0)


def _reachable(host: str, public_address: str) -> str:
    try:
        bound, told = ipaddress.ip_address(host), ipaddress.ip_address(public_address or host)
    except ValueError as error:
        raise MediaError(f"media need an IP address: {error}") from None
    if told.is_unspecified:
        raise MediaError(f"nobody can send media to {told}: set local, or public_address")
    if bound.version != told.version:
        raise MediaError(f"media bound to {bound} cannot be reached at {told}: one is IPv4, the other IPv6")
    return str(told).partition("%")[0]  # the zone of a link-local address means something here only (RFC 4007 §11.2)
