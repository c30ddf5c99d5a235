"""The client that the robot shares with its hooks: nothing leaves it that `[dial]` does not permit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from sipclient.call import Call
from sipclient.client import Client
from sipclient.errors import DialLimitReached, MalformedMessage, NotAllowed
from sipclient.face.placing import Placement
from sipclient.message import SipUri, canonical, parse_name_addrs
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Calling,
    Command,
    Event,
    Follow,
    Headers,
    Invite,
    Redirect,
    Redirected,
    Ringing,
    SendInCall,
    SendRequest,
    Transfer,
)
from sipclient.robot import told
from sipclient.robot.told import Told
from sipclient.robot.turns import Turns
from sipclient.rules import Job

Permits: TypeAlias = Callable[[str, str], bool]  # the account that calls (empty: any), and whom

RUN: ContextVar[str] = ContextVar("RUN", default="hook")  # the id of the hook that runs here, and in its tasks


class _Leaving:
    """A call that has had its turn: it may leave, and ends the turn when it ends."""

    __slots__ = ("attempt", "invite", "placed", "turn")

    def __init__(self, turn: str, invite: Invite, attempt: int) -> None:
        self.turn = turn
        self.invite = invite
        self.attempt = attempt
        self.placed = False


class GuardedClient(Client):
    """A Client that holds all that leaves it against `[dial]`: the allow-list, and the turns all calls share.

    Whatever way a call takes, it comes through `do`. `call` waits for its turn; `dial`, which gives the Call at
    once, and an Invite of one's own raise DialLimitReached where they would have to. `follow` decides about
    redirections. What becomes of each call is told, the rules' and the hooks' alike.
    """

    def __init__(
        self,
        *accounts: Account,
        permits: Permits,
        turns: Turns,
        tell: Callable[[Told], None],
        follow: Callable[[str], bool],
        **more: Any,
    ) -> None:
        super().__init__(*accounts, follow=follow, **more)
        self._permits = permits
        self._turns = turns
        self._tell = tell
        self._follow = follow
        self._serial = itertools.count(1)
        self._leaving: dict[int, _Leaving] = {}  # by the id of the call

    # --- the gate -----------------------------------------------------------------------------------

    def do(self, command: Command) -> None:
        """See Client. Raises NotAllowed for what `[dial]` does not let leave: then nothing was sent."""
        self._check(command)
        if isinstance(command, Invite) and command.id not in self._leaving:
            with self._admitted(self._turn_now(command), command):
                super().do(command)
        else:
            super().do(command)

    def _place(self, placement: Placement) -> Call:
        """See Client; raises NotAllowed where `[dial]` does not let it leave, or not at this moment."""
        self._check(placement.invite)
        with self._admitted(self._turn_now(placement.invite), placement.invite):
            return super()._place(placement)

    async def _place_in_turn(self, placement: Placement) -> Call:
        """See Client; waits for its turn first. Raises NotAllowed; DialLimitReached where too many wait already."""
        self._check(placement.invite)
        turn = self._new_turn()
        if not await self._turns.wait(turn):
            raise DialLimitReached("too many calls wait for their turn already: see [dial] in robot.toml")
        with self._admitted(turn, placement.invite):
            return super()._place(placement)

    def place_job(self, job: Job) -> Call:
        """Place a rule's call, which has had its turn under its own id. Raises NotAllowed, InvalidValue."""
        placement = self._placement(job.to, job.caller_id, job.headers, job.timeout, {"account": job.account})
        self._check(placement.invite)
        with self._admitted(job.id, placement.invite, job.attempt):
            return super()._place(placement)

    def _check(self, command: Command) -> None:
        account = getattr(command, "account", "")
        for target in targets_of(command):
            self.check_target(account, target)

    def _turn_now(self, invite: Invite) -> str:
        turn = self._new_turn()
        if not self._turns.now_or_never(turn):
            raise DialLimitReached(
                f'"{_shown(invite.to)}" is not called: [dial] calls_per_second or calls_at_once is used up'
            )
        return turn

    def _new_turn(self) -> str:
        """An id for a hook's call among those that wait for their turn; no job has such a one."""
        return f"{RUN.get()} call {next(self._serial)}"

    @contextmanager
    def _admitted(self, turn: str, invite: Invite, attempt: int = 1) -> Iterator[None]:
        """The turn lasts as long as the call, and no longer than the attempt to place it where that fails."""
        self._leaving[invite.id] = _Leaving(turn, invite, attempt)
        try:
            yield
        except BaseException:
            self._leaving.pop(invite.id, None)
            self._turns.finished(turn)
            raise

    def arrange(self, names: Iterable[str]) -> None:
        """The order of the accounts, of which the first is taken where a hook names none."""
        self._roster.arrange(names)

    # --- what becomes of them -----------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """What the engine says of a call of ours is told; when it ended, the next may leave."""
        leaving = self._leaving.get(event.id) if isinstance(event, CALL_EVENTS) else None
        if leaving is None:
            return
        job, invite = leaving.turn, leaving.invite
        match event:
            case Calling() if not leaving.placed:
                leaving.placed = True
                what = (leaving.attempt, invite.account, invite.to, invite.caller_id, event.call_id)
                self._tell(told.CallPlaced(job, *what))
            case Ringing():
                self._tell(told.CallRinging(job, event.status, event.reason))
            case Redirected():
                followed = next(filter(self._follow, event.contacts), "")
                self._tell(told.CallRedirected(job, event.status, event.contacts, followed))
            case Answered():
                self._tell(told.CallAnswered(job))
            case CallEnded():
                del self._leaving[event.id]
                self._tell(told.over(job, leaving.attempt, event))
                self._turns.finished(job)

    def named(self, job: str) -> Call | None:
        """The Call under way that the events tell of by this name."""
        for id, leaving in self._leaving.items():
            if leaving.turn == job:
                return self._switchboard.calls.get(id)
        return None

    def numbered(self, id: int) -> Call | None:
        """The Call under way of the engine's id."""
        return self._switchboard.calls.get(id)

    def check_target(self, account: str, target: str) -> None:
        """Raises NotAllowed for whom `[dial] allow` does not name."""
        if not self._permits(account, target):
            raise NotAllowed(f'[dial] allow does not name "{_shown(target)}": nothing was sent')

    def calls_of(self, account: str) -> int:
        """How many calls the account has, those among them that never were a Call."""
        ours = {id for id, leaving in self._leaving.items() if leaving.invite.account == account}
        return len(ours.union(call.id for call in self.calls if call.account == account))


