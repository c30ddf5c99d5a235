"""The seam between calls and sound: what a call asks of its media, whatever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipclient.media.rtp_stream import RtpStream


class MediaSession(Protocol):
    """The media of one call. Descriptions go in and out as the bytes of an `application/sdp` body.

    Every method may raise MediaError, `answer` and `apply` also MalformedDescription; after either, what was
    agreed before still holds. After `close` nothing but `close` may be called.
    """

    @property
    def stream(self) -> RtpStream | None:
        """What flows, for whoever plays, records, or looks at the counts; None before there is anything."""

    async def offer(self, hold: bool | None = None) -> bytes:
        """Our offer, for an INVITE, a re-INVITE, or the 200 to an INVITE without one.

        `hold` True asks the peer to hear nothing of it, False resumes, None leaves it as it is.
        """

    def move(self, host: str) -> None:
        """Our local address is another one: the next description names `host` (an IP literal), and once it is
        agreed on, packets go from there. Until then all is as it was. Raises MediaError for what is no address."""

    async def answer(self, offer: bytes) -> bytes:
        """Our answer to an offer, first or later. Raises MediaError with every reason where there is none."""

    async def apply(self, answer: bytes) -> None:
        """The peer's answer to our last offer; one offer may get several (early media, then the answer)."""

    def watch(self, failed: Callable[[str], None]) -> None:
        """Call `failed` once, with the reason in words, if the media of this call come to an end for good: no
        way to the peer, no encryption with it, or not with whom it announced. The call is to be ended then."""

    async def close(self) -> None:
        """Stop and give everything back. Twice is harmless."""


class NoMedia:
    """`media = "none"`: signalling without any description."""

    stream: RtpStream | None = None

    async def offer(self, hold: bool | None = None) -> bytes:
        """Nothing is offered."""
        return b""

    def move(self, host: str) -> None:
        """Nothing is anywhere."""

    async def answer(self, offer: bytes) -> bytes:
        """Nothing is answered."""
        return b""

    async def apply(self, answer: bytes) -> None:
        """Nothing follows."""

    def watch(self, failed: Callable[[str], None]) -> None:
        """Nothing can fail."""

    async def close(self) -> None:
        """Nothing was open."""
