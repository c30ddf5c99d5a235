"""The far end of a call asks us to call somebody else: we do, where that is permitted, and tell it how that goes."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.call import Call
from sipclient.errors import CallFailed, SipError
from sipclient.face.course import CallState
from sipclient.protocol.events import AnswerTransfer, Command, TellTransfer, TransferAsked

_TOLD = {CallState.RINGING: 180, CallState.EARLY: 183}


async def follow_transfer(
    event: TransferAsked, call: Call, dial: Callable[[TransferAsked], Call], do: Callable[[Command], None]
) -> None:
    """Accept, call in the place of `call`, and tell the outcome (RFC 3515 §2.4.4). `dial` places the new call, which
    becomes the `successor` of the old; it raises a SipError for what may not be called."""
    try:
        successor = dial(event)
    except SipError:
        do(AnswerTransfer(event.request, 603))
        return
    do(AnswerTransfer(event.request))
    call.successor = successor
    async for state in successor:
        if state in _TOLD:
            do(TellTransfer(event.request, _TOLD[state]))
        elif state is CallState.ANSWERED:
            do(TellTransfer(event.request, 200))
            return
    try:
        await successor.answered()
    except CallFailed as failure:
        do(TellTransfer(event.request, failure.status or 503, failure.reason if failure.status else ""))
    except SipError:
        do(TellTransfer(event.request, 503))
