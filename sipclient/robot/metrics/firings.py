"""How long a rule takes from the NOTIFY it fires on to the INVITE."""

from __future__ import annotations

from collections.abc import Container

from sipclient.robot.told import RuleFired, RuleSuppressed, RuleWaits

MOST = 10_000  # firings whose call has not left


class Firings:
    """When the NOTIFY came of each rule that settles, and of each job that is not placed yet."""

    def __init__(self) -> None:
        self._settling: dict[tuple[str, str, str], float] = {}
        self._jobs: dict[str, tuple[str, float]] = {}

    def settles(self, news: RuleWaits, received_at: float) -> None:
        """A rule waits for its extension to stay as it is."""
        if news.condition == "settle":
            self._settling[news.rule, news.account, news.extension] = received_at

    def suppressed(self, news: RuleSuppressed) -> None:
        """It does not act after all."""
        self._settling.pop((news.rule, news.account, news.extension), None)

    def fired(self, news: RuleFired, received_at: float) -> None:
        """It acts: at once, or on what came before the settle time."""
        began = self._settling.pop((news.rule, news.account, news.extension), received_at)
        if len(self._jobs) < MOST:
            self._jobs[news.job] = news.rule, began

    def over(self, job: str) -> tuple[str, float] | None:
        """The job's call left, or never will: its rule, and when the NOTIFY came; None where that is not known."""
        return self._jobs.pop(job, None)

    def keep(self, rules: Container[str]) -> None:
        """Forget what rules that are gone were waiting for."""
        self._settling = {key: at for key, at in self._settling.items() if key[0] in rules}
