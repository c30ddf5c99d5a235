"""`sipclient call URI`."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from typing import Annotated

import typer

from sipclient.call import Call
from sipclient.cli.loop import INTERRUPTED
from sipclient.cli.loop import run as run_loop
from sipclient.cli.options import (
    LEAVING,
    AccountName,
    Address,
    Caller,
    CallerId,
    ConfigFile,
    HeaderTexts,
    Register,
    Server,
    caller,
    headers_of,
    ringing_time,
    seconds,
)
from sipclient.cli.patience import Patience
from sipclient.client import Client
from sipclient.config.values import visible
from sipclient.errors import InvalidValue, NotAllowed, SipError
from sipclient.face.course import CallState

FAREWELL = 2.0  # seconds that a hangup may take: with LEAVING after it 5 in all, as for `run`
_WORDS = {
    CallState.CALLING: "calling",
    CallState.RINGING: "ringing",
    CallState.EARLY: "early media",
    CallState.ANSWERED: "answered",
}


def call(
    target: Annotated[str, typer.Argument(metavar="URI", help="A number, or sip:user@host.")],
    caller_id: CallerId = "",
    header: HeaderTexts = None,
    timeout: Annotated[str, typer.Option("--timeout", help="Until it must be answered: 45s.")] = "45s",
    hold_for: Annotated[str, typer.Option("--hold-for", help="Hang up so long after the answer: 10s.")] = "",
    config: ConfigFile = "",
    account: AccountName = "",
    address: Address = "",
    server: Server = "",
    register: Register = False,
) -> None:
    """Status 0: answered and ended; 1: not answered. Ctrl-C hangs up."""
    who = caller(config, account, address, server, register)
    headers = headers_of(header)
    limits = ringing_time("--timeout", timeout), seconds("--hold-for", hold_for)
    if not who.may_call(target):
        raise NotAllowed(f'[dial] allow does not name "{target}": nothing was sent')
    raise typer.Exit(run_loop(_call(who, target, caller_id, headers, *limits)))


async def _call(
    who: Caller, target: str, caller_id: str, headers: list[tuple[str, str]], ring_for: float, hold_for: float
) -> int:
    with Patience(who.account, lambda text: print(f"         {text}", file=sys.stderr, flush=True)) as patience:
        async with Client(who.account, follow=who.may_call, on_event=patience.hear, stop_timeout=LEAVING) as client:
            placed = client.dial(target, caller_id, headers, ring_for)
            return await _follow(placed, hold_for)


async def _follow(placed: Call, hold_for: float) -> int:
    """Show the call to its end, which is ours to make after `hold_for` seconds, if that is not 0."""
    began = time.monotonic()
    interrupted = False
    loop = asyncio.get_running_loop()
    hang_up: asyncio.TimerHandle | None = None
    try:
        async for state in placed:
            if state is CallState.ENDED:
                await _refuse_wrong_use(placed)
            _show(placed, state, time.monotonic() - began)
            if state is CallState.ANSWERED and hold_for:
                hang_up = loop.call_later(hold_for, placed.hangup)
    except asyncio.CancelledError:
        interrupted = True
        placed.hangup()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await placed.ended()
        _show(placed, CallState.ENDED, time.monotonic() - began)
    finally:
        if hang_up is not None:
            hang_up.cancel()
    if placed.answered_at is not None:
        return 0
    return INTERRUPTED if interrupted else 1


async def _refuse_wrong_use(placed: Call) -> None:
    """Raises InvalidValue where the call was never sent for what it asks for: that is no failed call."""
    try:
        await placed.answered()
    except InvalidValue:
        raise
    except SipError:
        return  # the call's own end tells


def _show(placed: Call, state: CallState, elapsed: float) -> None:
    if state is not CallState.ENDED:
        print(f"{elapsed:7.2f} s  {_WORDS[state]} {placed.to}", flush=True)
        return
    end = placed.end
    code = f"{placed.status or ''} {placed.cause}".strip()
    by = f" by {end.by}" if end is not None else ""
    reason = f" ({visible(placed.reason)})" if placed.reason else ""  # the words are the other side's
    word = "ended" if placed.answered_at is not None else "failed"
    print(f"{elapsed:7.2f} s  {word}: {code}{by}{reason}", flush=True)
