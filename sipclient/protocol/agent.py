"""The user agent: three ways in, one list out. Everything else in this room is reached from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

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
from sipclient.presence import State
from sipclient.protocol.call_commands import CallCommands
from sipclient.protocol.checks import (
    OWN,
    REGISTRARS,
    check_account,
    check_body,
    check_headers,
    check_method,
    check_state,
    check_status,
)
from sipclient.protocol.core import Core
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import (
    AcceptSubscription,
    AddAccount,
    AddressChanged,
    Command,
    ConnectFailed,
    Effect,
    Flow,
    FlowClosed,
    FlowOpened,
    Input,
    Notify,
    Packet,
    RemoveAccount,
    Resolved,
    Respond,
    SendRequest,
    Subscribe,
    Unsubscribe,
    Unwatch,
    Watch,
)
from sipclient.protocol.exchange import LARGE, Stack
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.inbound import Inbound
from sipclient.protocol.keepalive import PING, PONG
from sipclient.protocol.limits import Limits
from sipclient.protocol.line import Line
from sipclient.protocol.parts import unwrap
from sipclient.protocol.plain import PlainRequest, PlainSubscription
from sipclient.protocol.refuse import refuse
from sipclient.protocol.station import Station, notifier_of, station_of
from sipclient.protocol.transfer_commands import TransferCommands
from sipclient.protocol.watch import WatchUsage
from sipclient.protocol.wellformed import mended


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
            SendRequest: self._send_request,
            Respond: self._respond,
            AcceptSubscription: self._accept_subscription,
            Notify: self._notify,
            **CallCommands(self._stack, self._dialogs, self._stations).commands,
            **TransferCommands(self._core, self._dialogs, self._stations).commands,
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

    def subscriptions(self) -> Iterator[tuple[str, str, str]]:
        """Account, event package and state of every subscription of ours: `active` (the notifier holds it), `asking`,
        `waiting` (for its turn, or for the next try) or `refused`."""
        for account, station in self._stations.items():
            for usage in station.watches.values():
                for each in usage.subscriptions:
                    yield account, each.package, each.state

    def states(self) -> Iterator[tuple[str, State]]:
        """Account and merged state of every extension that is watched."""
        for account, station in self._stations.items():
            for usage in station.watches.values():
                if isinstance(usage, WatchUsage):
                    yield account, usage.state

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
        if (not data or data[0] <= 32) and not data.strip(b"\r\n\0 \t"):
            self._keepalive(data, flow)
            return
        if flow.transport != "udp":
            self._stack.flows.open.add(flow)  # a peer connected to us
        message: Request | Response | None = None
        try:
            message = parse(data)
            if message.body:
                unwrap(message)
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
        if transaction is None:
            self._core.trace(f"stray response {message.status} from {flow.remote_host}:{flow.remote_port}")
            return
        try:
            check(message, deciding=True)
        except MalformedMessage as error:
            if not mended(message):
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

    # --- watches and subscriptions ------------------------------------------------------------------

    def _watch(self, command: Watch) -> None:
        station = station_of(self._stations, command.account)
        _ = station.line.target_uri(command.extension)
        self._check_watch(command.id)
        usage = WatchUsage(self._stack, self._dialogs, station.line, station.window, command)
        station.watch(command.id, usage)

    def _subscribe(self, command: Subscribe) -> None:
        station = station_of(self._stations, command.account)
        _ = station.line.target_uri(command.target)
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

    # --- requests -----------------------------------------------------------------------------------

    def _send_request(self, command: SendRequest) -> None:
        station = station_of(self._stations, command.account)
        _ = station.line.target_uri(command.to)
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

    def _accept_subscription(self, command: AcceptSubscription) -> None:
        notifier = notifier_of(self._stations, command.id)
        if notifier is not None:
            notifier.accept(command.expires)

    def _notify(self, command: Notify) -> None:
        check_body(command.body, command.content_type)
        check_state(command.state, command.reason)
        notifier = notifier_of(self._stations, command.id)
        if notifier is not None:
            notifier.notify(command)
