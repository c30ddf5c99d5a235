"""What the rules remember between two events: states, calls made, waits, requests, and how each judged last.

`decide` is the only one to change it, apart from what the shell brings back from the store at the start.
Everything is bounded by the number of watched extensions times their rules, and by the limits below.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sipclient.config import RuleConfig
from sipclient.protocol.events import ExtensionChanged
from sipclient.rules.agenda import Agenda
from sipclient.rules.requests import Requests
from sipclient.rules.ruleset import RuleSet
from sipclient.rules.values import Evaluation, Job, Requested
from sipclient.rules.window import Window

Key = tuple[str, str, str]  # rule, account, extension


class Settling(msgspec.Struct, frozen=True):
    """A change that must hold until `due`."""

    change: ExtensionChanged
    due: float


class Memory:
    """The rules' state. Times are those of `now`."""

    def __init__(self) -> None:
        self.requests = Requests()
        self.agenda = Agenda()
        self.settling: dict[Key, Settling] = {}
        self.retries: dict[str, Job] = {}
        self.served: set[tuple[str, str]] = set()  # extensions that served a request and did not change since
        self._states: dict[tuple[str, str], str] = {}
        self._latest: dict[tuple[str, str], ExtensionChanged] = {}  # what was heard of them in this run
        self._episodes: dict[Key, int] = {}  # the last episode acted on
        self._windows: dict[str, Window] = {}
        self._evaluations: dict[Key, Evaluation] = {}
        self._last: dict[str, Evaluation] = {}
        self._fired: dict[str, Evaluation] = {}

    @property
    def deadline(self) -> float | None:
        """The next moment at which a Tick is due, None where nothing waits."""
        return self.agenda.deadline

    # --- what the shell brings back from the store ---

    def remember(self, ids: Iterable[str]) -> None:
        """These jobs were made before: their episodes are done."""
        for id in ids:
            rule, _, rest = id.partition("/")
            account, _, rest = rest.partition("/")
            extension, _, episode = rest.rpartition("/")
            if episode.isascii() and episode.isdigit():
                self.mark((rule, account, extension), int(episode))

    def observe(self, account: str, extension: str, state: str) -> None:
        """The state an extension was in."""
        self._states[account, extension] = state

    def restore(self, request: Requested, due: float) -> bool:
        """Somebody camped on an extension before, and does until `due`. False where too many do."""
        kept = self.requests.add(request)
        if kept:
            self.agenda.add(due, "request", (request.id,))
        return kept

    def resume(self, job: Job, due: float) -> None:
        """Try this job's call (its `attempt` says which attempt it is) at `due`."""
        self.retries[job.id] = job
        self.agenda.add(due, "retry", (job.id,))

    def adopt(self, rules: RuleSet) -> list[Requested]:
        """The rules have changed: forget what is about rules that are gone and extensions no longer covered.
        Gives the requests that went with them."""

        def kept(key: Key) -> bool:
            covered = rules.about(key[1], key[2])
            return covered is not None and any(rule.name == key[0] for rule in covered.rules)

        self.settling = {key: value for key, value in self.settling.items() if kept(key)}
        self.retries = {id: job for id, job in self.retries.items() if kept((job.rule, job.watched, job.extension))}
        self._episodes = {key: value for key, value in self._episodes.items() if kept(key)}
        self._evaluations = {key: value for key, value in self._evaluations.items() if kept(key)}
        self._states = {key: value for key, value in self._states.items() if rules.about(*key)}
        self._latest = {key: value for key, value in self._latest.items() if key in self._states}
        self.served &= self._states.keys()
        self._windows = {name: value for name, value in self._windows.items() if name in rules.rules}
        self._last = {name: value for name, value in self._last.items() if name in rules.rules}
        self._fired = {name: value for name, value in self._fired.items() if name in rules.rules}
        dropped = self.requests.keep(lambda account, extension: rules.about(account, extension) is not None)
        for request in dropped:
            self.agenda.drop("request", (request.id,))
        return dropped

    # --- why not ---

    def last(self, rule: str, account: str = "", extension: str = "") -> Evaluation | None:
        """How the rule judged its last change, or its last change of one extension."""
        return self._evaluations.get((rule, account, extension)) if extension else self._last.get(rule)

    def last_firing(self, rule: str) -> Evaluation | None:
        """When the rule acted last."""
        return self._fired.get(rule)

    # --- for decide ---

    def note(self, evaluation: Evaluation) -> None:
        """Remember how a rule judged."""
        name = evaluation.rule
        self._last[name] = self._evaluations[name, evaluation.account, evaluation.extension] = evaluation
        if evaluation.fired:
            self._fired[name] = evaluation

    def heard(self, change: ExtensionChanged) -> None:
        """The extension changed just now."""
        key = change.account, change.extension
        self._states[key] = change.after
        self._latest[key] = change
        self.served.discard(key)

    def state(self, account: str, extension: str) -> str:
        """The state the extension is in; empty where none was heard of."""
        return self._states.get((account, extension), "")

    def standing(self, account: str, extension: str) -> ExtensionChanged | None:
        """The state the extension is in, as a change that changes nothing; None where this run does not know it, or
        not any more."""
        latest = self._latest.get((account, extension))
        if latest is None or latest.after == "unknown":
            return None
        return msgspec.structs.replace(latest, before=latest.after, episode=0, opened=False, closed=False, gap=False)

    def mark(self, key: Key, episode: int) -> None:
        """The rule acted on this episode. Episodes of an extension only grow: the last is enough."""
        self._episodes[key] = max(episode, self._episodes.get(key, 0))

    def done(self, key: Key, episode: int) -> bool:
        """Whether the rule has acted on this episode."""
        return episode != 0 and episode <= self._episodes.get(key, 0)

    def window(self, rule: RuleConfig) -> Window | None:
        """The calls of the rule within its limit's period; None where it has no limit."""
        if rule.limit is None:
            return None
        window = self._windows.get(rule.name)
        if window is None or (window.rate is not rule.limit and window.rate != rule.limit):
            window = self._windows[rule.name] = Window(rule.limit)
        return window
