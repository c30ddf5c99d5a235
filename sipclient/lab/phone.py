"""A simple telephone for the lab: the library's own client, which answers by itself and remembers who called."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from sipclient.call import Call
from sipclient.client import Client
from sipclient.errors import CallFailed, SipError
from sipclient.face.incoming import Incoming, IncomingCall
from sipclient.face.tasks import Tasks
from sipclient.lab.values import User
from sipclient.message import Request
from sipclient.protocol.account import Account
from sipclient.protocol.events import Headers, Value


class Seen(Value, frozen=True):
    """What a phone's display could show of one call."""

    number: str
    name: str
    asserted: str  # P-Asserted-Identity, as it came; empty: none
    headers: Headers  # the X- headers

    def header(self, name: str) -> str:
        """The value of one X- header, empty where it did not come."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class Phone:
    """A phone of one user. `async with` registers it; leaving hangs up and un-registers.

    It rings for `answer_after` seconds and then answers; None: it rings until the caller gives up. After
    `talk_for` seconds it hangs up; None: the caller does. `seen` has every call that reached it, `client` is
    the library's client behind it. `account` are further settings of its account.
    """

    def __init__(
        self,
        user: User,
        server: str,
        *,
        domain: str = "127.0.0.1",
        answer_after: float | None = 0.3,
        talk_for: float | None = None,
        **account: Any,
    ) -> None:
        self.extension = user.extension
        self.answer_after = answer_after
        self.talk_for = talk_for
        self.seen: list[Seen] = []
        settings: dict[str, Any] = {"keepalive": 0.0, "display_name": user.name, **account}
        self.client = Client(
            Account(f"sip:{user.extension}@{domain}", password=user.password, server=server, **settings),
            stop_timeout=2.0,
        )
        self._tasks = Tasks()
        self._incoming: Incoming | None = None

    def __repr__(self) -> str:
        return f"<Phone {self.extension} {len(self.client.calls)} calls>"

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        self._incoming = self.client.incoming()
        self._tasks.spawn(self._listen(self._incoming))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        await self._tasks.close(0.0)

    def dial(self, number: str, *, timeout: float | None = 60.0, **more: Any) -> Call:
        """Call a number; raises InvalidValue for what is none."""
        return self.client.dial(number, timeout=timeout, **more)

    def hangup(self) -> int:
        """Hang up every call; gives how many there were."""
        calls = self.client.calls
        for call in calls:
            call.hangup()
        return len(calls)

    async def _listen(self, incoming: Incoming) -> None:
        async for call in incoming:
            self._tasks.spawn(self._take(call))

    async def _take(self, incoming: IncomingCall) -> None:
        self.seen.append(seen_of(incoming.request))
        incoming.ring()
        if self.answer_after is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.answer_after):
                await incoming.call.ended()
        try:
            call = await incoming.answer()
        except (CallFailed, SipError):
            return  # the caller gave up, or offered what we cannot answer: it was told so
        if self.talk_for is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.talk_for):
                    await call.ended()
            call.hangup()


def seen_of(request: Request) -> Seen:
    """What an INVITE shows of its caller."""
    sender = request.from_
    extra = tuple((name, value.strip()) for name, value in request.headers if name.lower().startswith("x-"))
    return Seen(
        getattr(sender.uri, "user_text", "") or str(sender.uri),
        sender.display_name,
        (request.headers.get("P-Asserted-Identity") or "").strip(),
        extra,
    )
