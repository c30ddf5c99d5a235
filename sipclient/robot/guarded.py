"""The client that the robot shares with its hooks: nothing leaves it that `[dial]` does not permit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeAlias

from sipclient.call import Call, Dialling
from sipclient.client import Client, GivenHeaders
from sipclient.errors import NotAllowed
from sipclient.face.roster import Which
from sipclient.protocol.account import Account
from sipclient.protocol.events import CallEnded
from sipclient.robot import told
from sipclient.robot.told import Told
from sipclient.robot.turns import Turns

Permits: TypeAlias = Callable[[str, str], bool]  # the account that calls, and whom


class GuardedClient(Client):
    """A Client whose calls are held against `[dial]`: the allow-list, and the turns all calls share.

    `call` waits for its turn; `dial`, which gives the Call at once, raises NotAllowed where it would have to.
    """

    def __init__(
        self, *accounts: Account, permits: Permits, turns: Turns, tell: Callable[[Told], None], **more: Any
    ) -> None:
        super().__init__(*accounts, **more)
        self._permits = permits
        self._turns = turns
        self._tell = tell
        self._serial = itertools.count(1)
        self._turn_of: dict[int, str] = {}  # the calls of hooks

    def place(self, to: str, **more: Any) -> Call:
        """What `dial` does, for whoever has had its turn already. Raises NotAllowed, InvalidValue."""
        account = self.account(more.get("account")).key
        if not self._permits(account, to):
            raise NotAllowed(f'[dial] allow does not name "{to}": nothing was sent')
        return super().dial(to, **more)

    def dial(
        self,
        to: str,
        caller_id: str = "",
        headers: GivenHeaders = (),
        timeout: float | None = None,
        *,
        account: Which = None,
        media: str | None = None,
        private: bool = False,
    ) -> Call:
        """See Client; raises NotAllowed where `[dial]` does not let it leave, or not at this moment."""
        turn = self.new_turn()
        if not self._turns.now_or_never(turn):
            raise NotAllowed(f'"{to}" is not called: [dial] calls_per_second or calls_at_once is used up')
        options = {"account": account, "media": media, "private": private}
        return self.take_turn(turn, to, caller_id=caller_id, headers=headers, timeout=timeout, **options)

    def call(
        self,
        to: str,
        caller_id: str = "",
        headers: GivenHeaders = (),
        timeout: float | None = None,
        *,
        account: Which = None,
        media: str | None = None,
        private: bool = False,
    ) -> Dialling:
        """See Client; waits for its turn first."""
        options = {"account": account, "media": media, "private": private}
        given = {"caller_id": caller_id, "headers": headers, "timeout": timeout, **options}
        return _InTurn(self, self._turns, lambda turn: self.take_turn(turn, to, **given))

    def new_turn(self) -> str:
        """An id for a hook's call among those that wait for their turn; no job has such a one."""
        return f"hook {next(self._serial)}"

    def take_turn(self, turn: str, to: str, **options: Any) -> Call:
        """Place a hook's call whose turn it is; the turn ends with the call."""
        try:
            call = self.place(to, **options)
        except BaseException:
            self._turns.finished(turn)
            raise
        caller_id = str(options.get("caller_id", ""))
        self._tell(told.CallPlaced(turn, 1, call.account, to, caller_id, call.call_id))
        self._turn_of[call.id] = turn
        if call.end is not None:
            self.ended(call.end)
        return call

    def ended(self, event: CallEnded) -> None:
        """A call ended: if a hook placed it, the next may leave."""
        turn = self._turn_of.pop(event.id, None)
        if turn is not None:
            self._tell(told.over(turn, 1, event))
            self._turns.finished(turn)


class _InTurn(Dialling):
    """A call of a hook's, to await or to enter."""

    def __init__(self, client: GuardedClient, turns: Turns, place: Callable[[str], Call]) -> None:
        self._turns = turns
        self._client = client
        self._place = place
        self._call: Call | None = None

    async def _go(self) -> Call:
        turn = self._client.new_turn()
        if not await self._turns.wait(turn):
            raise NotAllowed("too many calls wait for their turn already: see [dial] in robot.toml")
        self._call = self._place(turn)
        return await self._call.__aenter__()

    def __await__(self) -> Generator[Any, None, Call]:
        return self._go().__await__()

    async def __aenter__(self) -> Call:
        return await self._go()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._call is not None:
            await self._call.__aexit__(kind, error, trace)
