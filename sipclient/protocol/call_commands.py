"""What the user may say of calls: each command is checked, then given to the call it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from sipclient.errors import InvalidValue
from sipclient.message import check_call_id, check_header_value
from sipclient.protocol.checks import (
    check_body,
    check_headers,
    check_method,
    check_status,
    contact_text,
    uri_text,
)
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import (
    Answer,
    AnswerOffer,
    Follow,
    Hangup,
    InCallResponded,
    Invite,
    Offer,
    Redirect,
    Refresh,
    Reject,
    Ring,
    SendInCall,
)
from sipclient.protocol.exchange import Stack
from sipclient.protocol.incoming import IncomingInvite
from sipclient.protocol.outgoing import OutgoingCall
from sipclient.protocol.station import Station, call_of, notifier_of, station_of

_C = TypeVar("_C")


class CallCommands:
    """The commands of calls. One for a call that is unknown, or over by now, does nothing: it crossed the end."""

    def __init__(self, stack: Stack, dialogs: Dialogs, stations: dict[str, Station]) -> None:
        self._stack = stack
        self._dialogs = dialogs
        self._stations = stations
        self.commands: Mapping[type, Callable[[Any], None]] = MappingProxyType(
            {
                Invite: self._invite,
                Follow: self._follow,
                Ring: partial(self._incoming, IncomingInvite.ring),
                Answer: partial(self._incoming, IncomingInvite.answer),
                Reject: self._reject,
                Redirect: self._redirect,
                Hangup: self._hangup,
                Offer: self._offer,
                AnswerOffer: self._answer_offer,
                SendInCall: self._send_in_call,
                Refresh: self._refresh,
            }
        )

    def _invite(self, command: Invite) -> None:
        station = station_of(self._stations, command.account)
        line = station.line
        _ = line.target_uri(command.to)
        check_headers(command.headers)
        check_body(command.body, command.content_type)
        _ = line.identities.of(command.caller_id, private=command.private)
        if command.call_id:
            check_call_id(command.call_id)
        id = command.id
        if call_of(self._stations, id) is not None:
            raise InvalidValue(f"there is a call {id} already")
        call = station.calls[id] = OutgoingCall(self._stack, self._dialogs, line, station, command)
        call.start()

    def _follow(self, command: Follow) -> None:
        call = call_of(self._stations, command.id)
        if isinstance(call, OutgoingCall):
            call.follow(uri_text(command.to))

    def _incoming(self, method: Callable[[IncomingInvite, _C], None], command: Any) -> None:
        check_headers(command.headers)
        check_header_value(getattr(command, "reason", ""), "reason")
        check_body(command.body, command.content_type)
        call = call_of(self._stations, command.id)
        if isinstance(call, IncomingInvite):
            method(call, command)

    def _reject(self, command: Reject) -> None:
        check_headers(command.headers)
        check_header_value(command.reason, "reason")
        check_status(command.status, 300)
        call = call_of(self._stations, command.id)
        notifier = notifier_of(self._stations, command.id)
        if isinstance(call, IncomingInvite):
            call.reject(command)
        elif notifier is not None:
            notifier.reject(command)

    def _redirect(self, command: Redirect) -> None:
        contacts = []
        for contact in command.contacts:
            contacts.append(("Contact", f"<{contact_text(contact)}>"))
        call = call_of(self._stations, command.id)
        if isinstance(call, IncomingInvite):
            call.reject(Reject(command.id, 302, headers=tuple(contacts)))

    def _hangup(self, command: Hangup) -> None:
        check_headers(command.headers)
        check_header_value(command.reason, "reason")
        call = call_of(self._stations, command.id)
        if call is not None:
            call.hangup((*((("Reason", command.reason),) if command.reason else ()), *command.headers))

    def _offer(self, command: Offer) -> None:
        if command.method not in ("INVITE", "UPDATE"):
            raise InvalidValue(f"a description is offered by INVITE or UPDATE, not by {command.method!r}")
        check_body(command.body, command.content_type)
        call = call_of(self._stations, command.id)
        if call is not None:
            call.offer(command.method, command.body, command.content_type)

    def _answer_offer(self, command: AnswerOffer) -> None:
        check_body(command.body, command.content_type)
        call = call_of(self._stations, command.id)
        if call is not None:
            call.answer_offer(command.status, command.body, command.content_type, command.warnings)

    def _refresh(self, command: Refresh) -> None:
        check_headers(command.headers)
        call = call_of(self._stations, command.id)
        session = call.talking if call is not None else None
        if session is not None:
            session.offers.tell(command.headers)

    def _send_in_call(self, command: SendInCall) -> None:
        check_headers(command.headers)
        check_method(command.method)
        check_body(command.body, command.content_type)
        call = call_of(self._stations, command.id)
        if call is None or not call.request(
            command.request, command.method, command.headers, command.body, command.content_type
        ):
            self._stack.core.emit(
                InCallResponded(command.id, command.request, 481, "the call is not answered, or over")
            )
