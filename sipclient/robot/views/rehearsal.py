"""A rule asked about a change that might be: every condition with its answer, and what would be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from sipclient.config import RuleConfig
from sipclient.errors import InvalidValue
from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged
from sipclient.robot.views.shapes import ExtensionShape, Shape
from sipclient.rules import Memory, RuleSet, simulate
from sipclient.rules.conditions import CLOSING, CONDITIONS, Case

_TALKING = (State.ON_THE_PHONE, State.ON_HOLD)


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change that might be. What is not said: an extension that the rule is about, its `from` and `to`, and now."""

    extension: Annotated[str, msgspec.Meta(max_length=300)] = ""
    account: Annotated[str, msgspec.Meta(max_length=100)] = ""
    from_: State | None = msgspec.field(name="from", default=None)
    to: State | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class ConditionShape(Shape, frozen=True):
    """A condition, and whether it holds; `detail` says why not. `reached` false: another stood before it, and it was
    not asked."""

    name: str
    passed: bool
    detail: str = ""
    reached: bool = True


class ActionShape(Shape, frozen=True, omit_defaults=True):
    """What would be done: `call` and what would be sent, `run` a hook, `wait` first, or `suppressed` by a condition."""

    kind: Literal["call", "run", "wait", "suppressed"]
    account: str = ""
    to: str = ""
    caller_id: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    timeout: float = 0.0
    run: str = ""
    seconds: float = 0.0
    condition: str = ""
    detail: str = ""


class SimulatedShape(Shape, frozen=True):
    """Whether the rule would act, why or why not, and how each condition was answered, in their order."""

    fires: bool
    because: str
    extension: str
    account: str
    actions: list[ActionShape]
    conditions: list[ConditionShape]


def rehearse(
    rules: RuleSet,
    memory: Memory,
    rule: RuleConfig,
    question: Question,
    watched: Iterable[ExtensionShape],
    now: float,
    at: datetime,
) -> SimulatedShape:
    """What the rule would do. `now` is monotonic, `at` the same moment by the wall clock; `question.at` moves both.

    Raises InvalidValue where no extension is given and the rule is about none.
    """
    seen = _seen(rules, rule, question, watched)
    if seen is None:
        detail = f"{question.extension} is not watched" + (f" by {question.account}" if question.account else "")
        lacking = ConditionShape(name="watched", passed=False, detail=detail)
        return _told(question.extension, question.account, [lacking, *_not_reached("extensions", *CONDITIONS)])
    change = _change(rule, question, seen)
    if question.at is not None:
        now += max(0.0, (question.at - at).total_seconds())
        at = question.at
    conditions = list(_conditions(rules, memory, rule, change, now, at))
    told = _told(seen.extension, seen.account, conditions)
    if not told.fires:
        return told
    because = f"{change.extension} would go from {change.before} to {change.after}"
    actions = list(_actions(Case(rules, memory, rule, change, now, at)))
    return msgspec.structs.replace(told, because=because, actions=actions)


def _told(extension: str, account: str, conditions: list[ConditionShape]) -> SimulatedShape:
    failing = next((each for each in conditions if not each.passed), None)
    actions = [ActionShape(kind="suppressed", condition=failing.name, detail=failing.detail)] if failing else []
    return SimulatedShape(
        fires=failing is None,
        because=failing.detail if failing else "",
        extension=extension,
        account=account,
        actions=actions,
        conditions=conditions,
    )


def _seen(
    rules: RuleSet, rule: RuleConfig, question: Question, watched: Iterable[ExtensionShape]
) -> ExtensionShape | None:
    """The extension in question as it is now; None where it is not watched."""
    account = question.account or str(rule.when.account)
    for each in watched:
        if account not in ("", each.account) or question.extension not in ("", each.extension):
            continue
        if question.extension or _is_about(rules, rule, each.account, each.extension):
            return each
    if not question.extension:
        raise InvalidValue(f"extension: the rule {rule.name} is about none that is watched: name one")
    return None


def _is_about(rules: RuleSet, rule: RuleConfig, account: str, extension: str) -> bool:
    covered = rules.about(account, extension)
    return covered is not None and rule in covered.rules


def _change(rule: RuleConfig, question: Question, seen: ExtensionShape) -> ExtensionChanged:
    """The change in question, in the episode that it would open, go on with, or close."""
    before = question.from_ or State(rule.when.from_.names[0])
    after = question.to or State(rule.when.to.names[0])
    closed = after in CLOSING and (before in _TALKING or (before == State.RINGING and seen.open))
    opened = after == State.ON_THE_PHONE and not seen.open
    episode = (seen.episode if seen.open else seen.episode + 1) if closed or opened or before in _TALKING else 0
    return ExtensionChanged(
        watch=0,
        account=seen.account,
        extension=seen.extension,
        before=before,
        after=after,
        episode=episode,
        opened=opened,
        closed=closed,
    )


def _conditions(
    rules: RuleSet, memory: Memory, rule: RuleConfig, change: ExtensionChanged, now: float, at: datetime
) -> Iterator[ConditionShape]:
    about = _is_about(rules, rule, change.account, change.extension)
    names = ", ".join(each.text for each in rule.when.extensions)
    detail = "" if about else f"{change.extension} of {change.account} is not among {names}"
    yield ConditionShape(name="extensions", passed=about, detail=detail)
    verdicts = {each.condition: each for each in simulate(rules, memory, str(rule.name), change, now, at)}
    for name in CONDITIONS:
        verdict = verdicts.get(name)
        if verdict is not None:
            yield ConditionShape(name=name, passed=verdict.holds, detail=verdict.detail)
        elif name == "settle":
            detail = (
                f"it must stay {change.after} for {rule.settle:g} s" if rule.settle else "the rule waits for nothing"
            )
            yield ConditionShape(name=name, passed=True, detail=detail)
        else:
            yield from _not_reached(name)


def _not_reached(*names: str) -> list[ConditionShape]:
    return [ConditionShape(name=name, passed=False, detail="not reached", reached=False) for name in names]


def _actions(case: Case) -> Iterator[ActionShape]:
    """What would be done, in its order."""
    if case.rule.settle:
        yield ActionShape(kind="wait", seconds=float(case.rule.settle))
    job = case.job
    if job is None:
        yield ActionShape(kind="run", run=str(case.rule.run))
        return
    yield ActionShape(
        kind="call",
        account=job.account,
        to=job.to,
        caller_id=job.caller_id,
        headers=dict(job.headers),
        timeout=job.timeout,
    )
