"""The conditions of a rule, in the order they are asked. The first that fails is what the user is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType

from sipclient.config import CallConfig, RuleConfig
from sipclient.config.values import lasting
from sipclient.errors import InvalidValue
from sipclient.protocol.events import ExtensionChanged
from sipclient.rules.memory import Memory
from sipclient.rules.ruleset import RuleSet
from sipclient.rules.values import Job

CLOSING = ("ready", "offline")  # the states that close an episode


def crosses(rule: RuleConfig, change: ExtensionChanged) -> bool:
    """Whether the change is the rule's edge.

    From on-the-phone to ready (or offline) means an episode that it closed, whatever lay between; any other
    pair is meant literally. Nothing is known of a state before `unknown`, so that is never an edge, but for an
    episode that closed in the gap.
    """
    wanted, before, after = rule.when, change.before, change.after
    if after not in wanted.to:
        return False
    if after in CLOSING and "on-the-phone" in wanted.from_:
        if change.closed:
            return True
        if before == "on-the-phone":
            return False
    return before != after and before in wanted.from_


def not_its_edge(rule: RuleConfig, change: ExtensionChanged) -> str:
    """The same in words, for a change that is not."""
    return f"{change.before} to {change.after} is not {rule.when.from_.text} to {rule.when.to.text}"


class Case:
    """One rule and one change of its edge, at one moment."""

    def __init__(
        self,
        rules: RuleSet,
        memory: Memory,
        rule: RuleConfig,
        change: ExtensionChanged,
        now: float,
        at: datetime,
        previous: str = "",
    ) -> None:
        self.rules = rules
        self.memory = memory
        self.rule = rule
        self.change = change
        self.now = now
        self.at = at
        self.previous = previous  # the state that was reported last, empty for none
        self.request = memory.requests.first(change.account, change.extension) if rule.armed != "always" else None
        self._job: Job | None = None
        self.key = (str(rule.name), change.account, change.extension)

    @property
    def id(self) -> str:
        """The same for every report of this change: the episode's number, or the time where there is none. For a
        request it is the request's, so that each has one call, whatever its extension goes through."""
        if self.request is not None:
            return "/".join((*self.key, self.request.id))
        episode = str(self.change.episode or f"at-{self.at.isoformat()}")
        return "/".join((*self.key, episode))

    @property
    def job(self) -> Job | None:
        """The call to place, None for a hook. Raises InvalidValue where a template gives what must not be sent."""
        if self._job is None and self.rule.call is not None:
            self._job = self._made(self.rule.call)
        return self._job

    def _made(self, call: CallConfig) -> Job:
        change, request, values = self.change, self.request, self._values()
        return Job(
            id=self.id,
            rule=self.key[0],
            account=str(call.account) or change.account,
            to=call.to.render(values),
            watched=change.account,
            extension=change.extension,
            episode=change.episode,
            state=change.after,
            caller_id=call.caller_id.render(values),
            headers=call.headers.render(values),
            timeout=float(call.timeout),
            request=request.id if request else "",
            variables=request.variables if request else (),
        )

    def _values(self) -> dict[str, str]:
        change, request = self.change, self.request
        values = {
            "extension": change.extension,
            "before": change.before,
            "after": change.after,
            "account": change.account,
            "note": change.note,
            "episode": str(change.episode),
            "rule": self.key[0],
            "at": self.at.isoformat(timespec="seconds"),
        }
        if request is not None:
            values |= {"caller": request.caller, "caller_name": request.caller_name}
            values |= {f"variables.{name}": value for name, value in request.variables}
        return values


def edge(case: Case) -> str:
    """The change is from one of `from` to one of `to`."""
    if crosses(case.rule, case.change):
        return ""
    return not_its_edge(case.rule, case.change)


def missed(case: Case) -> str:
    """It was seen as it happened, or the watch says to act on what was missed."""
    covered = case.rules.about(*case.key[1:])
    if not case.change.gap or (covered is not None and covered.missed == "act"):
        return ""
    return "it passed while the state was not known, and the watch says to tell, not to act"


def once(case: Case) -> str:
    """The rule has not acted on this episode yet, nor waits to; outside any episode, the change is news."""
    episode = case.change.episode
    if not episode and case.previous == case.change.after:
        return f"{case.change.extension} was {case.previous} already"
    if case.memory.done(case.key, episode):
        return f"episode {episode} was acted on already"
    settling = case.memory.settling.get(case.key)
    if settling is not None and episode and settling.change.episode == episode:
        return f"episode {episode} is settling already"
    return ""


def armed(case: Case) -> str:
    """Somebody camps on the extension, where that is asked for; one of them is served each time it becomes ready."""
    if case.rule.armed == "always":
        return ""
    if case.request is None:
        return f"nobody camps on {case.change.extension}"
    if case.key[1:] in case.memory.served:
        return f"one request was served; the next is when {case.change.extension} becomes {case.change.after} again"
    return ""


def hours(case: Case) -> str:
    """It is within the hours."""
    if case.rule.hours is None or case.rule.hours.is_open(case.at):
        return ""
    return case.rule.hours.outside(case.at)


def limit(case: Case) -> str:
    """The rule has not acted too often lately."""
    window = case.memory.window(case.rule)
    if window is None or (free := window.free_at(case.now)) <= case.now:
        return ""
    return f"{case.rule.limit} is used up for {lasting(free - case.now)} more"


def template(case: Case) -> str:
    """What the templates give may be sent."""
    try:
        return "" if case.job is None or case.job.to else "the template of `to` gives nothing to call"
    except InvalidValue as error:
        return str(error)


def allow(case: Case) -> str:
    """`[dial] allow` names the target."""
    job = case.job
    if job is None or case.rules.allows(job.account, job.to):
        return ""
    return f'[dial] allow does not name "{job.to}"'


def dry_run(case: Case) -> str:
    """This is no dry run."""
    return f"dry run: {case.job.to if case.job else case.rule.run} would have been next" if case.rules.dry_run else ""


# Asked when the change comes; then the settle time passes; then the rest is asked.
AT_CHANGE = MappingProxyType({"edge": edge, "missed": missed, "once": once})
AT_FIRING = MappingProxyType(
    {"armed": armed, "hours": hours, "limit": limit, "template": template, "allow": allow, "dry-run": dry_run}
)
CONDITIONS = (*AT_CHANGE, "settle", *AT_FIRING)


def first_failure(case: Case, conditions: MappingProxyType[str, Callable[[Case], str]]) -> tuple[str, str]:
    """The first condition that fails, and how; both empty where none does."""
    for name, condition in conditions.items():
        if detail := condition(case):
            return name, detail
    return "", ""
