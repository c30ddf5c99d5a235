"""What goes into a negotiation, and what comes out: an agreement, or reasons in words."""

from __future__ import annotations

import msgspec

from sipclient.sdp.codecs import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, Codec
from sipclient.sdp.description import Direction, SessionDescription
from sipclient.sdp.ice import Candidate, Ice
from sipclient.sdp.security import CryptoKey, Dtls, Fingerprint, Security, Setup

# The best first: what a WebRTC endpoint of ours speaks.
WEBRTC_CODECS = (OPUS, G722, PCMU, PCMA, TELEPHONE_EVENT)


class Capabilities(msgspec.Struct, frozen=True):
    """What our side can do, and where it listens.

    Without an address it is a question: `negotiate(offer, Capabilities())` says what would come of an offer if
    everything sipclient can do were at hand, with an address and keys that stand for real ones.

    `address` is an IP literal and `port` the RTP port, both as the peer shall see them; `rtcp_port` 0 means
    the port above. `codecs` is in order of preference. `session_id` and `version` go into our o= line: they
    are drawn by whoever asks (RFC 8866 §5.2 wants them unique, and below 2**63 for the peers' sake).
    `ptime` is milliseconds of sound in a packet.

    `security` is what an offer of ours asks for. An offer of the peer's is taken whatever it asks for, of what
    we have: `crypto`, our SDES keys, one a suite, the best first; `dtls`, our certificates and the role we take
    where the peer leaves us the choice; `ice`, our credentials and candidates. What is empty or None we cannot
    do. `encrypt` refuses offers that would leave the sound unencrypted. `rtcp_mux`: we can take RTCP on the
    port of RTP. `ssrc`, `cname` and `stream_id` are told to WebRTC peers, where they are set.
    """

    address: str = ""
    port: int = 49170
    session_id: int = 1
    version: int = 1
    rtcp_port: int = 0
    codecs: tuple[Codec, ...] = (PCMU, PCMA, TELEPHONE_EVENT)
    direction: Direction = Direction.SENDRECV
    ptime: int = 20
    security: Security = Security.PLAIN
    crypto: tuple[CryptoKey, ...] = ()
    dtls: Dtls | None = None
    ice: Ice | None = None
    rtcp_mux: bool = True
    encrypt: bool = False
    ssrc: int = 0
    cname: str = ""
    stream_id: str = ""

    @property
    def family(self) -> str:
        """`IP4` or `IP6`, by the address."""
        return "IP6" if ":" in self.address else "IP4"

    @classmethod
    def webrtc(cls, address: str, port: int, session_id: int, fingerprint: str, ufrag: str, pwd: str) -> Capabilities:
        """What a browser needs of us: opus and G.711 over DTLS-SRTP and ICE, with one host candidate.

        `fingerprint` is that of our certificate, as in `sha-256 AB:CD:...`; `ufrag` (4 characters or more) and
        `pwd` (22 or more) are drawn at random for each call.
        """
        algorithm, _, value = fingerprint.partition(" ")
        return cls(
            address,
            port,
            session_id,
            codecs=WEBRTC_CODECS,
            security=Security.DTLS,
            dtls=Dtls(Setup.ACTPASS, (Fingerprint(algorithm.lower(), value.strip().upper()),)),
            ice=Ice(
                ufrag,
                pwd,
                (Candidate("1", 1, "udp", 2130706431, address, port, "host"),),
                end_of_candidates=True,
            ),
        )


class Wants(msgspec.Struct, frozen=True):
    """What an offer asks of us that has to be prepared before it can be answered: certificates, keys,
    candidates. `family` is `IP4` or `IP6`, empty where the offer names no address. `rtcp_mux`: it takes RTCP
    on the port of RTP."""

    ice: bool = False
    dtls: bool = False
    sdes: bool = False
    rtcp_mux: bool = False
    family: str = ""


class AudioStream(msgspec.Struct, frozen=True):
    """The sound both sides agreed on.

    We send `codec` as `payload_type`, `ptime` milliseconds a packet, to `host` and `port`; `event_type` is
    the payload type for our key presses, None where the peer takes none. `receives` says what each payload
    type that may come to us means. `direction` is ours. RTCP goes to `rtcp_host` and `rtcp_port`; with
    `rtcp_mux` that is where RTP goes, and `rtcp_rsize` allows reports of reduced size (RFC 5506).

    `crypto` is the pair of SDES keys: ours encrypts what we send, theirs decrypts what comes. `dtls` has our
    role (ACTIVE or PASSIVE) and their certificates, `ice` is their side of ICE. Where all three are None the
    sound travels as plain RTP to `host` and `port`.

    `events` are the payload types and clock rates of all telephone-event agreed on, `comfort_noise` is the
    payload type of CN, `fmtp` what the peer says of the codec (names in lower case). `mid` is the stream's
    name in the description, `audio_level` is the id of that RTP header extension (RFC 6464).
    """

    codec: Codec
    payload_type: int
    event_type: int | None
    receives: tuple[tuple[int, Codec], ...]
    direction: Direction
    ptime: int
    host: str
    port: int
    rtcp_host: str
    rtcp_port: int
    crypto: tuple[CryptoKey, CryptoKey] | None = None
    dtls: Dtls | None = None
    ice: Ice | None = None
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    events: tuple[tuple[int, int], ...] = ()
    comfort_noise: int | None = None
    fmtp: tuple[tuple[str, str], ...] = ()
    mid: str = ""
    audio_level: int | None = None

    @property
    def samples(self) -> int:
        """Timestamp ticks in a packet of ours."""
        return self.codec.clock * self.ptime // 1000


class Answer(msgspec.Struct, frozen=True):
    """Our answer to an offer, and the stream that follows from it."""

    description: SessionDescription
    stream: AudioStream


class Accepted(msgspec.Struct, frozen=True):
    """The stream that follows from the peer's answer to our offer."""

    stream: AudioStream
