"""One call, as the user of the library sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, TypeAlias

import msgspec

from sipclient.errors import CallFailed, InvalidValue, SipError
from sipclient.media import MediaSession
from sipclient.protocol.causes import BY_Q850
from sipclient.protocol.events import (
    Answered,
    AnswerOffer,
    CallEnded,
    Calling,
    Command,
    Event,
    Follow,
    Hangup,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    OfferWanted,
    Redirected,
    Ringing,
)

FAREWELL = 2.0  # seconds that leaving a call waits for its end; the engine goes on without us
NO_MEDIA = "INCOMPATIBLE_DESTINATION"  # the cause of a call whose media cannot be
_Q850 = MappingProxyType({name: number for number, name in BY_Q850.items()})


log = logging.getLogger("sipclient")


class CallState(StrEnum):
    """How far a call is. It only ever moves forward, and may skip any but the last."""

    PREPARING = "preparing"  # nothing was sent yet: media are made ready, the server is looked up
    CALLING = "calling"  # the INVITE left: this is when the call is placed
    RINGING = "ringing"  # 180
    EARLY = "early"  # sound before the answer
    ANSWERED = "answered"
    ENDED = "ended"


_ORDER = tuple(CallState)


class Line(Protocol):
    """What a call needs of its client."""

    def do(self, command: Command) -> None:
        """Give the engine a command."""

    def tell(self, event: Event) -> None:
        """Treat an event of the shell's own as if the engine had given it."""

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something slow; the client owns the task and awaits it."""


OpenMedia: TypeAlias = Callable[[], Awaitable[MediaSession]]


def reason_of(cause: str | int | None) -> str:
    """The value of a Reason header (RFC 3326) for a hangup cause, by name or Q.850 number; empty for None.

    Raises InvalidValue for a name that has no number.
    """
    if cause is None:
        return ""
    if isinstance(cause, int):
        if not 1 <= cause <= 127:
            raise InvalidValue(f"{cause} is no Q.850 cause: those go from 1 to 127")
        name = BY_Q850.get(cause, "")
        return f'Q.850;cause={cause};text="{name}"' if name else f"Q.850;cause={cause}"
    number = _Q850.get(cause.upper())
    if number is None:
        raise InvalidValue(f"{cause!r} is no hangup cause with a Q.850 number, such as USER_BUSY")
    return f'Q.850;cause={number};text="{cause.upper()}"'


def follow_none(contact: str) -> bool:
    """Where a call may go is not the peer's to decide (RFC 3261 §8.1.3.4)."""
    return False


