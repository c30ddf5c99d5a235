"""Everything a client has under way with a beginning and an end: calls, requests, and who waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

import msgspec

from sipclient.call import Call
from sipclient.errors import Unreachable
from sipclient.face.descriptions import OpenMedia
from sipclient.face.incoming import Incoming, IncomingCall, take_place
from sipclient.face.placing import Manner, Placement
from sipclient.face.referred import follow_transfer
from sipclient.face.sessions import SessionFactory
from sipclient.face.tasks import Tasks
from sipclient.message import Response
from sipclient.protocol import events
from sipclient.protocol.account import Account
from sipclient.protocol.events import CallEnded, Command, Event, Invite, SendRequest

LATER = "4"  # seconds after which a caller that found us overloaded may try again

InCall: TypeAlias = (
    events.Calling
    | events.Ringing
    | events.Redirected
    | events.Answered
    | events.OfferReceived
    | events.OfferWanted
    | events.OfferAnswered
    | events.InCallRequest
    | events.InCallResponded
    | events.TransferProgress
)


class Switchboard:
    """The calls and requests of a client, and the readers of incoming calls.

    `do` gives the engine a command; `tell` makes the client dispatch an event of our own as the engine's.
    """

    def __init__(
        self,
        do: Callable[[Command], None],
        tell: Callable[[Event], None],
        accounts: Mapping[str, Account],
        session: SessionFactory,
        follow: Callable[[str], bool],
        next_id: Callable[[], int],
    ) -> None:
        self.do = do
        self.tell = tell
        self.tasks = Tasks()
        self.calls: dict[int, Call] = {}
        self.incoming: list[Incoming] = []
        self.closing = False
        self._accounts = accounts
        self._session = session
        self._follow = follow
        self._next_id = next_id
        self._requests: dict[int, asyncio.Future[Response]] = {}
        self._local_hosts: dict[str, str] = {}
        in_call: dict[type, Callable[[Any], None]] = dict.fromkeys(get_args(InCall), self._in_call)
        self.handlers: Mapping[type, Callable[[Any], None]] = MappingProxyType(
            in_call
            | {
                events.CallEnded: self._call_ended,
                events.IncomingCall: self._incoming_call,
                events.TransferAsked: self._transfer_asked,
                events.Responded: self._responded,
                events.ServerChanged: self._server_changed,
            }
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something slow; it is awaited, or cancelled, when the client closes."""
        self.tasks.spawn(work)

    def dial(self, placement: Placement) -> Call:
        """Place a call.

        Raises InvalidValue for what must not reach the wire, where that shows at once.
        """
        invite, manner = placement.invite, placement.manner
        account = self._accounts[invite.account]
        if manner.codecs:
            account = msgspec.structs.replace(account, codecs=manner.codecs)
        call = Call(self, invite.id, account.key, invite.to, self._opener(account, manner.media, ""), self._follow)
        call.identity = account.identity
        call.name, call.variables = manner.name, manner.variables
        self.calls[call.id] = call
        try:
            call.place(invite)
        except BaseException:
            self.calls.pop(call.id, None)
            raise
        return call

    def read_incoming(self, account: str | None) -> Incoming:
        """A reader of the calls for one account, or for all."""
        stream = Incoming(account, self.incoming.remove)
        self.incoming.append(stream)
        return stream

    async def request(self, command: SendRequest) -> Response:
        """Send a request and wait for its final response. Raises Unreachable where none came."""
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._requests[command.request] = answer
        try:
            self.do(command)
            return await answer
        finally:
            del self._requests[command.request]

    def end_all(self) -> None:
        """The client closes: what is still under way ends here, whatever the network said."""
        for call in tuple(self.calls.values()):
            answered = call.answered_at is not None
            why = "the client was closed"
            self.tell(CallEnded(call.id, 0, "NORMAL_CLEARING", 16, why, "local", answered))
        for answer in self._requests.values():
            if not answer.done():
                answer.set_exception(Unreachable("the client was closed before an answer came"))
        for stream in self.incoming:
            stream.end()

    def _opener(self, account: Account, media: str, local_host: str) -> OpenMedia | None:
        kind = media or account.media
        if kind == "none":
            return None
        return partial(self._session, account, kind, local_host or self._local_hosts.get(account.key, ""))

    # --- what the engine says -----------------------------------------------------------------------

    def _in_call(self, event: InCall) -> None:
        call = self.calls.get(event.id)
        if call is not None:
            call.handle(event)

    def _call_ended(self, event: CallEnded) -> None:
        call = self.calls.pop(event.id, None)
        if call is not None:
            call.handle(event)

    def _incoming_call(self, event: events.IncomingCall) -> None:
        replaces = self.calls.get(event.replaces) if event.replaces is not None else None
        if replaces is not None and replaces.bridged and not self.closing:
            self.spawn(take_place(self._arrived(event, replaces), replaces))
            return
        readers = [each for each in self.incoming if each.hears(event.account)]
        if not readers or self.closing:
            self.do(events.Reject(event.id, 480))
            return
        reader = next((each for each in readers if each.has_room()), None)
        if reader is None:  # RFC 3261 §21.5.4: too many at once, which has nothing to do with whether anybody is there
            self.do(events.Reject(event.id, 503, headers=(("Retry-After", LATER),)))
            return
        reader.put(self._arrived(event, replaces))

    def _arrived(self, event: events.IncomingCall, replaces: Call | None) -> IncomingCall:
        account = self._accounts[event.account]
        opener = self._opener(account, "", event.flow.local_host)
        call = Call(self, event.id, account.key, str(event.request.to.uri), opener)
        call.identity = account.identity
        call.received(event.request.call_id)
        self.calls[call.id] = call
        return IncomingCall(self, account.key, event.request, call, replaces)

    def _transfer_asked(self, event: events.TransferAsked) -> None:
        call = self.calls.get(event.id)
        if call is None or self.closing or not self._follow(event.to):
            self.do(events.AnswerTransfer(event.request, 603))
            return
        self.spawn(follow_transfer(event, call, lambda asked: self._dial_for(call, asked), self.do))

    def _dial_for(self, call: Call, asked: events.TransferAsked) -> Call:
        """The call that the far end of another asks for, on the same account."""
        invite = Invite(self._next_id(), call.account, asked.to, headers=asked.headers)
        return self.dial(Placement(invite, Manner(name=call.name, variables=call.variables)))

    def _responded(self, event: events.Responded) -> None:
        answer = self._requests.get(event.request)
        if answer is None or answer.done():
            return
        if event.response is None:
            answer.set_exception(Unreachable(event.reason or "no answer"))
        else:
            answer.set_result(event.response)

    def _server_changed(self, event: events.ServerChanged) -> None:
        self._local_hosts[event.account] = event.flow.local_host
