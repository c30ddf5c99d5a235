"""The course of a call: what the engine says of it, how far it is, and who waits until it is further.

Nothing here awaits: that is left to `sipclient.call`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec

from sipclient.face.causes import q850_of, reason_of, unsent
from sipclient.face.connected_line import ConnectedLine
from sipclient.face.descriptions import NO_MEDIA, OpenMedia
from sipclient.face.subclassed import mypyc_attr
from sipclient.face.within import Within
from sipclient.message import Response
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Calling,
    Command,
    Event,
    Follow,
    Hangup,
    InCallRequest,
    InCallResponded,
    OfferAnswered,
    OfferReceived,
    OfferWanted,
    Redirected,
    Ringing,
    TransferProgress,
)

log = logging.getLogger("sipclient")


class CallState(StrEnum):
    """How far a call is. It only ever moves forward, and may skip any but the last."""

    PREPARING = "preparing"  # nothing was sent yet: media are made ready, the server is looked up
    CALLING = "calling"  # the INVITE left: this is when the call is placed
    RINGING = "ringing"  # 180
    EARLY = "early"  # sound before the answer
    ANSWERED = "answered"
    ENDED = "ended"


_ORDER: Final[dict[CallState, int]] = {state: order for order, state in enumerate(CallState)}


class Line(Protocol):
    """What a call needs of its client."""

    def do(self, command: Command) -> None:
        """Give the engine a command."""

    def tell(self, event: Event) -> None:
        """Treat an event of the shell's own as if the engine had given it."""

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something slow; the client owns the task and awaits it."""


def follow_none(contact: str) -> bool:
    """Where a call may go is not the peer's to decide (RFC 3261 §8.1.3.4)."""
    return False