class Call:
    """A call, placed by us or answered by us.

    `async for state in call` gives every state from the first on, however late it is begun, and ends with
    `ended`. `status` is the last SIP status heard, `cause` the hangup cause by FreeSWITCH name once it ended.
    """

    def __init__(
        self,
        line: Line,
        id: int,
        account: str,
        to: str,
        open_media: OpenMedia | None,
        follow: Callable[[str], bool] = follow_none,
    ) -> None:
        self.id = id
        self.account = account
        self.to = to
        self.media: MediaSession | None = None
        self.call_id = ""
        self.state = CallState.PREPARING
        self.status = 0
        self.cause = ""
        self.reason = ""
        self.contacts: tuple[str, ...] = ()  # where the last 3xx pointed
        self.answered_at: datetime | None = None
        self.end: CallEnded | None = None
        self._line = line
        self._open = open_media
        self._follow = follow
        self._placed = False
        self._error: SipError | None = None
        self._failure = ""  # why the media ended, where that ended the call
        self._history: list[CallState] = []
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()  # descriptions reach the media in the order they came
        self._applied = b""

    def __repr__(self) -> str:
        cause = f" {self.cause}" if self.cause else ""
        return f"<Call {self.id} {self.to!r} {self.state}{cause}>"

    # --- for the user -------------------------------------------------------------------------------

    async def answered(self) -> Call:
        """Wait for the answer. Raises CallFailed where none came, or what kept it from being placed."""
        while self.answered_at is None and self.end is None:
            await self._changed.wait()
        if self.answered_at is not None:
            return self
        raise self._error or CallFailed(self.status, self.cause, self.reason)

    async def ended(self) -> CallEnded:
        """Wait for the end, answered or not: its status, cause, Q.850 number, and who ended it."""
        while self.end is None:
            await self._changed.wait()
        return self.end

    def hangup(self, cause: str | int | None = None) -> None:
        """End the call in whatever state it is; `ended` follows. `cause` goes into a Reason header.

        Raises InvalidValue for a cause that has no Q.850 number. Hanging up what has ended does nothing.
        """
        reason = reason_of(cause)
        if self.end is not None:
            return
        if self._placed:
            self._line.do(Hangup(self.id, reason))
        else:
            self._line.tell(_unsent(self.id, "ORIGINATOR_CANCEL", "hung up before it was placed"))

    async def __aiter__(self) -> AsyncIterator[CallState]:
        told = 0
        while True:
            while told < len(self._history):
                told += 1
                yield self._history[told - 1]
            if self.end is not None:
                return
            await self._changed.wait()

    async def __aenter__(self) -> Call:
        try:
            return await self.answered()
        except BaseException:
            self.hangup()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hangup()
        if self.end is None:  # the alarm alone costs 5 µs
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self.ended()

    # --- for the client -----------------------------------------------------------------------------

    def place(self, invite: Invite) -> None:
        """Send the INVITE as soon as the media have an offer for it; InvalidValue where that is at once."""
        if self._open is None:
            self._placed = True
            self._line.do(invite)
        else:
            self._line.spawn(self._offer(invite))

    def received(self, call_id: str) -> None:
        """This call is an incoming one, and rings nowhere yet."""
        self._placed = True
        self.call_id = call_id
        self._advance(CallState.CALLING)

    def handle(self, event: Event) -> None:
        """Take in what the engine says of this call."""
        match event:
            case Calling():
                self.call_id = event.call_id
                self._advance(CallState.CALLING)
            case Ringing():
                self.status, self.reason = event.status, event.reason
                self._hear(event.body)
                if event.body or event.status == 180:
                    self._advance(CallState.EARLY if event.body else CallState.RINGING)
            case Redirected():
                self._redirected(event)
            case Answered():
                self._picked_up(event)
            case OfferReceived():
                self._line.spawn(self._answer_offer(event.body))
            case OfferWanted():
                self._line.spawn(self._offer_anew())
            case OfferAnswered() if event.status < 300:
                self._hear(event.body)
            case CallEnded():
                self._over(event)

    def _advance(self, state: CallState) -> None:
        if _ORDER.index(state) > _ORDER.index(self.state):
            self.state = state
            self._history.append(state)
            self._changed.set()  # who waits now is woken; who waits later waits for the next state
            self._changed.clear()

    def _picked_up(self, event: Answered) -> None:
        if event.offer:
            self._line.spawn(self._answer_offer(event.body))
        else:
            self._hear(event.body)
        if self.answered_at is None:
            self.status = 200
            self.reason = event.response.reason if event.response is not None else "OK"
            self.answered_at = datetime.now(UTC)
            self._advance(CallState.ANSWERED)

    def _redirected(self, event: Redirected) -> None:
        self.contacts = event.contacts
        to = next((contact for contact in event.contacts if self._follow(contact)), None)
        if to is not None:
            self._line.do(Follow(self.id, to))
        else:
            self._line.do(Hangup(self.id))

    def _over(self, event: CallEnded) -> None:
        if self._failure and event.by == "local":
            event = msgspec.structs.replace(event, reason=self._failure)
        self.end = event
        self.status = 200 if event.answered else event.status
        self.cause, self.reason = event.cause, event.reason
        self._advance(CallState.ENDED)
        if self.media is not None:
            self._line.spawn(self.media.close())

    # --- descriptions -------------------------------------------------------------------------------

    async def describe(self, offer: bytes) -> bytes:
        """Our answer to an offer, or our offer where that is empty; b"" without media. Raises MediaError."""
        async with self._turn:
            if self._open is None or self.end is not None:
                return b""
            if self.media is None:
                self.media = await self._open()
                self.media.watch(self._media_failed)
            try:
                return await self.media.answer(offer) if offer else await self.media.offer()
            finally:
                if self.end is not None:
                    await self.media.close()

    def _media_failed(self, reason: str) -> None:
        """The media came to an end for good: a call that nobody can hear is ended, and says why."""
        if self.end is None:
            log.warning("%r: hanging up: %s", self, reason)
            self._failure = reason
            self._line.do(Hangup(self.id, f'Q.850;cause={_Q850[NO_MEDIA]};text="{_quoted(reason)}"'))

    async def _offer(self, invite: Invite) -> None:
        try:
            body = await self.describe(b"")
            if self.end is None:
                self._placed = True
                self._line.do(msgspec.structs.replace(invite, body=body))
        except SipError as error:
            self._error = error
            cause = "INVALID_NUMBER_FORMAT" if isinstance(error, InvalidValue) else "REQUESTED_CHAN_UNAVAIL"
            if self.end is None:
                self._line.tell(_unsent(self.id, cause, str(error)))

    async def _offer_anew(self) -> None:
        """Our address changed: the peer hears where we are, and media are described again."""
        try:
            body = await self.describe(b"")
        except SipError as error:
            log.warning("%r: no description to offer from the new address: %s", self, error)
            return
        if self.end is None:
            self._line.do(Offer(self.id, body))

    def _hear(self, body: bytes) -> None:
        # The 200 repeats the description of the 183 (RFC 3261 §13.2.1); the same twice is no news.
        if self._open is not None and body and body != self._applied:
            self._applied = body
            self._line.spawn(self._apply(body))

    async def _apply(self, body: bytes) -> None:
        async with self._turn:
            if self.media is None or self.end is not None:
                return
            try:
                await self.media.apply(body)
            except SipError as error:
                # Described in a way we cannot live with: nothing is left but to go (RFC 3261 §13.2.2.4).
                log.warning("%r: the answer cannot be used, hanging up: %s", self, error)
                self.hangup(NO_MEDIA)

    async def _answer_offer(self, offer: bytes) -> None:
        try:
            body = await self.describe(offer)
        except SipError as error:
            if self.end is None:
                self._line.do(AnswerOffer(self.id, status=488, warnings=error.warnings))
            return
        if self.end is None:
            self._line.do(AnswerOffer(self.id, body))


def _quoted(words: str) -> str:
    """Words as they may stand between the quotes of a header."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in words)


def _unsent(id: int, cause: str, reason: str) -> CallEnded:
    """The end of a call whose INVITE never left."""
    return CallEnded(id, 0, cause, _Q850.get(cause, 0), reason, "local", False)


class Dialling:
    """What `client.call(...)` gives. Nothing is sent before it is awaited or entered.

    Awaited, it is the answered Call; entered, leaving hangs up. Cancelling whoever waits cancels the call.
    """

    def __init__(self, place: Callable[[], Awaitable[Call]]) -> None:
        self._place = place
        self._call: Call | None = None

    def __await__(self) -> Generator[Any, None, Call]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Call:
        self._call = await self._place()
        return await self._call.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._call is not None:
            await self._call.__aexit__(kind, error, trace)
