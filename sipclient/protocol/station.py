"""Everything one account does in the engine: its line, registration, keep-alive and usages, from start to leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from sipclient.errors import InvalidValue
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import AccountRemoved, AddressChanged, CloseFlow, Flow, RegistrationLost
from sipclient.protocol.exchange import Stack
from sipclient.protocol.incoming import IncomingInvite
from sipclient.protocol.keepalive import Keepalive, Probe
from sipclient.protocol.line import Line
from sipclient.protocol.notifier import Notifier
from sipclient.protocol.outgoing import OutgoingCall
from sipclient.protocol.plain import PlainSubscription
from sipclient.protocol.registration import Registration
from sipclient.protocol.timers import Timer
from sipclient.protocol.watch import WatchUsage
from sipclient.protocol.window import Window

Call: TypeAlias = OutgoingCall | IncomingInvite
Watching: TypeAlias = WatchUsage | PlainSubscription

LEAVE_USAGES = 2.0  # seconds calls and subscriptions get to end properly when an account leaves
LEAVE = 4.0  # seconds until AccountRemoved, whatever was answered


class Owner(Protocol):
    """The engine, as a station sees it."""

    def station_gone(self, station: Station) -> None:
        """Forget an account that left."""


class Station:
    """One account in the engine."""

    __slots__ = (
        "_deadline", "_dialogs", "_owner", "_pending", "_stack", "_unregistering", "calls", "keepalive", "line",
        "notifiers", "registration", "watches", "window",
    )  # fmt: skip

    def __init__(self, stack: Stack, dialogs: Dialogs, line: Line, owner: Owner) -> None:
        register = line.account.register
        self._stack = stack
        self._dialogs = dialogs
        self._owner = owner
        self.line = line
        self.window = Window(stack.core.limits.subscribe_window, is_open=not register)
        self.keepalive = Keepalive(stack, line, self.silent, _nothing if register else self.back)
        self.registration = Registration(stack, line, self.back) if register else None
        line.ask = self._ask
        if self.registration is not None:
            line.on_moved = self.registration.moved
        self.watches: dict[int, Watching] = {}
        self.calls: dict[int, Call] = {}
        self.notifiers: dict[int, Notifier] = {}
        self._pending = 0  # usages whose end is awaited while leaving
        self._deadline: Timer | None = None
        self._unregistering = False

    def start(self) -> None:
        """Register, or, without registration, only find the server."""
        if self.registration is not None:
            self.registration.start()
        elif self.line.account.keepalive > 0 or self.line.account.server:
            self.line.with_flow(self._found)

    def _found(self, flow: Flow | None, reason: str) -> None:
        if flow is None:
            account = self.line.account
            self._stack.core.trace(f"the server cannot be reached: {reason}", account.key)
        self.keepalive.start()

    def back(self) -> None:
        """The server takes us (again): refresh what we hold there; what it forgot it says with 481."""
        if self.line.removing:
            return
        self.window.open()
        self.keepalive.start()
        for watch in self.watches.values():
            watch.start()

    def silent(self, reason: str) -> None:
        """The server fell silent, or the way to it broke."""
        if self.line.removing:
            return
        if self.registration is not None:
            self.window.close()
            self.registration.lost(reason)
        else:
            self._stack.core.emit(RegistrationLost(self.line.account.key, 0, reason, self.line.account.keepalive))

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A stream closed, or a datagram to the server was refused."""
        if flow == self.line.flow:
            self.line.drop(reason)
        self.keepalive.lost(reason)

    def address_changed(self, change: AddressChanged) -> None:
        """Packets to the server leave from another address: everything that named the old one is made anew."""
        flow = self.line.flow
        if flow is None or (flow.remote_host, flow.local_host) != (change.remote_host, change.before):
            return
        if self.line.removing:
            return
        if flow.reliable:
            self._stack.core.emit(CloseFlow(flow))
        self.line.leave(f"our address is {change.after} now")
        self.keepalive.turn()
        self.line.with_flow(self._reached)

    def _reached(self, flow: Flow | None, reason: str) -> None:
        if flow is None:
            self.keepalive.lost(reason)
            return
        if flow == self.line.left:
            return  # bound there by `local`: no packet of ours leaves from anywhere else
        if self.registration is not None:
            self.registration.moved()
        for watch in self.watches.values():
            for subscription in watch.subscriptions:
                subscription.ask_for_all()  # a refresh is a target refresh, too
        for notifier in self.notifiers.values():
            notifier.dialog.follow_line()  # its next NOTIFY says where we are
        for call in list(self.calls.values()):
            call.follow_line()

    def _ask(self, flow: Flow, then: Callable[[], None]) -> None:
        Probe(self._stack, self.line, flow, then)

    def watch(self, id: int, usage: Watching) -> None:
        """Begin a watch or subscription; it asks once the account is registered."""
        self.watches[id] = usage
        usage.start()

    def unwatch(self, id: int) -> None:
        """End one."""
        usage = self.watches.pop(id, None)
        if usage is not None:
            for subscription in usage.subscriptions:
                subscription.end(_nothing)

    # --- leaving ------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Hang up, un-subscribe, un-register; AccountRemoved when all is answered, or after LEAVE seconds."""
        if self.line.removing:
            return
        core = self._stack.core
        self.line.removing = True
        self.keepalive.stop()
        self._deadline = core.timers.start(core.now + LEAVE_USAGES, self._usages_gone)
        self._pending = 1
        for call in list(self.calls.values()):
            self._pending += 1
            call.hangup(())
        for notifier in list(self.notifiers.values()):
            notifier.leave()
        watches, self.watches = self.watches, {}
        for usage in watches.values():
            for subscription in usage.subscriptions:
                self._pending += 1
                subscription.end(self._one_gone)
        self._one_gone()

    def call_ended(self, id: int) -> None:
        """A call of the account ended."""
        if self.calls.pop(id, None) is not None and self.line.removing:
            self._one_gone()

    def hang_up(self, id: int) -> None:
        """Another call of the account has taken the place of this one."""
        call = self.calls.get(id)
        if call is not None:
            call.hangup((("Reason", 'SIP;cause=200;text="Replaced"'),))

    def _one_gone(self) -> None:
        self._pending -= 1
        if self._pending == 0:
            self._usages_gone(None)

    def _usages_gone(self, _: object) -> None:
        if self._unregistering:
            return
        self._unregistering = True
        core = self._stack.core
        core.timers.stop(self._deadline)
        self._deadline = core.timers.start(core.now + LEAVE - LEAVE_USAGES, self._gone)
        if self.registration is not None:
            self.registration.end(self._registration_gone)
        else:
            self._gone(None)

    def _registration_gone(self) -> None:
        self._gone(None)

    def _gone(self, _: object) -> None:
        if self._deadline is not None:
            self._stack.core.timers.stop(self._deadline)
            self._deadline = None
            self._stack.core.emit(AccountRemoved(self.line.account.key))
            self._owner.station_gone(self)


def station_of(stations: dict[str, Station], account: str) -> Station:
    """The account of that key. InvalidValue where there is none, or it leaves."""
    station = stations.get(account)
    if station is None or station.line.removing:
        raise InvalidValue(f"there is no account {account!r}")
    return station


def call_of(stations: dict[str, Station], id: int) -> Call | None:
    """The call of this id, whichever account has it."""
    for station in stations.values():
        call = station.calls.get(id)
        if call is not None:
            return call
    return None


def notifier_of(stations: dict[str, Station], id: int) -> Notifier | None:
    """The subscription to us with that id."""
    return next((each.notifiers[id] for each in stations.values() if id in each.notifiers), None)


def _nothing() -> None:
    """Nobody waits for this."""
