"""The seam between a stream and what carries its packets: plain UDP, SRTP over it, or ICE and DTLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Receiver: TypeAlias = Callable[[bytes, float], bool]
"""Takes one packet and the time it came (the loop's seconds). Says whether it was a good one, of a kind that
was agreed on: an unauthenticated transport takes the sender of a good packet for the peer, and nobody else.
It never raises, whatever the bytes are."""


class PacketTransport(Protocol):
    """Carries the RTP and RTCP of one stream; what it delivers is decrypted and, where it can be, authenticated.

    Counts: `dropped` packets that came and were not delivered (strangers, replays, forgeries), `unsent` packets
    that could not be sent.
    """

    @property
    def dropped(self) -> int: ...

    @property
    def unsent(self) -> int: ...

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        """Deliver packets from now on. `failed` is called once, with the reason in words, if no packet can
        ever come any more (no DTLS, a wrong fingerprint); a packet that is lost or refused is no failure.
        A second call replaces the first's receivers."""

    def send_rtp(self, data: bytes | bytearray) -> None:
        """Send an RTP packet now or never: it does not raise, block, or keep it for later. `data` is the
        transport's until it returns, and may be used again by the caller afterwards."""

    def send_rtcp(self, data: bytes) -> None:
        """Send an RTCP packet, in the same way."""

    def close(self) -> None:
        """Stop, and give everything back. Twice is harmless; what is sent afterwards counts as unsent."""


RTP_BEGINS = b"\x80"  # what RTP and RTCP begin with, or more; what else shares their ports begins with less (RFC 7983)
_RECORDS = range(20, 64)  # the first byte of DTLS (RFC 7983 §7)
_RTCP_TYPES = range(192, 224)  # the second byte of RTCP, and of no RTP payload type in use (RFC 5761 §4)


def is_rtcp(data: bytes) -> bool:
    """Whether a packet on a shared port is RTCP rather than RTP. RFC 5761 §4."""
    return len(data) > 1 and data[1] in _RTCP_TYPES


def is_record(data: bytes) -> bool:
    """Whether a packet on a shared port is a record of DTLS. RFC 7983 §7."""
    return len(data) > 0 and data[0] in _RECORDS


def nobody(data: bytes, at: float) -> bool:
    """The receiver before there is one."""
    return False
