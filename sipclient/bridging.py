"""Two answered calls, joined: each hears the other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from sipclient.call import Call
from sipclient.errors import MediaError, SipError
from sipclient.face.voice import RecordingCall


class Bridge:
    """What `bridge(a, b)` gives. It stands at once; awaited, it waits until one of both hangs up.

    Packets go from one to the other untouched where both speak one codec, and are transcoded where they do not
    (which needs the extra `media` for all but G.711). Keys are carried across, by RTP or INFO, as each side takes
    them. `a` is told who answered `b`, where that is said, and each who talks there later, as `identity` of its account
    has it and by UPDATE, or a re-INVITE to who takes none. Where one side transfers the other (a
    REFER, on an account with `refer="allow"`), whoever that leads to takes its place while the bridge is awaited, and
    so does a call that reaches us to replace one of both (RFC 3891): `a` and `b` are those who talk now. Entered,
    leaving parts the calls again.
    """

    def __init__(self, a: Call, b: Call, hangup: bool) -> None:
        for call in (a, b):
            if call.answered_at is None or call.end is not None:
                raise MediaError(f"only answered calls can be bridged: {call!r}")
        if a is b:
            raise MediaError(f"a call cannot be bridged to itself: {a!r}")
        self.a = a
        self.b = b
        self._hangup = hangup
        self._parted = asyncio.Event()
        _join(a, b)
        _introduce(b, a)

    def __repr__(self) -> str:
        return f"<Bridge {self.a!r} {'and' if not self._parted.is_set() else 'parted from'} {self.b!r}>"

    def __await__(self) -> Generator[object, None, None]:
        return self._until_over().__await__()

    async def __aenter__(self) -> Bridge:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.part()

    def record(self, path: str | Path, *, stereo: bool = True) -> RecordingCall:
        """Record both: `a` on the left, `b` on the right; see Call.record."""
        return self.a.record(path, stereo=stereo)

    def part(self) -> None:
        """Each hears the other no more; both calls go on. Twice is harmless."""
        if self._parted.is_set():
            return
        self._parted.set()
        for call in (self.a, self.b):
            call.carry_keys_to(None)
            call.carry_identity_to(None)
            call.voice.bridge_to(None)

    async def _until_over(self) -> None:
        await self._until_one_ends()
        while not self._parted.is_set() and await self._hand_over():
            await self._until_one_ends()
        if self._parted.is_set():
            return
        self.part()
        if self._hangup:
            for call in (self.a, self.b):
                call.hangup()

    async def _until_one_ends(self) -> None:
        await _first_of(self.a.ended(), self.b.ended(), self._parted.wait())

    async def _hand_over(self) -> bool:
        """Whether the side that has gone had transferred the other one, or another call took its place (RFC 3891): then
        who that led to is joined. Who transfers may be gone before anybody answers (RFC 5589 §6.1)."""
        gone, stays = (self.a, self.b) if self.a.end is not None else (self.b, self.a)
        heir = gone.successor
        if stays.end is not None or heir is None or not await self._answers(heir, stays):
            return False
        _join(heir, stays)
        _introduce(heir, stays)
        self.a, self.b = (heir, stays) if gone is self.a else (stays, heir)
        return True

    async def _answers(self, heir: Call, stays: Call) -> bool:
        """Wait until the heir answered; it is called no more where nobody stays for it."""
        await _first_of(_settled(heir), stays.ended(), self._parted.wait())
        if stays.end is None and not self._parted.is_set() and heir.answered_at is not None and heir.end is None:
            return True
        heir.hangup()
        return False


async def _first_of(*those: Coroutine[Any, Any, object]) -> None:
    """Wait until one of these has come, and for none of them any more."""
    waits = [asyncio.ensure_future(each) for each in those]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _settled(call: Call) -> None:
    with suppress(SipError):  # the call's own end tells
        await call.answered()


def _join(a: Call, b: Call) -> None:
    a.voice.bridge_to(b.voice)
    try:
        b.voice.bridge_to(a.voice)
    except BaseException:
        a.voice.bridge_to(None)
        raise
    for one, other in ((a, b), (b, a)):
        one.carry_keys_to(other)
        one.carry_identity_to(other)


def _introduce(one: Call, to: Call) -> None:
    """Tell the far end of a call who answered the other; whoever calls is shown as the call was placed."""
    party = one.connected_line.party
    if party is not None:
        to.connected_line.show(party)


def bridge(a: Call, b: Call, *, hangup: bool = True) -> Bridge:
    """Join two answered calls, from now on. `await bridge(a, b)` returns when one of both has hung up, and has hung up
    the other too, unless `hangup` is False.

    Raises MediaError for calls that are not answered, or have no sound.
    """
    return Bridge(a, b, hangup)
