"""From the engine's events to what is told of them; calls and states are told where they are dealt with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sipclient.protocol.events import (
    Event,
    MessagesWaiting,
    Registered,
    RegistrationLost,
    Traced,
    WatchProblem,
)
from sipclient.robot import told
from sipclient.robot.told import Told


def told_of(event: Event, wall: Callable[[], datetime]) -> Told | None:
    """None for what nobody needs to hear."""
    match event:
        case Registered():
            return told.AccountRegistered(event.account, event.expires, event.again)
        case RegistrationLost():
            at = _time(event.retry_in, wall)
            return told.AccountNotRegistered(event.account, event.status, event.reason, event.retry_in, at)
        case WatchProblem(retry_in=0.0):
            # Asked anew at once, as after a restart of the PBX: a line for each of a hundred extensions helps nobody.
            why = f"{event.status or ''} {event.reason}".strip()
            return told.Notice("debug", f"{event.extension}: {event.package} is subscribed to anew: {why}")
        case WatchProblem():
            at = _time(event.retry_in, wall)
            what = (event.account, event.extension, event.package, event.status, event.reason)
            return told.WatchRefused(*what, event.retry_in, at)
        case MessagesWaiting(account=account, summary=summary):
            return told.VoiceMail(account, summary.waiting, summary.new, summary.old)
        case Traced():
            return told.Notice("debug", f"{event.account}: {event.text}" if event.account else event.text)
    return None


def _time(retry_in: float, wall: Callable[[], datetime]) -> str:
    """The local time of day of the next try; empty where there is none."""
    return (wall() + timedelta(seconds=retry_in)).astimezone().strftime("%H:%M:%S") if retry_in >= 0 else ""
