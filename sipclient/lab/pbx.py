"""The embedded PBX: a core without I/O, clock or chance of its own, on top of the engine's events and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sipclient.errors import InvalidValue
from sipclient.lab.authentication import Gatekeeper
from sipclient.lab.calls import Calls
from sipclient.lab.extensions import Extensions
from sipclient.lab.presence_source import Messages, PresenceSource
from sipclient.lab.publications import Publications
from sipclient.lab.registrar import Registrar
from sipclient.lab.values import Queue, Refusal, Settings, User
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Command,
    Event,
    Headers,
    InCallRequest,
    IncomingCall,
    Invite,
    OfferAnswered,
    OfferReceived,
    Redirected,
    Reject,
    RequestReceived,
    Respond,
    Ringing,
    SubscribeReceived,
    SubscriberGone,
)
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.timers import Timers

ACCOUNT = "lab"


def lab_account(settings: Settings) -> Account:
    """The account that the engine of a lab has: it takes requests from everybody."""
    return Account(
        f"sip:lab@{settings.domain}",
        name=ACCOUNT,
        register=False,
        keepalive=0.0,
        identity=("from",),
        peers=("0.0.0.0/0", "::/0"),
        handles=frozenset({"REGISTER", "SUBSCRIBE", "PUBLISH"}),
        user_agent="sipclient-lab",
    )


class Pbx:
    """The lab's users, queues and calls.

    `handle`, `tick` and the setters return the commands for the engine, in order. `deadline` is the next moment
    at which `tick` must be called, or None; `now` is monotonic seconds. Where the engine refuses a command with
    InvalidValue, `refused` must hear it. `log` hears a line for people about everything that happens.
    """

    def __init__(
        self,
        users: Iterable[User],
        queues: Iterable[Queue] = (),
        settings: Settings | None = None,
        *,
        ids: Identifiers,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.users = {user.extension: user for user in users}
        self.queues = {queue.number: queue for queue in queues}
        self._check()
        self._now = 0.0
        self._out: list[Command] = []
        self._log = log or _silent
        self._timers = Timers()
        self._gate = Gatekeeper(self.users, self.settings, ids)
        self._registrar = Registrar(self.settings, self._timers, self._phone_changed)
        self._extensions = Extensions(self.users, self._registrar.registered, self._state_changed)
        self._source = PresenceSource(self.settings, self._extensions.view, self._out_append)
        self._publications = Publications(self._timers, ids, self._extensions.publish)
        self._calls = Calls(
            ACCOUNT,
            self.users,
            self.queues,
            self.settings,
            self._registrar,
            self._timers,
            do=self._out_append,
            dialog=self._extensions.call,
            busy=lambda extension: self._extensions.state(extension) in (State.ON_THE_PHONE, State.ON_HOLD),
            now=lambda: self._now,
            log=self._log,
        )

    def _check(self) -> None:
        for queue in self.queues.values():
            missing = [agent for agent in queue.agents if agent not in self.users]
            if missing:
                raise InvalidValue(f"queue {queue.number}: there is no extension {missing[0]} to be its agent")
            if queue.number in self.users:
                raise InvalidValue(f"{queue.number} is an extension and a queue")

    # --- in and out ---------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """The next moment at which `tick` must be called."""
        return self._timers.deadline

    def tick(self, now: float) -> list[Command]:
        """A deadline passed."""
        self._now = now
        self._timers.run_due(now)
        return self._take()

    def handle(self, event: Event, now: float) -> list[Command]:
        """The engine said something."""
        self._now = now
        match event:
            case RequestReceived():
                self._request(event)
            case SubscribeReceived():
                self._subscribe(event)
            case SubscriberGone():
                self._source.gone(event.id)
            case IncomingCall():
                self._incoming(event)
            case (
                Ringing()
                | Redirected()
                | Answered()
                | OfferReceived()
                | OfferAnswered()
                | InCallRequest()
                | CallEnded()
            ):
                self._calls.handle(event)
        return self._take()

    def refused(self, command: Command, now: float) -> list[Command]:
        """The engine would not do a command: a call to a phone whose contact is no address ends there."""
        if isinstance(command, Invite):
            return self.handle(CallEnded(command.id, 0, "NO_ROUTE_DESTINATION", 3, "", "network", False), now)
        return []

    # --- what somebody says -------------------------------------------------------------------------

    def set_state(self, extension: str, state: State | None, now: float) -> list[Command]:
        """Say what an extension does, whatever it does; None: what it really does. InvalidValue for no extension."""
        self._now = now
        self._extensions.set(self._known(extension), state)
        return self._take()

    def set_messages(self, extension: str, new: int, old: int, now: float) -> list[Command]:
        """An extension has so many new and old voice messages. InvalidValue for no extension."""
        self._now = now
        self._source.set_messages(self._known(extension), Messages(new, old))
        return self._take()

    # --- looking ------------------------------------------------------------------------------------

    def state(self, extension: str) -> State:
        """What an extension does. InvalidValue for no extension."""
        return self._extensions.state(self._known(extension))

    def registered(self, extension: str) -> bool:
        """Whether an extension has a phone."""
        return self._registrar.registered(extension)

    def watchers(self, extension: str) -> int:
        """How many subscriptions there are to an extension."""
        return self._source.watchers(extension)

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return len(self._calls)

    def _known(self, extension: str) -> str:
        if extension not in self.users:
            raise InvalidValue(f"there is no extension {extension!r}")
        return extension

    # --- requests -----------------------------------------------------------------------------------

    def _request(self, event: RequestReceived) -> None:
        request = event.message
        user = self._gate.check(request, self._now, proxy=request.method != "REGISTER")
        if isinstance(user, Refusal):
            done: Headers | Refusal = user
        elif request.method == "REGISTER":
            done = self._registrar.register(user, request, event.flow, self._now)
        else:
            done = self._publications.take(request, self.users, self._now)
        if isinstance(done, Refusal):
            self._do(Respond(event.request, done.status, done.reason, done.headers))
        else:
            self._do(Respond(event.request, 200, headers=done))

    def _subscribe(self, event: SubscribeReceived) -> None:
        if not self._source.knows(event.id):
            user = self._gate.check(event.request, self._now, proxy=True)
            if isinstance(user, Refusal):
                self._do(Reject(event.id, user.status, user.reason, user.headers))
                return
        self._source.subscribe(event, self.users)

    def _incoming(self, event: IncomingCall) -> None:
        user = self._gate.check(event.request, self._now, proxy=True)
        if isinstance(user, Refusal):
            self._do(Reject(event.id, user.status, user.reason, user.headers))
        else:
            self._calls.place(event, user)

    # --- inside -------------------------------------------------------------------------------------

    def _phone_changed(self, extension: str) -> None:
        self._extensions.look(extension)
        self._calls.agent_changed(extension)

    def _state_changed(self, extension: str) -> None:
        self._log(f"{extension} is {self._extensions.state(extension)}")
        self._source.changed(extension)

    def _out_append(self, command: Command) -> None:
        self._out.append(command)

    _do = _out_append

    def _take(self) -> list[Command]:
        out, self._out = self._out, []
        return out


def _silent(text: str) -> None:
    """Nobody listens."""
