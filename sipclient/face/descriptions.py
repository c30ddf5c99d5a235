"""The descriptions of one call: they reach its media in the order they came, and what media say goes out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from sipclient.errors import CallFailed, MediaError, SipError
from sipclient.face.asking import Line, News
from sipclient.face.voice import Voice
from sipclient.media import MediaSession
from sipclient.protocol.causes import cause_of
from sipclient.protocol.events import AnswerOffer, CallEnded, Offer

NO_MEDIA = "INCOMPATIBLE_DESTINATION"  # the cause of a call whose media cannot be

_CROSSED = 491  # an offer of the far end was under way (RFC 3261 §14.1)
_PAUSES = (0.25, 0.5, 1.0, 2.0)  # seconds before ours is made again then

OpenMedia: TypeAlias = Callable[[], Awaitable[MediaSession]]

log = logging.getLogger("sipclient")


class Described(Protocol):
    """The call, as its descriptions see it."""

    id: int
    end: CallEnded | None

    def hangup(self, cause: str | int | None = None) -> None:
        """End it."""

    def media_failed(self, reason: str) -> None:
        """Its media came to an end for good."""


class Descriptions:
    """`media` are opened when first asked for; `open_media` None: a call without any."""

    def __init__(self, call: Described, line: Line, news: News, voice: Voice, open_media: OpenMedia | None) -> None:
        self.media: MediaSession | None = None
        self.held = False  # by us
        self.none = open_media is None
        self._call = call
        self._line = line
        self._news = news
        self._voice = voice
        self._open = open_media
        self._turn = asyncio.Lock()
        self._applied = b""

    async def describe(self, offer: bytes) -> bytes:
        """Our answer to an offer, or our offer where that is empty; b"" without media. Raises MediaError."""
        async with self._turn:
            if self._open is None or self._call.end is not None:
                return b""
            if self.media is None:
                self.media = await self._open()
                self.media.watch(self._call.media_failed)
            try:
                body = await self.media.answer(offer) if offer else await self.media.offer()
                self._voice.attach(self.media.stream)
                return body
            finally:
                if self._call.end is not None:
                    await self.media.close()

    def close(self) -> None:
        """The call ended."""
        if self.media is not None:
            self._line.spawn(self.media.close())

    async def settled(self) -> None:
        """Until the descriptions that came so far have reached the media."""
        await asyncio.sleep(0)  # the task that carries the latest takes its place in the queue first
        async with self._turn:
            pass

    # --- the peer describes -------------------------------------------------------------------------

    def hear(self, body: bytes) -> None:
        """An answer, or none. The 200 repeats the description of the 183 (RFC 3261 §13.2.1); twice is no news."""
        if not self.none and body and body != self._applied:
            self._applied = body
            self._line.spawn(self._apply(body))

    def hear_offer(self, body: bytes) -> None:
        """An offer in the call, or the wish for one of ours."""
        self._line.spawn(self._answer(body))

    async def _apply(self, body: bytes) -> None:
        async with self._turn:
            if self.media is None or self._call.end is not None:
                return
            try:
                await self.media.apply(body)
            except SipError as error:
                # Described in a way we cannot live with: nothing is left but to go (RFC 3261 §13.2.2.4).
                log.warning("%r: the answer cannot be used, hanging up: %s", self._call, error)
                self._call.hangup(NO_MEDIA)

    async def _answer(self, offer: bytes) -> None:
        try:
            body = await self.describe(offer)
        except SipError as error:
            if self._call.end is None:
                self._line.do(AnswerOffer(self._call.id, status=488, warnings=error.warnings))
            return
        if self._call.end is None:
            self._line.do(AnswerOffer(self._call.id, body))

    # --- we describe anew ---------------------------------------------------------------------------

    async def offer_from(self, host: str) -> None:
        """Our address changed: the peer hears where we are, and media are described again, and go on from there."""
        try:
            if self.media is not None and host:
                self.media.move(host)
            await self._offer(None)
        except SipError as error:
            if self._call.end is None:
                log.warning("%r: the far end could not be told our new address %s: %s", self._call, host, error)

    async def hold(self, hold: bool) -> None:
        """Hold the far end, or take it back. Raises CallFailed where it refuses, MediaError without any sound.

        Cancelling whoever waits changes nothing of what the far end was told.
        """
        done: asyncio.Future[SipError | None] = asyncio.get_running_loop().create_future()
        self._line.spawn(self._hold(hold, done))
        if (error := await done) is not None:
            raise error
        await self.settled()

    async def _hold(self, hold: bool, done: asyncio.Future[SipError | None]) -> None:
        error: SipError | None = MediaError("the client was closed")  # which cancels this
        try:
            await self._offer(hold)
            error = None
        except SipError as refused:
            error = refused
        finally:
            if not done.done():
                done.set_result(error)

    async def _offer(self, hold: bool | None) -> None:
        """Offer, until it is answered. Raises CallFailed where that is a refusal; all is as it was then."""
        for pause in (*_PAUSES, 0.0):
            await self.settled()
            async with self._turn:
                status, reason = await self._offered(hold)
            if status != _CROSSED or not pause:
                break
            await asyncio.sleep(pause)
        if status >= 300 or not status:
            raise CallFailed(status, cause_of(status)[0], reason)

    async def _offered(self, hold: bool | None) -> tuple[int, str]:
        if self.media is None or self._call.end is not None:
            raise MediaError("only an answered call with sound can be held and resumed")
        body = await self.media.offer(hold)
        answer = self._news.offer_answer()
        self._line.do(Offer(self._call.id, body))
        outcome = await answer
        if outcome is not None and outcome.status < 300:
            self.held = self.held if hold is None else hold
        elif self._call.end is None and hold is not None:
            await self.media.offer(self.held)  # nothing is sent of it: what we want is as it was
        return (outcome.status, outcome.reason) if outcome is not None else (0, "the call ended")
