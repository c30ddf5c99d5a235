"""The rules' one function: an event in, what to do about it out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sipclient.config import LONGEST, RuleConfig
from sipclient.protocol.events import ExtensionChanged
from sipclient.rules.conditions import AT_CHANGE, AT_FIRING, Case, crosses, first_failure, not_its_edge
from sipclient.rules.memory import Key, Memory, Settling
from sipclient.rules.ruleset import RuleSet
from sipclient.rules.values import (
    Action,
    CallFinished,
    Evaluation,
    Event,
    Job,
    PlaceCall,
    Requested,
    RequestExpired,
    RequestWaits,
    RunHook,
    Suppressed,
    Verdict,
    Wait,
    Withdrawn,
)


def decide(rules: RuleSet, memory: Memory, event: Event, now: float, at: datetime) -> list[Action]:
    """What to do about `event`; `memory` takes note of it.

    `now` is monotonic seconds, `at` the same moment by the wall clock, aware of its time zone. What was due
    before `now` is decided first, so a late Tick changes nothing. Call again with a Tick at `memory.deadline`.
    """
    actions: list[Action] = []
    if (deadline := memory.deadline) is not None and deadline <= now:
        _due(rules, memory, now, at, actions)
    match event:
        case ExtensionChanged():
            _changed(rules, memory, event, now, at, actions)
        case CallFinished():
            _finished(rules, memory, event, now, actions)
        case Requested():
            _requested(rules, memory, event, now, at, actions)
        case Withdrawn():
            memory.requests.remove(event.id)
            memory.agenda.drop("request", (event.id,))
    return actions


def simulate(
    rules: RuleSet, memory: Memory, name: str, change: ExtensionChanged, now: float, at: datetime
) -> list[Verdict]:
    """Every condition of the rule held against a change that might be, in their order; nothing happens.

    `settle`, which is a matter of time, is not among them. Where the template gives nothing that may be sent, the
    conditions after it cannot be asked. KeyError for an unknown rule.
    """
    case = Case(rules, memory, rules.rules[name], change, now, at)
    verdicts: list[Verdict] = []
    for condition, fails in {**AT_CHANGE, **AT_FIRING}.items():
        detail = fails(case)
        verdicts.append(Verdict(condition, not detail, detail))
        if condition == "template" and detail:
            break
    return verdicts


def _changed(
    rules: RuleSet, memory: Memory, change: ExtensionChanged, now: float, at: datetime, actions: list[Action]
) -> None:
    covered = rules.about(change.account, change.extension)
    if covered is None:
        return
    previous = memory.state(change.account, change.extension)
    unsure = change.gap or memory.standing(change.account, change.extension) is None
    memory.heard(change)
    for rule in covered.rules:
        if memory.settling:
            _unsettle(memory, rule, change, actions)
        if not crosses(rule, change):
            memory.note(_evaluation(rule, change, at, "edge", not_its_edge(rule, change)))
            continue
        case = Case(rules, memory, rule, change, now, at, previous)
        condition, detail = first_failure(case, AT_CHANGE)
        if condition:
            _suppress(case, condition, detail, actions)
        elif rule.settle:
            _settle(case, actions)
        else:
            _fire(case, actions)
    if unsure and len(memory.requests):
        # Whoever camps on it waits for a state, not for the moment in which it began, which nobody saw.
        _serve_now(rules, memory, change.account, change.extension, now, at, actions)


def _settle(case: Case, actions: list[Action]) -> None:
    due = case.now + case.rule.settle
    case.memory.settling[case.key] = Settling(case.change, due)
    case.memory.agenda.add(due, "settle", case.key)
    case.memory.note(
        _evaluation(
            case.rule, case.change, case.at, "settle", f"it must stay {case.change.after} for {case.rule.settle:g} s"
        )
    )
    actions.append(_wait(case.key, case.change.episode, due, "settle"))


def _unsettle(memory: Memory, rule: RuleConfig, change: ExtensionChanged, actions: list[Action]) -> None:
    """Leaving the state that was to settle ends the wait."""
    key = (str(rule.name), change.account, change.extension)
    settling = memory.settling.get(key)
    if settling is None or settling.change.after == change.after:
        return
    del memory.settling[key]
    memory.agenda.drop("settle", key)
    first = settling.change
    detail = f"it was {first.after} for less than {rule.settle:g} s, then {change.after}"
    actions.append(_suppressed(key, first.episode, "settle", detail))


def _fire(case: Case, actions: list[Action]) -> None:
    condition, detail = first_failure(case, AT_FIRING)
    if condition and condition != "dry-run":
        _suppress(case, condition, detail, actions)
        return
    # A dry run counts as if it had acted: what it tells next is then what would really have come next.
    if (window := case.memory.window(case.rule)) is not None:
        window.add(case.now)
    if case.change.episode:
        case.memory.mark(case.key, case.change.episode)
    if condition:
        _suppress(case, condition, detail, actions)
        return
    if case.request is not None:
        case.memory.requests.remove(case.request.id)
        case.memory.agenda.drop("request", (case.request.id,))
        case.memory.served.add(case.key[1:])
    case.memory.note(_evaluation(case.rule, case.change, case.at, "", ""))
    actions.append(_action(case))


def _action(case: Case) -> Action:
    change, job = case.change, case.job
    asked_late = change.before == change.after
    because = f"{change.extension} {'is' if asked_late else f'went from {change.before} to'} {change.after}"
    because += f", closing episode {change.episode}" if change.closed else ""
    because += f", and stayed so for {case.rule.settle:g} s" if case.rule.settle else ""
    if case.request is not None:
        because += f", and {case.request.caller or 'somebody'} camps on it"
    if job is not None:
        return PlaceCall(job, because)
    file, _, function = str(case.rule.run).rpartition(":")
    return RunHook(
        id=case.id,
        rule=case.key[0],
        file=file,
        function=function,
        change=change,
        because=because,
        request=case.request,
    )


def _due(rules: RuleSet, memory: Memory, now: float, at: datetime, actions: list[Action]) -> None:
    """Whatever waited for a moment that has come."""
    for kind, entry in memory.agenda.due(now):
        if kind == "settle":
            settling = memory.settling.pop((entry[0], entry[1], entry[2]), None)
            rule = rules.rules.get(entry[0])
            if settling is not None and rule is not None:
                _fire(Case(rules, memory, rule, settling.change, now, at), actions)
        elif kind == "retry":
            job = memory.retries.pop(entry[0], None)
            if job is not None and job.rule in rules.rules:
                _try_again(rules, memory, job, at, actions)
        else:
            request = memory.requests.remove(entry[0])
            actions += [RequestExpired(request)] if request is not None else []


def _finished(rules: RuleSet, memory: Memory, event: CallFinished, now: float, actions: list[Action]) -> None:
    """A call that failed is tried again where its rule says so."""
    job = event.job
    rule = rules.rules.get(job.rule)
    call = rule.call if rule is not None else None
    if event.answered or call is None or call.retry is None or not call.retry.matches(event.status, event.cause):
        return
    if job.attempt > call.retry.times:
        actions.append(_suppressed(_key(job), job.episode, "retry", f"{event.cause} after {job.attempt} attempts"))
        return
    due = now + call.retry.pause(job.attempt)
    memory.resume(msgspec.structs.replace(job, attempt=job.attempt + 1), due)
    actions.append(_wait(_key(job), job.episode, due, "retry"))


def _try_again(rules: RuleSet, memory: Memory, job: Job, at: datetime, actions: list[Action]) -> None:
    """What the call would say must still be true. The rule's limit is about episodes, not attempts."""
    rule, state = rules.rules[job.rule], memory.state(job.watched, job.extension)
    if state != job.state:
        detail = f"{job.extension} is {state or 'unknown'}, no longer {job.state}"
    elif rule.hours is not None and not rule.hours.is_open(at):
        detail = rule.hours.outside(at)
    elif not rules.allows(job.account, job.to):
        detail = f'[dial] allow does not name "{job.to}"'
    else:
        actions.append(PlaceCall(job, f"attempt {job.attempt} for {job.extension}"))
        return
    actions.append(_suppressed(_key(job), job.episode, "retry", detail))


