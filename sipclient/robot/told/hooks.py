"""What is told of hooks."""

from __future__ import annotations

from typing import ClassVar

from sipclient.robot.told.base import Told


class HookStarted(Told, frozen=True):
    """A hook runs."""

    job: str
    hook: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        return f"running {self.hook} ({self.job})"


class HookEnded(Told, frozen=True):
    """A hook returned, or failed: then `error` says how, and `trace` where."""

    job: str
    hook: str
    error: str = ""
    trace: str = ""

    def words(self) -> str:
        if not self.error:
            return f"{self.hook} is done ({self.job})"
        return f"{self.hook} failed: {self.error} ({self.job})" + (f"\n{self.trace}" if self.trace else "")
