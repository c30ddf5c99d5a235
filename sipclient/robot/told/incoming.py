"""What is told of calls that reach us."""

from __future__ import annotations

from typing import ClassVar

from sipclient.robot.told.base import Told


class CallReceived(Told, frozen=True):
    """A call reached us: `entry` is the number of the [[incoming]] entry that takes it, from 1, 0 for none; `passed`
    says why those before it do not. `job` stands for the call in what follows."""

    job: str
    account: str
    caller: str
    caller_name: str
    to: str
    call_id: str
    entry: int
    passed: tuple[str, ...] = ()
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        name = f'"{self.caller_name}" ' if self.caller_name else ""
        how = f"entry {self.entry}" if self.entry else f"no entry takes it: {'; '.join(self.passed)}"
        return f"call from {name}{self.caller} for {self.to}: {how} ({self.job})"


class IncomingStep(Told, frozen=True):
    """What is done with a call that reached us: `answered`, `playing`, `recording`, `digits`, `camps-on`, `bridging`,
    `bridged`, `redirected`, `rejected`, or `failed`, where `what` says why."""

    job: str
    step: str
    what: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        return f"{self.step.replace('-', ' ')}{f': {self.what}' if self.what else ''} ({self.job})"