def _requested(
    rules: RuleSet, memory: Memory, request: Requested, now: float, at: datetime, actions: list[Action]
) -> None:
    """Somebody camps on an extension. Where nobody does before him, and it is ready, he need not wait."""
    if request.id in memory.requests:
        return
    account, extension = request.account, request.extension
    covered = rules.about(account, extension)
    before = memory.requests.of_the_same(request)
    if before is not None:
        request = msgspec.structs.replace(request, id=before.id)
    if covered is None or all(rule.armed == "always" for rule in covered.rules):
        detail = "no rule that is armed on request covers it"
    elif not memory.requests.add(request):
        detail = "too many requests wait already"
    else:
        memory.agenda.add(now + min(max(0.0, request.expires), LONGEST), "request", (request.id,))
        actions.append(RequestWaits(request, before is not None))
        if memory.requests.first(account, extension) is request:
            memory.served.discard((account, extension))
            _serve_now(rules, memory, account, extension, now, at, actions)
        return
    actions.append(_suppressed(("", account, extension), 0, "request", detail))


def _serve_now(
    rules: RuleSet, memory: Memory, account: str, extension: str, now: float, at: datetime, actions: list[Action]
) -> None:
    """Serve whoever is first, where the extension is in the state already that a rule waits for."""
    standing, covered = memory.standing(account, extension), rules.about(account, extension)
    if standing is None or covered is None:
        return
    for rule in covered.rules:
        if rule.armed == "always" or standing.after not in rule.when.to:
            continue
        case = Case(rules, memory, rule, standing, now, at)
        if case.request is None or case.key in memory.settling or case.key[1:] in memory.served:
            return
        if rule.settle:
            _settle(case, actions)
        else:
            _fire(case, actions)


def _key(job: Job) -> Key:
    return job.rule, job.watched, job.extension


def _wait(key: Key, episode: int, until: float, condition: str) -> Wait:
    rule, account, extension = key
    return Wait(rule=rule, account=account, extension=extension, episode=episode, until=until, condition=condition)


def _suppress(case: Case, condition: str, detail: str, actions: list[Action]) -> None:
    case.memory.note(_evaluation(case.rule, case.change, case.at, condition, detail))
    actions.append(_suppressed(case.key, case.change.episode, condition, detail))


def _suppressed(key: Key, episode: int, condition: str, detail: str) -> Suppressed:
    rule, account, extension = key
    return Suppressed(
        rule=rule, account=account, extension=extension, episode=episode, condition=condition, detail=detail
    )


def _evaluation(rule: RuleConfig, change: ExtensionChanged, at: datetime, condition: str, detail: str) -> Evaluation:
    return Evaluation(
        rule=str(rule.name),
        at=at,
        account=change.account,
        extension=change.extension,
        before=change.before,
        after=change.after,
        episode=change.episode,
        fired=not condition,
        condition=condition,
        detail=detail,
    )
