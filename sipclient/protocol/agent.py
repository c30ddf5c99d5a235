"""The user agent: three ways in, one list out. Everything else in this room is reached from here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.message import (
    Request,
    Response,
    check,
    check_header_name,
    check_header_value,
    parse,
    salvage,
)
from sipclient.protocol.checks import (
    OWN,
    REGISTRARS,
    check_account,
    check_body,
    check_caller_id,
    check_headers,
    check_method,
    check_state,
    check_status,
    check_target,
    contact_text,
    uri_text,
)
from sipclient.protocol.core import Core, Limits
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import (
    AcceptSubscription,
    AddAccount,
    AddressChanged,
    Answer,
    AnswerOffer,
    Command,
    ConnectFailed,
    Effect,
    Flow,
    FlowClosed,
    FlowOpened,
    Follow,
    Hangup,
    InCallResponded,
    Input,
    Invite,
    Notify,
    Offer,
    Packet,
    Redirect,
    Reject,
    RemoveAccount,
    Resolved,
    Respond,
    Ring,
    SendInCall,
    SendRequest,
    Subscribe,
    Unsubscribe,
    Unwatch,
    Watch,
)
from sipclient.protocol.exchange import LARGE, Stack
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.inbound import Inbound
from sipclient.protocol.incoming import IncomingInvite
from sipclient.protocol.keepalive import PING, PONG
from sipclient.protocol.line import Line
from sipclient.protocol.notifier import Notifier
from sipclient.protocol.outgoing import OutgoingCall
from sipclient.protocol.plain import PlainRequest, PlainSubscription
from sipclient.protocol.refuse import refuse
from sipclient.protocol.station import Call, Station
from sipclient.protocol.watch import WatchUsage

_C = TypeVar("_C")


class UserAgent:
    """A SIP user agent without I/O: three ways in, one list out.

    `receive(input, now)`: the network spoke. `tick(now)`: a deadline passed. `do(command, now)`: the user spoke.
    Each returns every effect it caused, in order. `deadline` is the next moment at which `tick` must be called, or
    None. `now` is monotonic seconds and never goes back.
    """

    def __init__(
        self, identifiers: Identifiers, *, limits: Limits | None = None, user_agent: str = "sipclient"
    ) -> None:
        self._core = Core(identifiers, limits or Limits(), user_agent)
        self._stack = Stack(self._core)
        self._dialogs = Dialogs()
        self._stations: dict[str, Station] = {}
        self._inbound = Inbound(self._stack, self._dialogs, self._stations)
        self._commands: dict[type, Callable[[Any], None]] = {
            AddAccount: self._add_account,
            RemoveAccount: self._remove_account,
            Watch: self._watch,
            Unwatch: self._unwatch,
            Subscribe: self._subscribe,
            Unsubscribe: self._unwatch,
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
            SendRequest: self._send_request,
            Respond: self._respond,
            AcceptSubscription: self._accept_subscription,
            Notify: self._notify,
        }

    def __repr__(self) -> str:
        return (
            f"<UserAgent {len(self._stations)} accounts, {len(self._stack.transactions)} transactions, "
            f"{len(self._dialogs)} dialogs, {self._core.timers.live} timers>"
        )

    @property
    def deadline(self) -> float | None:
        """When `tick` must be called next, in the seconds of `now`; None: not at all."""
        return self._core.timers.deadline

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no transaction, no dialog, no timer."""
        return not len(self._stack.transactions) and not len(self._dialogs) and not self._core.timers.live

    # --- three ways in ------------------------------------------------------------------------------

    def receive(self, input: Input, now: float) -> list[Effect]:
        """The network spoke. Never raises, whatever the bytes."""
        self._core.now = now
        if isinstance(input, Packet):
            self._packet(input.data, input.flow)
        elif isinstance(input, Resolved):
            self._stack.flows.resolved(input)
        elif isinstance(input, FlowOpened):
            self._stack.flows.opened(input)
        elif isinstance(input, ConnectFailed):
            self._stack.flows.failed(input)
        elif isinstance(input, FlowClosed):
            self._stack.flows.closed(input.flow)
            self._flow_failed(input.flow, input.reason)
        elif isinstance(input, AddressChanged):
            for station in self._stations.values():
                station.address_changed(input)
        elif input.too_large:
            self._stack.transactions.too_large(input.flow, LARGE, input.reason)
        else:
            self._flow_failed(input.flow, input.reason)
        return self._finish(now)

    def tick(self, now: float) -> list[Effect]:
        """A deadline passed (or none did: calling too early is harmless)."""
        self._core.now = now
        return self._finish(now)

    def do(self, command: Command, now: float) -> list[Effect]:
        """The user spoke. InvalidValue where a value must not reach the wire; then nothing has changed.

        A command for an id that is unknown, or over by now, does nothing: it crossed the end.
        """
        self._core.now = now
        self._commands[type(command)](command)
        return self._finish(now)

    def _finish(self, now: float) -> list[Effect]:
        self._core.timers.run_due(now)
        return self._core.take()

    # --- the network --------------------------------------------------------------------------------

    def _packet(self, data: bytes, flow: Flow) -> None:
        if data[:1] <= b" " and not data.strip(b"\r\n\0 \t"):
            self._keepalive(data, flow)
            return
        if flow.reliable:
            self._stack.flows.open.add(flow)  # a peer connected to us
        message: Request | Response | None = None
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._response(message, flow)
            else:
                check(message, deciding=True)
                self._inbound.receive(message, flow)
        except MalformedMessage as error:
            self._malformed(data, flow, message, error)

    def _malformed(self, data: bytes, flow: Flow, message: Request | Response | None, error: MalformedMessage) -> None:
        """The border: what is broken is refused if it can be, and told, and that is all that happens."""
        self._core.trace(f"malformed message from {flow.remote_host}:{flow.remote_port}: {error}")
        if isinstance(message, Response) or not any(each.line.admits(flow) for each in self._stations.values()):
            return
        request = salvage(data)
        if request is None:
            return
        to, answer = refuse(request, flow, error.status, error.reason)
        transaction = self._stack.transactions.server_for(request)
        if transaction is None:  # else it is the broken copy of a request that is understood already
            self._core.send(to, answer)

    def _response(self, message: Response, flow: Flow) -> None:
        transaction = self._stack.transactions.client_for(message, flow)
        if transaction is None or message.hop.below:  # RFC 3261 §8.1.3.3: what has two is not for us
            self._core.trace(f"stray response {message.status} from {flow.remote_host}:{flow.remote_port}")
            return
        try:
            check(message, deciding=True)
        except MalformedMessage as error:
            if message.status >= 200:
                transaction.spoil(message, f"the answer is malformed: {error.reason}")
            raise
        transaction.respond(message)

    def _keepalive(self, data: bytes, flow: Flow) -> None:
        if not flow.reliable:
            return
        if data == PING:
            self._core.send(flow, PONG)
        elif data == PONG:
            for station in self._stations.values():
                station.keepalive.pong(flow)

    def _flow_failed(self, flow: Flow, reason: str) -> None:
        losing = [station for station in self._stations.values() if station.line.flow == flow]
        self._stack.transactions.flow_failed(flow, reason)  # which may move a line on to its next server
        for station in losing:
            station.flow_lost(flow, reason)

    # --- accounts -----------------------------------------------------------------------------------

    def _add_account(self, command: AddAccount) -> None:
        account = command.account
        if account.key in self._stations:
            raise InvalidValue(f"there is an account {account.key!r} already")
        check_account(account)
        line = Line(self._core, self._stack.flows, account)
        station = Station(self._stack, self._dialogs, line, self)
        self._stations[account.key] = station
        station.start()

    def _remove_account(self, command: RemoveAccount) -> None:
        station = self._stations.get(command.account)
        if station is not None:
            station.leave()

    def station_gone(self, station: Station) -> None:
        """A station has left (see Station)."""
        self._stations.pop(station.line.account.key, None)

    def _station(self, account: str) -> Station:
        station = self._stations.get(account)
        if station is None or station.line.removing:
            raise InvalidValue(f"there is no account {account!r}")
        return station

    # --- watches and subscriptions ------------------------------------------------------------------

    def _watch(self, command: Watch) -> None:
        station = self._station(command.account)
        check_target(station.line, command.extension)
        self._check_watch(command.id)
        usage = WatchUsage(self._stack, self._dialogs, station.line, station.window, command)
        station.watch(command.id, usage)

    def _subscribe(self, command: Subscribe) -> None:
        station = self._station(command.account)
        check_target(station.line, command.target)
        self._check_watch(command.id)
        check_header_value(command.accept, "accept")
        check_header_name(command.package)
        usage = PlainSubscription(self._stack, self._dialogs, station.line, station.window, command)
        station.watch(command.id, usage)

    def _check_watch(self, id: int) -> None:
        if any(id in station.watches for station in self._stations.values()):
            raise InvalidValue(f"there is a watch or subscription {id} already")

    def _unwatch(self, command: Unwatch | Unsubscribe) -> None:
        for station in self._stations.values():
            station.unwatch(command.id)

    # --- calls --------------------------------------------------------------------------------------

    def _invite(self, command: Invite) -> None:
        station = self._station(command.account)
        check_target(station.line, command.to)
        check_headers(command.headers)
        check_body(command.body, command.content_type)
        check_caller_id(station.line, command.caller_id)
        if self._call(command.id) is not None:
            raise InvalidValue(f"there is a call {command.id} already")
        call = OutgoingCall(self._stack, self._dialogs, station.line, station, command)
        station.calls[command.id] = call
        call.start()

    def _call(self, id: int) -> Call | None:
        for station in self._stations.values():
            if id in station.calls:
                return station.calls[id]
        return None

    def _follow(self, command: Follow) -> None:
        call = self._call(command.id)
        if isinstance(call, OutgoingCall):
            call.follow(uri_text(command.to))

    def _incoming(self, method: Callable[[IncomingInvite, _C], None], command: Any) -> None:
        check_headers(command.headers)
        check_header_value(getattr(command, "reason", ""), "reason")
        check_body(command.body, command.content_type)
        call = self._call(command.id)
        if isinstance(call, IncomingInvite):
            method(call, command)

    def _reject(self, command: Reject) -> None:
        check_headers(command.headers)
        check_header_value(command.reason, "reason")
        check_status(command.status, 300)
        call = self._call(command.id)
        notifier = self._notifier(command.id)
        if isinstance(call, IncomingInvite):
            call.reject(command)
        elif notifier is not None:
            notifier.reject(command)

    def _redirect(self, command: Redirect) -> None:
        contacts = []
        for contact in command.contacts:
            contacts.append(("Contact", f"<{contact_text(contact)}>"))
        call = self._call(command.id)
        if isinstance(call, IncomingInvite):
            call.reject(Reject(command.id, 302, headers=tuple(contacts)))

    def _hangup(self, command: Hangup) -> None:
        check_headers(command.headers)
        check_header_value(command.reason, "reason")
        call = self._call(command.id)
        if call is not None:
            call.hangup((*((("Reason", command.reason),) if command.reason else ()), *command.headers))

    def _offer(self, command: Offer) -> None:
        if command.method not in ("INVITE", "UPDATE"):
            raise InvalidValue(f"a description is offered by INVITE or UPDATE, not by {command.method!r}")
        check_body(command.body, command.content_type)
        call = self._call(command.id)
        if call is not None:
            call.offer(command.method, command.body, command.content_type)

    def _answer_offer(self, command: AnswerOffer) -> None:
        check_body(command.body, command.content_type)
        check_header_value(command.warning, "warning")
        call = self._call(command.id)
        if call is not None:
            call.answer_offer(command.status, command.body, command.content_type, command.warning)

    # --- requests -----------------------------------------------------------------------------------

    def _send_in_call(self, command: SendInCall) -> None:
        check_headers(command.headers)
        check_method(command.method)
        check_body(command.body, command.content_type)
        call = self._call(command.id)
        if call is None or not call.request(
            command.request, command.method, command.headers, command.body, command.content_type
        ):
            self._core.emit(InCallResponded(command.id, command.request, 481, "the call is not answered, or over"))

    def _send_request(self, command: SendRequest) -> None:
        station = self._station(command.account)
        check_target(station.line, command.to)
        check_headers(command.headers)
        check_method(command.method)
        check_body(command.body, command.content_type)
        PlainRequest(self._stack, station.line, command)

    def _respond(self, command: Respond) -> None:
        check_headers(command.headers, ours=OWN - REGISTRARS)
        check_header_value(command.reason, "reason")
        check_body(command.body, command.content_type)
        check_status(command.status, 200)
        self._inbound.respond(command)

    def _notifier(self, id: int) -> Notifier | None:
        for station in self._stations.values():
            if id in station.notifiers:
                return station.notifiers[id]
        return None

    def _accept_subscription(self, command: AcceptSubscription) -> None:
        notifier = self._notifier(command.id)
        if notifier is not None:
            notifier.accept(command.expires)

    def _notify(self, command: Notify) -> None:
        check_body(command.body, command.content_type)
        check_state(command.state, command.reason)
        notifier = self._notifier(command.id)
        if notifier is not None:
            notifier.notify(command)