@mypyc_attr(allow_interpreted_subclasses=True)
class Course:
    """A call, placed by us or answered by us, as the engine's events make it; `Call` is what users get of it."""

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
        self.call_id = ""
        self.name = ""  # the user's own id for it, or for the bridge it belongs to
        self.variables: Mapping[str, str] = MappingProxyType({})
        self.state = CallState.PREPARING
        self.status = 0
        self.cause = ""
        self.reason = ""
        self.contacts: tuple[str, ...] = ()  # where the last 3xx pointed
        self.answered_at: datetime | None = None
        self.end: CallEnded | None = None
        self.identity: tuple[str, ...] = ()  # of the account: by which headers a far end is told who talks
        self._line = line
        self._follow = follow
        self._open_media = open_media
        self._placed = False
        self._failure = ""  # why the media ended, where that ended the call
        self._history: list[CallState] = []
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []  # until when, and who
        self._answer: Response | None = None  # the latest response to our INVITE
        self._made: Within | None = None

    def __repr__(self) -> str:
        cause = f" {self.cause}" if self.cause else ""
        return f"<Call {self.id} {self.to!r} {self.state}{cause}>"

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
            self._line.tell(unsent(self.id, "ORIGINATOR_CANCEL", "hung up before it was placed"))

    @property
    def connected_line(self) -> ConnectedLine:
        """Who talks at the far end, and what that is told of who talks here."""
        return self._within.connected_line

    @property
    def _within(self) -> Within:
        if self._made is None:
            self._made = Within(self, self._line, self._open_media)
            self._made.connected_line.identity = self.identity
            self._made.connected_line.answered(self._answer)
            if self.end is not None:
                self._made.close()
        return self._made

    def received(self, call_id: str) -> None:
        """This call is an incoming one, and rings nowhere yet."""
        self._placed = True
        self.call_id = call_id
        self._advance(CallState.CALLING)

    def media_failed(self, reason: str) -> None:
        """The media came to an end for good: a call that nobody can hear is ended, and says why."""
        if self.end is None:
            log.warning("%r: hanging up: %s", self, reason)
            self._failure = reason
            self._line.do(Hangup(self.id, reason_of(NO_MEDIA, reason)))

    # --- how far it is ------------------------------------------------------------------------------

    def _until(self, state: CallState, further: int = 0) -> asyncio.Future[None]:
        """Done once the call has come to a state, or so much further: ringing wakes nobody who waits for the answer."""
        order = _ORDER[state] + further
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if _ORDER[self.state] >= order:
            waiter.set_result(None)
            return waiter
        if self._waiting:
            self._waiting = [each for each in self._waiting if not each[1].done()]  # without who gave up
        self._waiting.append((order, waiter))
        return waiter

    def _advance(self, state: CallState) -> None:
        order = _ORDER[state]
        if order <= _ORDER[self.state]:
            return
        self.state = state
        self._history.append(state)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for wanted, waiter in waiting:
                if wanted > order:
                    self._waiting.append((wanted, waiter))
                elif not waiter.done():
                    waiter.set_result(None)

    # --- what the engine says -----------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        """Take in what the engine says of this call."""
        heard = _HEARD.get(type(event))
        if heard is not None:
            heard(self, event)

    def _calling(self, event: Calling) -> None:
        self.call_id = event.call_id
        self._advance(CallState.CALLING)

    def _ringing(self, event: Ringing) -> None:
        self.status, self.reason = event.status, event.reason
        self._responded(event.response)
        self._hear(event.body)
        if event.body or event.status == 180:
            self._advance(CallState.EARLY if event.body else CallState.RINGING)

    def _redirected(self, event: Redirected) -> None:
        self.contacts = event.contacts
        to = next((contact for contact in event.contacts if self._follow(contact)), None)
        if to is not None:
            self._line.do(Follow(self.id, to))
        else:
            self._line.do(Hangup(self.id))

    def _answered(self, event: Answered) -> None:
        self._responded(event.response)
        if event.offer:
            self._within.descriptions.hear_offer(event.body)
        else:
            self._hear(event.body)
        if self.answered_at is None:
            self.status = 200
            self.reason = event.response.reason if event.response is not None else "OK"
            self.answered_at = datetime.now(UTC)
            self._advance(CallState.ANSWERED)

    def _over(self, event: CallEnded) -> None:
        if self._failure and event.by == "local":
            event = msgspec.structs.replace(event, cause=NO_MEDIA, q850=q850_of(NO_MEDIA), reason=self._failure)
        self.end = event
        self.status = 200 if event.answered else event.status
        self.cause, self.reason = event.cause, event.reason
        self._advance(CallState.ENDED)
        self._answer = None
        if self._made is not None:
            self._made.close()

    def _offered(self, event: OfferReceived) -> None:
        self._within.descriptions.hear_offer(event.body)

    def _offer_wanted(self, event: OfferWanted) -> None:
        self._line.spawn(self._within.descriptions.offer_from(event.local_host))

    def _offer_answered(self, event: OfferAnswered) -> None:
        if event.status < 300:
            self._hear(event.body)
        self._within.news.offer_answered(event)

    def _in_call_responded(self, event: InCallResponded) -> None:
        self._within.news.responded(event)

    def _transfer_progressed(self, event: TransferProgress) -> None:
        self._within.news.progressed(event)

    def _requested(self, event: InCallRequest) -> None:
        self._within.keypad.heard(event)
        self._within.connected_line.heard(event)

    def _responded(self, response: Response | None) -> None:
        self._answer = response
        if self._made is not None:
            self._made.connected_line.answered(response)

    def _hear(self, body: bytes) -> None:
        if body:
            self._within.descriptions.hear(body)


_HEARD: Final[dict[type, Callable[[Course, Any], None]]] = {
    Calling: Course._calling,
    Ringing: Course._ringing,
    Redirected: Course._redirected,
    Answered: Course._answered,
    CallEnded: Course._over,
    OfferReceived: Course._offered,
    OfferWanted: Course._offer_wanted,
    OfferAnswered: Course._offer_answered,
    InCallResponded: Course._in_call_responded,
    TransferProgress: Course._transfer_progressed,
    InCallRequest: Course._requested,
}
