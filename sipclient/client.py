"""The asyncio face of the library: any number of accounts, watches and calls in one object."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from ssl import SSLContext
from types import MappingProxyType, TracebackType
from typing import Self, TypeAlias, Unpack

from sipclient import __version__
from sipclient.call import Call, Dialling
from sipclient.dialling import Leg
from sipclient.errors import InvalidValue, SipError
from sipclient.face.clock import SystemClock
from sipclient.face.connecting import Connecting
from sipclient.face.course import follow_none
from sipclient.face.dispatch import Dispatch, News
from sipclient.face.identifiers import SystemIdentifiers
from sipclient.face.incoming import Incoming
from sipclient.face.placing import (
    CallOptions,
    GivenHeaders,
    Placement,
    checked,
    filled,
    placement_of,
    placement_of_leg,
)
from sipclient.face.progress import BridgeProgress
from sipclient.face.registrations import Registrations
from sipclient.face.roster import Roster, Which
from sipclient.face.sessions import SessionFactory, Sessions
from sipclient.face.shell import Clock, Deliver, Driver, Engine, Wires
from sipclient.face.streams import Stream
from sipclient.face.switchboard import Switchboard
from sipclient.face.watching import Memory, Watches, Watching
from sipclient.face.wishes import BridgeOptions, Wishes
from sipclient.message import Response
from sipclient.presence import MessageWaiting, State
from sipclient.protocol.account import Account
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import (
    AccountRemoved,
    Command,
    Event,
    ExtensionChanged,
    Input,
    MessagesWaiting,
    Registered,
    RegistrationLost,
    Send,
    SendRequest,
    WatchProblem,
)
from sipclient.transport import Network

AccountOf: TypeAlias = Callable[[str], Account]
WiresFactory: TypeAlias = Callable[[Deliver, AccountOf, Callable[[Event], None]], Wires]

START = 32.0  # seconds: 64·T1, after which an unanswered REGISTER has failed
STOP = 5.0  # seconds; the engine itself gives up un-registering after 4
FLUSH = 0.5  # seconds of these that closing the media may take


def _engine() -> Engine:
    return UserAgent(SystemIdentifiers(), user_agent=f"sipclient/{__version__}")


def _network(deliver: Deliver, accounts: AccountOf, tell: Callable[[Event], None]) -> Wires:
    return Network(deliver, accounts, trace=tell)


class Client:
    """Some accounts at some PBXs. `async with` connects and registers; leaving ends all that is under way.

    Entering raises RegistrationFailed where a PBX refuses for good, and Unreachable where one does not
    answer within `start_timeout` seconds; with `wait=False` it waits for nothing, and events tell. Leaving
    hangs up, un-subscribes and un-registers, for at most `stop_timeout` seconds.

    Methods take `account`: an Account, its name or its address; the first one where it is not given.
    `on_event` is called with every event of the engine, at once and in order; `on_receive` and `on_send` see
    every input and every Send, for logs and traces. `follow` says of a URI, to which a 3xx points or a REFER (on an
    account with `refer="allow"`), whether we may call there; without it we may nowhere.
    """

    def __init__(
        self,
        *accounts: Account,
        wait: bool = True,
        start_timeout: float = START,
        stop_timeout: float = STOP,
        on_event: Callable[[Event], None] | None = None,
        on_receive: Callable[[Input], None] | None = None,
        on_send: Callable[[Send], None] | None = None,
        follow: Callable[[str], bool] = follow_none,
        engine: Callable[[], Engine] = _engine,
        network: WiresFactory = _network,
        session: SessionFactory | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._roster = Roster(accounts, self.do)
        self._wait = wait
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._hooks = (on_receive, on_send)
        self._parts = (engine, network, clock)
        self._driver: Driver | None = None
        self._closing = False
        self._ids = itertools.count(1)
        self._registrations = Registrations()
        self._watches = Watches(self.do, self.next_id)
        self._dispatch = Dispatch(on_event)
        self._switchboard = Switchboard(
            self.do, self._dispatch.tell, self._roster.by_key, session or Sessions().open, follow, self.next_id
        )
        self._summaries: dict[str, MessageWaiting] = {}
        self._dispatch.handlers |= {
            **self._switchboard.handlers,
            Registered: self._registrations.heard,
            RegistrationLost: self._registrations.heard,
            AccountRemoved: self._account_removed,
            ExtensionChanged: self._watches.changed,
            WatchProblem: self._watches.problem,
            MessagesWaiting: self._messages_waiting,
        }

    def __repr__(self) -> str:
        accounts = ", ".join(
            f"{key} {'registered' if self._registrations.registered(key) else 'not registered'}"
            for key in self._roster.by_key
        )
        state = "closed" if self._closing else "running" if self._driver is not None else "not entered"
        return f"<Client {state}: {accounts or 'no account'}; {len(self._switchboard.calls)} calls>"

    # --- coming and going ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._driver is not None:
            raise SipError("a Client is entered once; make another one")
        engine, network, clock = self._parts
        on_receive, on_send = self._hooks
        self._driver = Driver(
            engine(),
            lambda deliver: network(deliver, self._roster.by_key.__getitem__, self._dispatch.tell),
            self._dispatch.tell,
            clock or SystemClock(asyncio.get_running_loop()),
            on_receive=on_receive,
            on_send=on_send,
        )
        try:
            self._roster.begin()
            if self._wait:
                await self.registered()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up, un-subscribe, un-register and close, within `stop_timeout`. Closing twice does nothing."""
        driver = self._driver
        if driver is None or self._closing:
            return
        self._closing = self._switchboard.closing = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._stop_timeout - FLUSH, 0.0)):
                    await self._roster.end_all()
        finally:
            self._switchboard.end_all()
            self._watches.close()
            self._dispatch.end()
            driver.close()
            await self._switchboard.tasks.close(FLUSH)
            await driver.network.close()

    async def registered(self, account: Which = None) -> None:
        """Wait until one account is registered, or all that register; raises as entering does."""
        one = None if account is None else self.account(account)
        wanted = [each.key for each in self.accounts if each.register and one in (None, each)]
        try:
            async with asyncio.timeout(self._start_timeout):
                await self._registrations.settled(wanted)
        except TimeoutError:
            raise self._registrations.overdue(wanted, self._start_timeout) from None

    # --- accounts -----------------------------------------------------------------------------------

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts, in the order they were given."""
        return tuple(self._roster.by_key.values())

    def account(self, which: Which = None) -> Account:
        """The account of that name or address; the first where none is given. InvalidValue for any other."""
        return self._roster.find(which)

    def is_registered(self, account: Which = None) -> bool:
        """Whether the PBX holds a registration of the account now."""
        return self._registrations.registered(self.account(account).key)

    def add(self, account: Account) -> None:
        """Take in one more account while running; it registers at once, and events tell how that went."""
        self._roster.add(account)

    async def remove(self, account: Account | str) -> None:
        """Hang up, un-subscribe and un-register one account, for at most `stop_timeout` seconds."""
        key = self.account(account).key
        with suppress(TimeoutError):
            async with asyncio.timeout(self._stop_timeout):
                await self._roster.end(key)
        self._roster.by_key.pop(key, None)

    # --- watching -----------------------------------------------------------------------------------

    def watch(
        self,
        *extensions: str,
        account: Which = None,
        events: tuple[str, ...] = ("presence", "dialog"),
        memory: Mapping[str, Memory] = MappingProxyType({}),
    ) -> Watching:
        """The changes of some extensions (numbers or URIs), through event packages merged into one state.

        Iterate the result; leave it or `aclose` it to end the subscriptions. `memory` is what an earlier run
        knew of each. Raises InvalidValue for an extension that is no address, and where none is named.

        While the PBX cannot be reached, what was known of an extension stands: it becomes `unknown` when a
        refresh is refused, or when the time that the PBX granted has run out. Events tell of the outage.
        """
        if not extensions or not all(isinstance(each, str) for each in extensions):
            raise InvalidValue('name the extensions to watch, one after the other: client.watch("1001", "1002")')
        if isinstance(events, str) or not events:
            raise InvalidValue(f'events are a tuple of packages, like ("presence", "dialog"), not {events!r}')
        return self._watches.open(self.account(account).key, extensions, tuple(events), memory)

    @property
    def extensions(self) -> dict[str, State]:
        """The state of every watched extension now; `states` has those of one account."""
        return self._watches.states()

    def states(self, account: Which = None) -> dict[str, State]:
        """The state of every extension watched on one account."""
        return self._watches.states(self.account(account).key)

    @property
    def messages_waiting(self) -> dict[str, MessageWaiting]:
        """The latest message summary of each account that was told one."""
        return dict(self._summaries)

    @property
    def subscriptions(self) -> Counter[tuple[str, str, str]]:
        """How many subscriptions there are, by account, event package and state: `active` (the PBX holds it), `asking`,
        `waiting` (for its turn, or for the next try) or `refused`."""
        return Counter(self._running().engine.subscriptions())

    @property
    def watched(self) -> Counter[tuple[str, str]]:
        """How many watched extensions there are, by account and state; `Watch` commands of your own too."""
        return Counter((account, str(state)) for account, state in self._running().engine.states())

    @property
    def clock(self) -> Clock:
        """The clock of everything here that waits. Where none was given it goes on while the machine sleeps."""
        return self._running().clock

    @property
    def received_at(self) -> float:
        """When the network spoke last, in the seconds of the clock."""
        return self._running().received_at

    # --- calls --------------------------------------------------------------------------------------

    def dial(
        self,
        to: str,
        caller_id: str = "",
        headers: GivenHeaders = (),
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Call:
        """Place a call and give it at once, for `async for state in call`.

        `to` is a number, a user or a URI; `caller_id` is `"Name" <user>` or a user; `timeout` is in seconds until it
        must be answered; the options are those of CallOptions. `{variables.NAME}` is filled in, in the caller ID and in
        the values of headers. Raises InvalidValue for what must not reach the wire, and for a variable that is none.
        """
        return self._place(self._placement(to, *filled(caller_id, headers, options), timeout, options))

    def call(
        self,
        to: str,
        caller_id: str = "",
        headers: GivenHeaders = (),
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Dialling:
        """A call to await (the answered Call) or to enter (leaving hangs up); arguments as `dial` has them.

        Raises CallFailed where it is not answered. Cancelling whoever waits cancels the call.
        """

        def place() -> Awaitable[Call]:
            placement = self._placement(to, *filled(caller_id, headers, options), timeout, options)
            return self._place_in_turn(placement)

        return Dialling(place)

    async def place(
        self,
        leg: Leg,
        *,
        call_id: str = "",
        name: str = "",
        variables: Mapping[str, str] = MappingProxyType({}),
        caller_id: str = "",
        account: Which = None,
        private: bool = False,
    ) -> Call:
        """Place the call of one leg of a plan (`sipclient.dialling`), once it may leave, and give it.

        `call_id` is what its Call-ID begins with, if that matters, `name` and `variables` are the call's. `caller_id`
        and `account` hold where the leg names none, `private` is that of CallOptions; its time limits are kept by who
        follows the plan. Raises InvalidValue for what must not reach the wire.
        """
        self._running()
        who = self.account(leg.account or account)
        placement = placement_of_leg(self.next_id, who, leg, caller_id, call_id, name, variables, private)
        return await self._place_in_turn(placement)

    def _placement(
        self, to: str, caller_id: str, headers: GivenHeaders, timeout: float | None, options: CallOptions
    ) -> Placement:
        self._running()
        account = self._roster.find(options.get("account"))
        return placement_of(self.next_id, account, to, caller_id, headers, timeout, options)

    def _place(self, placement: Placement) -> Call:
        """Place a call at once."""
        return self._switchboard.dial(placement)

    async def _place_in_turn(self, placement: Placement) -> Call:
        """Place a call; a client that limits its calls waits here until this one may leave."""
        return self._switchboard.dial(placement)

    def bridge(self, a: str, b: str, **options: Unpack[BridgeOptions]) -> Connecting:
        """Dial `a`, then, once it has answered, `b`, and join them: numbers, URIs or FreeSWITCH dial strings.

        Await the result for the Bridge, or enter it: leaving hangs up both. Awaiting the Bridge waits until one hangs
        up, which ends the other too, unless `hangup` is False. While `b` rings, `a` hears `ringback` until the network
        of `b` says something itself, unless `ignore_early_media`. Where `b` is not reached, `a` hears `announcement`,
        or a busy or congestion tone, and is hung up. The options are those of BridgeOptions; what becomes of it all,
        `on_progress` is called with, and `events` gives.

        Raises BridgeFailed where they did not come to talk, InvalidValue for what cannot be dialled, MediaError for
        what cannot be played or recorded.
        """
        wishes = Wishes(**options)
        plans = wishes.plans(a, b, self._roster.by_key)
        for leg in (*plans[0].legs, *plans[1].legs):
            if not leg.media and self.account(leg.account or wishes.account).media == "none":
                raise InvalidValue(f"{leg.to}: the account that would call it has no sound (media = none) to join")
        settled = wishes.settled(plans, SystemIdentifiers().token("bridge"))

        def tell(progress: BridgeProgress) -> None:
            self._dispatch.publish(progress)
            if wishes.on_progress is not None:
                wishes.on_progress(progress)

        return Connecting(plans, settled, self.clock, self.place, tell, self._switchboard.spawn)

    def incoming(self, account: Which = None) -> Incoming:
        """The calls that reach one account, or any. Where nobody asks for them, callers get 480."""
        return self._switchboard.read_incoming(None if account is None else self.account(account).key)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call that has not ended."""
        return tuple(self._switchboard.calls.values())

    def call_of(self, id: int) -> Call | None:
        """The call whose events have this id; None where it has ended."""
        return self._switchboard.calls.get(id)

    # --- everything else ----------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        to: str,
        *,
        headers: GivenHeaders = (),
        body: bytes = b"",
        content_type: str = "",
        account: Which = None,
    ) -> Response:
        """Send a request outside any call (OPTIONS, MESSAGE, ...) and wait for its final response.

        Raises Unreachable where none came, InvalidValue for what must not reach the wire.
        """
        key, pairs = self.account(account).key, checked(headers)
        command = SendRequest(self.next_id(), key, method, to, pairs, body, content_type)
        return await self._switchboard.request(command)

    def events(self) -> Stream[News]:
        """Every event of the engine, and of bridges, from now on, to iterate; beyond 4096 unread the oldest go."""
        return self._dispatch.stream()

    async def listen(
        self,
        transport: str,
        host: str,
        port: int = 0,
        *,
        tls: SSLContext | None = None,
        origins: Iterable[str] = (),
    ) -> tuple[str, int]:
        """Open a server socket for peers that come to us; gives its address and port. Raises ListenFailed.

        `transport` is `udp`, `tcp`, `ws` or, with a context, `tls` or `wss`; port 0 leaves the choice to the system.
        `origins` are the web sites whose pages may open a WebSocket (`https://app.example.com`), `*` for any
        client at all; accounts with `browsers=True` take calls that come over it (RFC 7118).
        """
        return await self._running().network.listen(transport, host, port, tls=tls, origins=origins)

    @property
    def failures(self) -> int:
        """Bugs met and survived: 0 in a sound program."""
        return self._driver.failures if self._driver is not None else 0

    def do(self, command: Command) -> None:
        """Give the engine a command of your own, with an id from `next_id`. Raises InvalidValue."""
        self._running().do(command)

    def next_id(self) -> int:
        """A fresh id for a command."""
        return next(self._ids)

    def _running(self) -> Driver:
        if self._driver is None:
            raise SipError("the client is not running: enter it first (`async with Client(...) as client`)")
        return self._driver

    def _account_removed(self, event: AccountRemoved) -> None:
        self._registrations.forget(event.account)
        self._summaries.pop(event.account, None)
        self._watches.account_removed(event.account)
        self._roster.ended(event.account)

    def _messages_waiting(self, event: MessagesWaiting) -> None:
        self._summaries[event.account] = event.summary
