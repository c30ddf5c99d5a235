"""What goes into a negotiation, and what comes out: an agreement, or reasons in words."""

from __future__ import annotations

import msgspec

from sipclient.sdp.codecs import PCMA, PCMU, TELEPHONE_EVENT, Codec
from sipclient.sdp.description import Direction, SessionDescription


class Capabilities(msgspec.Struct, frozen=True):
    """What our side can do, and where it listens.

    `address` is an IP literal and `port` the RTP port, both as the peer shall see them; `rtcp_port` 0 means
    the port above. `codecs` is in order of preference. `session_id` and `version` go into our o= line: they
    are drawn by whoever asks (RFC 8866 §5.2 wants them unique, and below 2**63 for the peers' sake).
    `ptime` is milliseconds of sound in a packet.
    """

    address: str
    port: int
    session_id: int
    version: int = 1
    rtcp_port: int = 0
    codecs: tuple[Codec, ...] = (PCMU, PCMA, TELEPHONE_EVENT)
    direction: Direction = Direction.SENDRECV
    ptime: int = 20

    @property
    def family(self) -> str:
        """`IP4` or `IP6`, by the address."""
        return "IP6" if ":" in self.address else "IP4"


class Reason(msgspec.Struct, frozen=True):
    """One thing that stands in the way, in words for an administrator, and the line of the peer's
    description it stands on (from 1; 0 where no line is to blame, because something is missing)."""

    text: str
    line: int = 0

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class Refusal(msgspec.Struct, frozen=True):
    """No call can come of this description. `reasons` has at least one."""

    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.reasons))


class AudioStream(msgspec.Struct, frozen=True):
    """The sound both sides agreed on.

    We send `codec` as `payload_type`, `ptime` milliseconds a packet, to `host` and `port`; `event_type` is
    the payload type for our key presses, None where the peer takes none. `receives` says what each payload
    type that may come to us means. `direction` is ours. RTCP goes to `rtcp_host` and `rtcp_port`.
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
