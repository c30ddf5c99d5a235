"""All that a robot shows of itself, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sipclient import __version__
from sipclient.client import Client
from sipclient.config import Config
from sipclient.face.shell import Clock
from sipclient.protocol.events import Event, WatchProblem
from sipclient.robot.judge import Judge
from sipclient.robot.told import (
    AccountNotRegistered,
    AccountRegistered,
    RecordingFailed,
    RuleFired,
    RuleSuppressed,
    StateChanged,
    Told,
)
from sipclient.robot.turns import Turns
from sipclient.robot.views.accounts import Accounts
from sipclient.robot.views.bridges import Bridges
from sipclient.robot.views.calls import Calls
from sipclient.robot.views.events import EventLog
from sipclient.robot.views.extensions import Extensions
from sipclient.robot.views.ladders import Ladders
from sipclient.robot.views.lag import Lag
from sipclient.robot.views.rehearsal import Question, SimulatedShape, rehearse
from sipclient.robot.views.rules import Rules
from sipclient.robot.views.shapes import (
    AccountShape,
    DialShape,
    ExtensionShape,
    RuleShape,
    StatusShape,
    Subscriptions,
    Totals,
)


class Views:
    """Fed with `hear` (what the robot tells), `heard` (what its engine says) and the messages of `ladders`.

    `follow` gives it the parts whose state it shows as it is.
    """

    def __init__(self, config: Config, clock: Clock, wall: Callable[[], datetime]) -> None:
        self.config = config
        self.findings: list[str] = []
        self._clock = clock
        self._wall = wall
        self._began = clock.time()
        self.started = wall()
        self.events = EventLog(self.started)
        self.ladders = Ladders(wall)
        self.bridges = Bridges()
        self.calls = Calls(self.ladders.forget, self.bridges.leg)
        self._extensions = Extensions(self._callbacks)
        self._extensions.adopt(config)
        self._accounts = Accounts()
        self._rules = Rules()
        self._lag = Lag(clock)
        self._client: Client
        self._calls_of: Callable[[str], int]
        self._judge: Judge
        self._turns: Turns

    def follow(self, client: Client, calls_of: Callable[[str], int], judge: Judge, turns: Turns) -> None:
        """The parts of the robot."""
        self._client, self._calls_of, self._judge, self._turns = client, calls_of, judge, turns

    def begin(self) -> None:
        """The robot runs: watch how late its clock rings."""
        self._lag.begin()

    def close(self) -> None:
        """Nothing more comes."""
        self._lag.close()
        self.events.close()

    def adopt(self, config: Config) -> None:
        """Another configuration is in force."""
        self.config = config
        self._extensions.adopt(config)
        self._accounts.keep(config.accounts)
        self._rules.adopt(self._judge.rules)

    # --- what is told -------------------------------------------------------------------------------

    def hear(self, news: Told) -> None:
        """The robot tells something."""
        at = self._wall()
        match news:
            case StateChanged():
                self._extensions.changed(news, at)
            case AccountRegistered():
                self._accounts.registered(news, at)
            case AccountNotRegistered():
                self._accounts.lost(news, at)
            case RuleFired():
                self._rules.fired(news, at)
            case RuleSuppressed():
                self._rules.suppressed(news, at)
            case RecordingFailed():
                self.calls.note(news.call, at, "recording-failed", news.reason)
                self.bridges.note(news.bridge, at, "recording-failed", news.reason)
            case _:
                self.calls.hear(news, at)
        self.events.add(news, at)

    def heard(self, event: Event) -> None:
        """The engine says something."""
        if isinstance(event, WatchProblem):
            self._extensions.problem(event)
        else:
            self.calls.heard(event, self._wall())

    # --- what is shown ------------------------------------------------------------------------------

    def now(self) -> datetime:
        """By the wall clock."""
        return self._wall()

    def status(self) -> StatusShape:
        """How the robot is."""
        accounts = list(self.accounts())
        counts = [account.subscriptions for account in accounts]
        dial = self.config.dial
        return StatusShape(
            version=__version__,
            started=self.started,
            uptime=round(self._clock.time() - self._began, 3),
            dry_run=self.config.dry_run,
            dial=DialShape(
                calls_at_once=dial.calls_at_once,
                in_use=self._turns.running,
                calls_per_second=dial.calls_per_second,
                waiting=self._turns.waiting,
            ),
            accounts=Totals(total=len(accounts), registered=sum(account.registered for account in accounts)),
            subscriptions=Subscriptions(
                total=sum(each.active + each.pending + each.lost for each in counts),
                lost=sum(each.lost for each in counts),
            ),
            loop_lag=round(self._lag.seconds, 6),
            findings=self.findings,
        )

    def accounts(self) -> Iterator[AccountShape]:
        """The accounts, in their order."""
        return self._accounts.shapes(self._client.accounts, self._calls_of, self._extensions.counts)

    def extensions(self, account: str = "", state: str = "") -> Iterator[ExtensionShape]:
        """The watched extensions: of one account, in one state, or all."""
        return self._extensions.shapes(self._wall(), account, state)

    def rules(self) -> Iterator[RuleShape]:
        """The rules, in the order of the file."""
        return self._rules.shapes(self._judge.rules, self._judge.memory, self._clock.time(), self._wall())

    def rule(self, name: str, account: str = "", extension: str = "") -> RuleShape | None:
        """One rule, with how it judged its last change, or that of one extension; None for an unknown one."""
        rule = self._judge.rules.rules.get(name)
        if rule is None:
            return None
        return self._rules.shape(rule, self._judge.memory, self._clock.time(), self._wall(), account, extension)

    def simulate(self, name: str, question: Question) -> SimulatedShape | None:
        """What a rule would do about a change that might be; None for an unknown one. Raises InvalidValue."""
        rule = self._judge.rules.rules.get(name)
        if rule is None:
            return None
        watched, judge = self.extensions(), self._judge
        return rehearse(judge.rules, judge.memory, rule, question, watched, self._clock.time(), self._wall())

    def _callbacks(self, account: str, extension: str) -> int:
        return self._judge.memory.requests.count(account, extension)
