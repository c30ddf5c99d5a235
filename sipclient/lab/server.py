"""The lab on real sockets: the engine, the network and the PBX in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from ssl import SSLContext
from types import MappingProxyType, TracebackType
from typing import Self

from sipclient.errors import InvalidValue
from sipclient.face.identifiers import SystemIdentifiers
from sipclient.face.shell import Driver, Handle
from sipclient.lab.pbx import ACCOUNT, Pbx, lab_account
from sipclient.lab.values import Queue, Settings, User
from sipclient.presence import State
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import AccountRemoved, AddAccount, Command, Event, Input, RemoveAccount, Send
from sipclient.protocol.limits import Limits
from sipclient.transport import Network

FAREWELL = 2.0  # seconds that hanging up may take when the lab closes
LIMITS = Limits(subscribers=50_000)


class LabServer:
    """A PBX that listens. `async with` binds its sockets; leaving hangs up and closes them.

    `ports` gives the port of each transport (`udp`, `tcp`, `tls`), 0 for any; TLS needs `tls`. Entering raises
    ListenFailed for a port that is taken. `log` hears a line for people, `on_receive` and `on_send` every message.
    """

    def __init__(
        self,
        users: Iterable[User],
        queues: Iterable[Queue] = (),
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] = MappingProxyType({"udp": 0, "tcp": 0}),
        tls: SSLContext | None = None,
        log: Callable[[str], None] | None = None,
        on_receive: Callable[[Input], None] | None = None,
        on_send: Callable[[Send], None] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.host = host
        self.ports: dict[str, int] = {}
        self._wanted = dict(ports)
        self._tls = tls
        self._ids = SystemIdentifiers()
        self.pbx = Pbx(users, queues, self.settings, ids=self._ids, log=log)
        self._hooks = (on_receive, on_send)
        self._driver: Driver | None = None
        self._alarm: Handle | None = None
        self._armed = 0.0
        self._closing = False
        self._gone = asyncio.Event()

    @property
    def failures(self) -> int:
        """Bugs met and survived."""
        return self._driver.failures if self._driver is not None else 0

    def server(self, transport: str = "udp") -> str:
        """The lab as `server =` of an account names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{transport}:{host}:{self.ports[transport]}"

    async def __aenter__(self) -> Self:
        account = lab_account(self.settings)
        on_receive, on_send = self._hooks
        self._driver = driver = Driver(
            UserAgent(self._ids, limits=LIMITS, user_agent="sipclient-lab"),
            lambda deliver: Network(deliver, {ACCOUNT: account}.__getitem__),
            self._hear,
            asyncio.get_running_loop(),
            on_receive=on_receive,
            on_send=on_send,
        )
        try:
            driver.do(AddAccount(account))
            for transport, port in self._wanted.items():
                tls = self._tls if transport == "tls" else None
                _, self.ports[transport] = await driver.network.listen(transport, self.host, port, tls=tls)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up every call and close every socket."""
        driver = self._driver
        if driver is None or self._closing:
            return
        self._closing = True
        try:
            driver.do(RemoveAccount(ACCOUNT))
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._gone.wait()
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            driver.close()
            await driver.network.close()

    # --- what somebody says -------------------------------------------------------------------------

    def set_state(self, extension: str, state: State | None) -> None:
        """Say what an extension does; None: what it really does. Raises InvalidValue for no extension."""
        self._do(self.pbx.set_state(extension, state, self._now()))

    def set_messages(self, extension: str, new: int, old: int = 0) -> None:
        """An extension has so many voice messages. Raises InvalidValue for no extension."""
        self._do(self.pbx.set_messages(extension, new, old, self._now()))

    # --- inside -------------------------------------------------------------------------------------

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _hear(self, event: Event) -> None:
        if isinstance(event, AccountRemoved):
            self._gone.set()
        else:
            self._do(self.pbx.handle(event, self._now()))

    def _tick(self) -> None:
        self._alarm = None
        self._do(self.pbx.tick(self._now()))

    def _do(self, commands: list[Command]) -> None:
        driver = self._driver
        if driver is None or self._closing:
            return
        for command in commands:
            try:
                driver.do(command)
            except InvalidValue:
                self._do(self.pbx.refused(command, self._now()))
        self._arm()

    def _arm(self) -> None:
        """One alarm for the PBX's own deadlines: one that rings too early only looks."""
        deadline = self.pbx.deadline
        if deadline is None or (self._alarm is not None and self._armed <= deadline):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._armed = deadline
        self._alarm = asyncio.get_running_loop().call_at(deadline, self._tick)