CALL_EVENTS = (Calling, Ringing, Redirected, Answered, CallEnded)


def _shown(target: str) -> str:
    return repr(target[:80])[1:-1]


def targets_of(command: Command) -> Iterable[str]:
    """Whom a command would reach, or send somebody to."""
    match command:
        case Invite() | Follow():
            return (command.to,)
        case SendRequest():
            return (command.to, *_referred(command.headers))
        case SendInCall():
            return _referred(command.headers)
        case Transfer():
            return (command.to, *_referred(command.headers)) if command.to else _referred(command.headers)
        case Redirect():
            return command.contacts
    return ()


def _referred(headers: Headers) -> Iterator[str]:
    """Where a REFER would have somebody call (RFC 3515 §2.1); what cannot be understood, as it stands."""
    for name, value in headers:
        if canonical(name) == "Refer-To":
            yield from _addresses(value) if "<" in value else (value,)


def _addresses(value: str) -> Iterator[str]:
    try:
        uris = [address.uri for address in parse_name_addrs(value)]
    except MalformedMessage:
        yield value
        return
    for uri in uris:
        if isinstance(uri, SipUri):  # which call it takes the place of (RFC 3891) is no part of where it leads
            uri = uri.replace(headers=tuple(pair for pair in uri.headers if canonical(pair[0]) != "Replaces"))
        yield str(uri)
