"""What is told of accounts and of the extensions that they watch."""

from __future__ import annotations

from typing import ClassVar

from sipclient.robot.told.base import Told


class AccountRegistered(Told, frozen=True):
    """The PBX holds a registration. `expires` in seconds."""

    account: str
    expires: float
    again: bool

    def words(self) -> str:
        return f"{self.account}: registered{' again' if self.again else ''} for {self.expires:g} s"


class AccountNotRegistered(Told, frozen=True):
    """A registration failed or was lost; `retry_in` seconds until the next try, negative for none."""

    account: str
    status: int
    reason: str
    retry_in: float
    next_try: str = ""  # the time of day

    def words(self) -> str:
        why = f"{self.status or ''} {self.reason}".strip()
        return f"{self.account}: not registered: {why}{_next(self.retry_in, self.next_try)}"


class StateChanged(Told, frozen=True):
    """An extension's state changed; see ExtensionChanged for the fields."""

    account: str
    extension: str
    before: str
    after: str
    episode: int
    opened: bool
    closed: bool
    gap: bool
    note: str

    def words(self) -> str:
        part = "opens" if self.opened else "closes" if self.closed else "within"
        episode = f" ({part} episode {self.episode})" if self.episode else ""
        gap = ", partly unseen" if self.gap else ""
        return f"{self.extension}: {self.before} -> {self.after}{episode}{gap}"


class WatchRefused(Told, frozen=True):
    """A subscription was refused or lost; `retry_in` seconds until the next try, negative for none."""

    account: str
    extension: str
    package: str
    status: int
    reason: str
    retry_in: float
    next_try: str = ""

    def words(self) -> str:
        why = f"{self.status or ''} {self.reason}".strip()
        return f"{self.extension}: no {self.package} subscription: {why}{_next(self.retry_in, self.next_try)}"


class VoiceMail(Told, frozen=True):
    """A message summary came."""

    account: str
    waiting: bool
    new: int
    old: int
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"{self.account}: voice messages: {self.new} new, {self.old} old"


def _next(retry_in: float, at: str) -> str:
    if retry_in < 0:
        return "; not tried again"
    return f"; next try in {retry_in:.0f} s" + (f", at {at}" if at else "")
