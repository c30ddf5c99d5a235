"""The rules: when each acted last, and why it did not act on what came after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from sipclient.config import RuleConfig
from sipclient.robot.told import RuleFired, RuleSuppressed
from sipclient.robot.views.shapes import Decision, Fired, RuleShape, WhyNot
from sipclient.rules import Evaluation, Memory, RuleSet


class Rules:
    """What was told of each rule; how it judged last is in the memory of the rules themselves."""

    def __init__(self) -> None:
        self._fired: dict[str, Fired] = {}
        self._why_not: dict[str, WhyNot] = {}
        self._acted: Counter[str] = Counter()
        self._suppressed: Counter[str] = Counter()

    def fired(self, news: RuleFired, at: datetime) -> None:
        """A rule acts."""
        self._acted[news.rule] += 1
        self._fired[news.rule] = Fired(
            at=at, account=news.account, extension=news.extension, job=news.job, because=news.because
        )

    def suppressed(self, news: RuleSuppressed, at: datetime) -> None:
        """A rule does not act on a change of its."""
        self._suppressed[news.rule] += 1
        self._why_not[news.rule] = WhyNot(
            at=at,
            account=news.account,
            extension=news.extension,
            condition=news.condition,
            detail=news.detail,
        )

    def adopt(self, rules: RuleSet) -> None:
        """Forget those that are gone."""
        for kept in (self._fired, self._why_not, self._acted, self._suppressed):
            for name in [name for name in kept if name not in rules.rules]:
                del kept[name]

    def shapes(self, rules: RuleSet, memory: Memory, now: float, at: datetime) -> Iterator[RuleShape]:
        """All of them, in the order of the file. `now` is monotonic, `at` the same moment by the wall clock."""
        for name in rules.rules:
            yield self.shape(rules.rules[name], memory, now, at)

    def shape(
        self, rule: RuleConfig, memory: Memory, now: float, at: datetime, account: str = "", extension: str = ""
    ) -> RuleShape:
        """One rule, with how it judged its last change, or the last one of one extension."""
        name = str(rule.name)
        judged = memory.last(name, account, extension)
        window = memory.window(rule)
        free = window.free_at(now) if window is not None else now
        return RuleShape(
            name=name,
            enabled=True,
            account=str(rule.when.account),
            extensions=[each.text for each in rule.when.extensions],
            from_=list(rule.when.from_.names),
            to=list(rule.when.to.names),
            settle=float(rule.settle),
            armed=str(rule.armed),
            action=f"call {rule.call.to}" if rule.call is not None else f"run {rule.run}",
            hours=str(rule.hours) if rule.hours is not None else "",
            limit=str(rule.limit) if rule.limit is not None else "",
            last_fired=self._fired.get(name),
            last_decision=_decision(judged) if judged is not None else None,
            last_suppressed=self._why_not.get(name),
            fired_total=self._acted[name],
            suppressed_total=self._suppressed[name],
            next_allowed=at + timedelta(seconds=free - now) if free > now else None,
        )


def _decision(judged: Evaluation) -> Decision:
    return Decision(
        at=judged.at,
        account=judged.account,
        extension=judged.extension,
        before=judged.before,
        after=judged.after,
        fired=judged.fired,
        condition=judged.condition,
        detail=judged.detail,
    )
