"""What a call asks of its far end within the dialog, and the answers: keys by INFO, offers, transfers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from sipclient.errors import CallFailed, InvalidValue, MalformedBody, MediaError, SipError
from sipclient.face.voice import Voice
from sipclient.media.dtmf import KeyPress, check_keys, check_times, info_body, parse_info
from sipclient.protocol.causes import cause_of
from sipclient.protocol.events import (
    CallEnded,
    Command,
    InCallRequest,
    InCallResponded,
    OfferAnswered,
    SendInCall,
    Transfer,
    TransferProgress,
)

_RELAY = "application/dtmf-relay"
_WAIT = 0.5  # seconds that a comma among keys stands for
_METHODS = ("auto", "rtp", "info")


class Line(Protocol):
    """What takes commands and runs what is slow."""

    def do(self, command: Command) -> None:
        """Give the engine a command."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something slow; the client owns the task and awaits it."""


class Talking(Protocol):
    """A call, as a transfer sees it."""

    id: int
    answered_at: datetime | None
    end: CallEnded | None

    def hangup(self, cause: str | int | None = None) -> None:
        """End it."""


class News:
    """The answers that one call waits for. When it ends, whoever waits gets None."""

    def __init__(self) -> None:
        self._requests = itertools.count(1)
        self._answers: dict[int, asyncio.Future[InCallResponded | None]] = {}
        self._progress: dict[int, asyncio.Queue[TransferProgress | None]] = {}
        self._offer: asyncio.Future[OfferAnswered | None] | None = None
        self._ended = False

    def request(self) -> int:
        """The number of a request whose answer will be waited for."""
        number = next(self._requests)
        self._answers[number] = asyncio.get_running_loop().create_future()
        if self._ended:
            self._answers[number].set_result(None)
        return number

    async def answer(self, request: int) -> InCallResponded | None:
        """The final response to it."""
        try:
            return await self._answers[request]
        finally:
            del self._answers[request]

    def follow(self, request: int) -> asyncio.Queue[TransferProgress | None]:
        """What becomes of a transfer, from now on."""
        return self._progress.setdefault(request, asyncio.Queue())

    def forget(self, request: int) -> None:
        """Nobody waits for its outcome any more."""
        self._progress.pop(request, None)

    def offer_answer(self) -> asyncio.Future[OfferAnswered | None]:
        """The answer to the offer that is about to be made."""
        self._offer = asyncio.get_running_loop().create_future()
        if self._ended:
            self._offer.set_result(None)
        return self._offer

    # --- what the engine says -----------------------------------------------------------------------

    def responded(self, event: InCallResponded) -> None:
        """A request of ours was answered."""
        waiting = self._answers.get(event.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(event)

    def progressed(self, event: TransferProgress) -> None:
        """A transfer of ours got on."""
        waiting = self._progress.get(event.request)
        if waiting is not None:
            waiting.put_nowait(event)

    def offer_answered(self, event: OfferAnswered) -> None:
        """An offer of ours was answered."""
        if self._offer is not None and not self._offer.done():
            self._offer.set_result(event)

    def close(self) -> None:
        """The call ended."""
        self._ended = True
        for waiting in (*self._answers.values(), *((self._offer,) if self._offer is not None else ())):
            if not waiting.done():
                waiting.set_result(None)
        for queue in self._progress.values():
            queue.put_nowait(None)


class Keypad:
    """The keys of a call, ours by RTP or INFO, and the far end's by INFO."""

    def __init__(self, call: int, line: Line, news: News, voice: Voice) -> None:
        self.carried: Callable[[str], Awaitable[None]] | None = None  # presses a key in the other call of a bridge
        self._call = call
        self._line = line
        self._news = news
        self._voice = voice

    async def press(self, keys: str, method: str, seconds: float, gap: float) -> None:
        """Press them, one after the other."""
        if method not in _METHODS:
            raise InvalidValue(f"{method!r}: keys go by {', '.join(_METHODS)}")
        pressed = [check_keys(part) for part in keys.replace("p", ",").split(",")]
        check_times(seconds, gap)
        by_rtp = method != "info" and self._voice.takes_keys(required=method == "rtp")
        for place, part in enumerate(pressed):
            if place:
                await asyncio.sleep(_WAIT)
            if part and by_rtp:
                self._voice.stream.press(part, seconds, gap)
                await asyncio.sleep(len(part) * (seconds + gap))
            elif part:
                await self._inform(part, seconds, gap)

    async def _inform(self, keys: str, seconds: float, gap: float) -> None:
        for key in keys:
            request = self._news.request()
            self._line.do(SendInCall(self._call, request, "INFO", (), info_body(KeyPress(key, seconds)), _RELAY))
            answer = await self._news.answer(request)
            if answer is None or answer.status >= 300:
                status, reason = (answer.status, answer.reason) if answer else (0, "the call ended")
                raise CallFailed(status, cause_of(status)[0], reason)
            await asyncio.sleep(gap)

    def heard(self, event: InCallRequest) -> None:
        """A request in the call that the engine has answered: an INFO may tell of a key."""
        if event.method != "INFO":
            return
        try:
            press = parse_info(event.message.headers.get("Content-Type") or "", event.message.body)
        except MalformedBody:
            return  # a key that cannot be read is none
        if press is None:
            return
        self._voice.pressed(press.key)
        if self.carried is not None:
            self._line.spawn(self._carry(self.carried, press.key))

    async def _carry(self, press: Callable[[str], Awaitable[None]], key: str) -> None:
        with suppress(SipError):  # a key the other side does not take is lost, as on any line
            await press(key)


async def transfer(call: Talking, line: Line, news: News, to: str | Talking, patience: float) -> None:
    """See Call.transfer."""
    if call.answered_at is None or call.end is not None:
        raise MediaError("only an answered call can be transferred")
    other = None if isinstance(to, str) else to
    request = news.request()
    progress = news.follow(request)
    try:
        line.do(Transfer(call.id, request, to if isinstance(to, str) else "", other.id if other is not None else None))
        answer = await news.answer(request)
        if answer is None or answer.status >= 300:
            status, reason = (answer.status, answer.reason) if answer else (0, "the call ended")
            raise CallFailed(status, cause_of(status)[0], reason)
        status, reason = await _outcome(progress, patience)
    finally:
        news.forget(request)
    if status >= 300:
        raise CallFailed(status, cause_of(status)[0], reason)
    for each in (call, other):
        if each is not None:
            each.hangup()


async def _outcome(progress: asyncio.Queue[TransferProgress | None], patience: float) -> tuple[int, str]:
    """The final status of the new call; 0 where the far end left before it told, as some do when all went well."""
    try:
        async with asyncio.timeout(patience):
            while (told := await progress.get()) is not None:
                if told.over:
                    return told.status, told.reason
    except TimeoutError:
        return 408, f"the outcome of the transfer was not told within {patience:g} s"
    return 0, ""
