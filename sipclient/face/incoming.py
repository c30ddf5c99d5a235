"""Calls that reach us, and who takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from sipclient.call import Call
from sipclient.errors import CallFailed, InvalidValue, MalformedDescription, MediaError, SipError
from sipclient.face.causes import q850_of, reason_of
from sipclient.face.course import Line
from sipclient.face.streams import Stream
from sipclient.message import Headers, NameAddr, Request, SipUri, TelUri
from sipclient.protocol.build import warning_headers
from sipclient.protocol.causes import NAMES, STATUS_OF_CAUSE
from sipclient.protocol.events import Answer, Redirect, Reject, Ring
from sipclient.protocol.events import Headers as HeaderList

UNREAD = 512  # calls that may wait for a reader, twice what one reading of a socket brings; the next ones get 503


class IncomingCall:
    """A call that waits to be answered, refused or redirected. `call` follows its state from the start.

    `replaces` is the call whose place it is to take (RFC 3891): that ends when this one is answered.
    """

    def __init__(self, line: Line, account: str, request: Request, call: Call, replaces: Call | None = None) -> None:
        self.account = account
        self.request = request
        self.call = call
        self.replaces = replaces
        self.digits = ""  # what the caller keyed in before it was handed on (`digits` of [[incoming]])
        self._line = line

    def __repr__(self) -> str:
        return f"<IncomingCall from {self.caller!r} for {self.account!r} {self.call.state}>"

    @property
    def from_(self) -> NameAddr:
        """The From header: who calls, as the caller says."""
        return self.request.from_

    @property
    def to(self) -> NameAddr:
        """The To header: whom was called."""
        return self.request.to

    @property
    def headers(self) -> Headers:
        """Every header of the INVITE."""
        return self.request.headers

    @property
    def caller(self) -> str:
        """The caller's number or user name; the whole URI where it has none."""
        uri = self.from_.uri
        if isinstance(uri, SipUri):
            return uri.user or str(uri)
        return uri.number if isinstance(uri, TelUri) else str(uri)

    @property
    def caller_name(self) -> str:
        """The caller's display name, empty where none was sent."""
        return self.from_.display_name

    def ring(self, headers: HeaderList = ()) -> None:
        """Let the caller hear that it rings (180)."""
        if self.call.end is None:
            self._line.do(Ring(self.call.id, headers=headers))

    async def answer(self, headers: HeaderList = ()) -> Call:
        """Answer, and wait until the caller acknowledged it.

        Raises CallFailed where the caller gave up before, MediaError or MalformedDescription where its offer
        cannot be answered (the caller then got 488 and the reasons). Cancelling whoever waits hangs up.
        """
        call = self.call
        try:
            body = await call.describe(self.request.body)
            if call.end is not None:
                raise CallFailed(call.status, call.cause, call.reason)
            self._line.do(Answer(call.id, headers, body))
            return await call.answered()
        except (MediaError, MalformedDescription) as error:
            if call.end is None:
                self._line.do(Reject(call.id, 488, headers=warning_headers("sipclient", error.warnings)))
            raise
        except BaseException:
            call.hangup()
            raise

    def reject(self, why: int | str = 486, reason: str = "") -> None:
        """Refuse with a status (400 to 699) or a hangup cause (`USER_BUSY`); else InvalidValue. A cause is told in a
        Reason header too, where it has a number (RFC 3326); one that no status stands for is 480."""
        status: int | None = None
        headers: HeaderList = ()
        if isinstance(why, str) and why.upper() in NAMES:
            status = STATUS_OF_CAUSE.get(why.upper(), 480)
            headers = (("Reason", reason_of(why)),) if q850_of(why.upper()) else ()
        elif not isinstance(why, str):
            status = why
        if status is None or not 400 <= status <= 699:
            raise InvalidValue(f"{why!r} is neither a refusing status (400 to 699) nor a hangup cause")
        if self.call.end is None:
            self._line.do(Reject(self.call.id, status, reason, headers=headers))

    def redirect(self, *contacts: str) -> None:
        """Send the caller elsewhere (302). Raises InvalidValue for what is no URI."""
        if self.call.end is None:
            self._line.do(Redirect(self.call.id, contacts))


async def take_place(incoming: IncomingCall, replaced: Call) -> None:
    """Answer a call that is to replace one of a bridge (RFC 3891 §3): it is joined in its place, whoever reads."""
    before, replaced.successor = replaced.successor, incoming.call
    try:
        await incoming.answer()
    except SipError:  # the caller gave up, or offered what cannot be answered, and was told so
        replaced.successor = before


class Incoming(Stream[IncomingCall]):
    """The calls for one account, or for all: each goes to one reader. Closing refuses those that wait."""

    def __init__(self, account: str | None, on_close: Callable[[Incoming], None]) -> None:
        super().__init__("incoming calls", UNREAD, lambda: on_close(self))
        self._account = account

    def hears(self, account: str) -> bool:
        """Whether calls for this account are put here."""
        return self._account in (None, account)

    def has_room(self) -> bool:
        """Whether one more may wait: a reader that lags too far takes no more. Who gave up waits no longer."""
        if len(self._items) >= self._limit:
            self._items = deque(each for each in self._items if each.call.end is None)
        return len(self._items) < self._limit

    async def __anext__(self) -> IncomingCall:
        while True:
            call = await super().__anext__()
            if call.call.end is None:  # whoever gave up while waiting is no news
                return call

    async def aclose(self) -> None:
        """Stop listening; who still waits gets 480."""
        waiting: Iterable[IncomingCall] = tuple(self._items)
        await super().aclose()
        for call in waiting:
            call.reject(480)
