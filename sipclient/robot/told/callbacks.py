"""What is told of those who camp on an extension."""

from __future__ import annotations

from typing import ClassVar

from sipclient.robot.told.base import Told


class CallbackWaits(Told, frozen=True):
    """Somebody camps on an extension from now on, for `expires` seconds; `renewed`: he did before."""

    callback: str
    account: str
    extension: str
    caller: str
    caller_name: str
    expires: float
    renewed: bool
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        how = "camps on" if not self.renewed else "still camps on"
        return f"{self.caller or 'somebody'} {how} {self.extension} for {self.expires:.0f} s ({self.callback})"


class CallbackServed(Told, frozen=True):
    """A rule acts for whoever camped on the extension: `job` is the id of its call or hook."""

    callback: str
    account: str
    extension: str
    caller: str
    job: str

    def words(self) -> str:
        return f"{self.caller or 'whoever camped'} on {self.extension} is served: {self.job} ({self.callback})"


class CallbackOver(Told, frozen=True):
    """Somebody camps on an extension no longer, and no rule acted: it expired, or was cancelled."""

    callback: str
    account: str
    extension: str
    caller: str
    reason: str

    def words(self) -> str:
        return f"{self.caller or 'somebody'} camps on {self.extension} no longer: {self.reason} ({self.callback})"


class CallbackRefused(Told, frozen=True):
    """Somebody cannot camp on an extension."""

    extension: str
    caller: str
    reason: str

    def words(self) -> str:
        return f"{self.caller or 'somebody'} cannot camp on {self.extension}: {self.reason}"
