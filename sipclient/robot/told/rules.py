"""What is told of rules: they fire, they wait, or why they do not act."""

from __future__ import annotations

from sipclient.config.values import lasting
from sipclient.robot.told.base import Told


class RuleFired(Told, frozen=True):
    """A rule acts: `job` is the id of its call or hook."""

    rule: str
    account: str
    extension: str
    episode: int
    job: str
    because: str

    def words(self) -> str:
        return f"rule {self.rule} fires: {self.because}"


class RuleSuppressed(Told, frozen=True):
    """A rule does not act on a change of its: `condition` is the first that failed."""

    rule: str
    account: str
    extension: str
    episode: int
    condition: str
    detail: str

    def words(self) -> str:
        return f"rule {self.rule} does not act on {self.extension}: {self.condition}: {self.detail}"


class RuleWaits(Told, frozen=True):
    """A rule waits for its settle time, or for its next attempt."""

    rule: str
    account: str
    extension: str
    episode: int
    condition: str
    seconds: float

    def words(self) -> str:
        return f"rule {self.rule} waits {lasting(self.seconds)} for {self.extension} ({self.condition})"
