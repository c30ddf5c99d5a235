"""The ids of events: the same whoever tells the event, in whichever run."""

from __future__ import annotations

from sipclient.robot import told
from sipclient.robot.told import Told


def call_of(news: Told) -> str:
    """Which call an event is about: its job and attempt; empty for none."""
    match news:
        case told.CallPlaced() | told.CallOver() | told.JobAbandoned():
            return f"{news.job}.{news.attempt}"
        case told.CallNotPlaced():
            return f"{news.job}.0"
    return ""


def ends(news: Told) -> bool:
    """Whether nothing follows of its call."""
    return isinstance(news, told.CallOver | told.JobAbandoned | told.CallNotPlaced)


def end_of(call: str) -> str:
    """The id of the event that ends a call, whatever it is: one call, one end."""
    return f"{call}.end"


def id_of(news: Told, run: str, serial: int) -> str:
    """An event's id. Those that begin and end a call have one by which they are known after a crash too."""
    call = call_of(news)
    if not call:
        return f"{run}.{serial}"
    return end_of(call) if ends(news) else f"{call}.begin"
