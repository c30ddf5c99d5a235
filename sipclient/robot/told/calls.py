"""What is told of the calls that we place."""

from __future__ import annotations

from typing import ClassVar

from sipclient.protocol.events import CallEnded
from sipclient.robot.told.base import Told


class CallPlaced(Told, frozen=True):
    """The INVITE left."""

    job: str
    attempt: int
    account: str
    to: str
    caller_id: str
    call_id: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        caller = f" as {self.caller_id}" if self.caller_id else ""
        return f"call to {self.to}{caller} ({self.job}{again})"


class CallRinging(Told, frozen=True):
    """A provisional response came."""

    job: str
    status: int
    reason: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"{self.status} {self.reason} ({self.job})"


class CallRedirected(Told, frozen=True):
    """A 3xx came; `followed` is the contact the call goes on to, empty where [dial] allow names none of them."""

    job: str
    status: int
    contacts: tuple[str, ...]
    followed: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        where = " ".join(self.contacts) or "nowhere"
        then = f"following {self.followed}" if self.followed else "[dial] allow names none of it, not followed"
        return f"{self.status} to {where}: {then} ({self.job})"


class CallAnswered(Told, frozen=True):
    """The call was answered."""

    job: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"answered ({self.job})"


class CallOver(Told, frozen=True):
    """The call ended, answered or not."""

    job: str
    attempt: int
    status: int
    cause: str
    q850: int
    reason: str
    by: str
    answered: bool

    @property
    def _code(self) -> str:
        return f"{self.status} {self.cause}" if self.status else self.cause

    def words(self) -> str:
        how = "ended" if self.answered else "not answered"
        reason = f", {self.reason}" if self.reason and not self.answered else ""
        return f"call {how}: {self._code} by {self.by}{reason} ({self.job})"


class CallNotPlaced(Told, frozen=True):
    """A job whose INVITE was never sent, and will not be."""

    job: str
    reason: str

    def words(self) -> str:
        return f"not called: {self.reason} ({self.job})"


class JobAbandoned(Told, frozen=True):
    """A job of an earlier run that is not carried on; it is never called again."""

    job: str
    to: str
    reason: str
    attempt: int = 1

    def words(self) -> str:
        to = f" to {self.to}" if self.to else ""
        return f"abandoned a call{to} of an earlier run: {self.reason} ({self.job})"


def over(job: str, attempt: int, event: CallEnded) -> CallOver:
    """The end of a call, as the engine has it."""
    end = (event.status, event.cause, event.q850, event.reason, event.by, event.answered)
    return CallOver(job, attempt, *end)
