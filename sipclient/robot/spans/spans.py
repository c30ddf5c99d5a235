"""The observer that makes spans of what it hears."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from opentelemetry.trace import SpanKind, Tracer

from sipclient.client import Client
from sipclient.face.progress import BridgeProgress
from sipclient.face.tasks import Tasks
from sipclient.protocol.events import Calling, Event
from sipclient.robot.observer import Scene
from sipclient.robot.spans.open import OpenSpan, OpenSpans
from sipclient.robot.told import (
    CallAnswered,
    CallNotPlaced,
    CallOver,
    CallPlaced,
    CallReceived,
    CallRedirected,
    CallRinging,
    HookEnded,
    HookStarted,
    IncomingStep,
    JobAbandoned,
    Reloaded,
    RuleFired,
    RuleSuppressed,
    RuleWaits,
    Told,
)


class Spans:
    """What a robot does, as spans of `tracer`: make it an observer of the robot.

    A `run` is what calls belong to: the firing of a rule, or a call that reached us. Calls and hooks are its
    children, and so are the bridges it asks for; what nobody's run asked for, as over HTTP, has no parent.
    """

    def __init__(self, tracer: Tracer, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._open = OpenSpans(tracer, wall)
        self._tasks = Tasks()
        self._scene: Scene
        self._leg: tuple[str, str, str] = ("", "", "")  # of the call that begins: its Call-ID, its bridge, the side
        self._told: dict[type[Told], Callable[[Any], None]] = {
            RuleFired: self._fired,
            RuleWaits: self._waits,
            RuleSuppressed: self._suppressed,
            Reloaded: self._reloaded,
            CallPlaced: self._placed,
            CallRinging: lambda news: self._note(news, "ringing", status=news.status),
            CallRedirected: lambda news: self._note(news, "redirected", status=news.status, followed=news.followed),
            CallAnswered: lambda news: self._note(news, "answered"),
            CallOver: self._over,
            CallNotPlaced: lambda news: self._open.end("run", news.job, news.reason),
            JobAbandoned: lambda news: self._open.end("run", news.job, news.reason),
            HookStarted: self._hook_started,
            HookEnded: self._hook_ended,
            CallReceived: self._received,
            IncomingStep: self._step,
        }

    # --- as an observer -----------------------------------------------------------------------------

    def begin(self, scene: Scene) -> None:
        """See Observer."""
        self._scene = scene
        self._tasks.spawn(self._bridges(scene.client))

    def told(self, news: Told) -> None:
        """See Observer."""
        hear = self._told.get(type(news))
        if hear is not None:
            hear(news)

    def heard(self, event: Event) -> None:
        """See Observer. The end of this comes before a call is told as placed."""
        if isinstance(event, Calling):
            call = self._scene.client.call_of(event.id)
            name = call.name if call is not None else ""
            side = event.call_id[len(name) :][:2]
            is_leg = name and event.call_id.startswith(name) and side in ("-a", "-b")
            self._leg = (event.call_id, name, side[1:]) if is_leg else ("", "", "")

    def end(self) -> None:
        """See Observer."""

    async def aclose(self) -> None:
        """The robot has left: whatever is still open is cut short."""
        await self._tasks.close(0.0)
        self._open.close()

    # --- rules --------------------------------------------------------------------------------------

    def _fired(self, news: RuleFired) -> None:
        run = self._open.get("run", news.job)
        if run is not None:
            run.waits, run.over_at, run.failure = False, None, ""
            self._open.note(run, "another attempt", because=news.because)
            return
        run = self._open.begin(
            "run",
            news.job,
            f"rule {news.rule}",
            rule=news.rule,
            account=news.account,
            extension=news.extension,
            episode=news.episode,
            job=news.job,
            because=news.because,
        )
        run.rule = news.rule, news.account, news.extension, news.episode

    def _waits(self, news: RuleWaits) -> None:
        if news.condition != "retry":
            return
        for _, run in self._of_rule(news):
            run.waits, run.over_at = True, None

    def _suppressed(self, news: RuleSuppressed) -> None:
        """A rule that waited for another attempt makes none."""
        if news.condition != "retry":
            return
        for job, run in self._of_rule(news):
            self._open.note(run, "no further attempt", because=news.detail)
            if run.waits:
                self._open.end("run", job)

    def _reloaded(self, _news: Reloaded) -> None:
        for job, run in self._open.all("run"):
            if run.waits and run.rule is not None and run.rule[0] not in self._scene.judge.rules.rules:
                self._open.end("run", job)

    def _of_rule(self, news: RuleWaits | RuleSuppressed) -> list[tuple[str, OpenSpan]]:
        about = news.rule, news.account, news.extension, news.episode
        return [(job, run) for job, run in self._open.all("run") if run.rule == about]

    def _settle(self, job: str) -> None:
        """The rules had their say about a call that ended: it was the last, or another attempt is waited for."""
        run = self._open.get("run", job)
        if run is not None and run.over_at is not None:
            self._open.end("run", job, at=run.over_at)

    # --- calls --------------------------------------------------------------------------------------

    def _placed(self, news: CallPlaced) -> None:
        call_id, bridge, leg = self._leg
        is_leg = call_id == news.call_id
        parent = self._bridge(bridge, _run_of(news.job)) if is_leg else self._parent(news.job)
        self._open.begin(
            "call",
            news.job,
            "call",
            parent,
            SpanKind.CLIENT,
            job=news.job,
            account=news.account,
            to=news.to,
            caller_id=news.caller_id,
            call_id=news.call_id,
            attempt=news.attempt,
            leg=leg if is_leg else "",
        )

    def _note(self, news: CallRinging | CallRedirected | CallAnswered, event: str, **about: str | int) -> None:
        self._open.note(self._open.get("call", news.job), event, **about)

    def _over(self, news: CallOver) -> None:
        failure = "" if news.answered else f"{news.status or ''} {news.cause}".strip()
        self._end_call("call", news, failure)
        run = self._open.get("run", news.job)
        if run is None:
            return
        if run.rule is None:  # a call that reached us: to turn it away, or a caller who gives up, is no failure
            self._end_call("run", news)
            return
        run.failure, run.over_at = failure, self._open.now()
        clock = self._scene.clock
        clock.call_at(clock.time(), partial(self._settle, news.job))

    def _end_call(self, what: str, news: CallOver, failure: str = "") -> None:
        self._open.end(
            what,
            news.job,
            failure,
            status=news.status,
            cause=news.cause,
            q850=news.q850,
            reason=news.reason,
            by=news.by,
            answered=news.answered,
        )

    def _parent(self, job: str) -> OpenSpan | None:
        """A rule's call has the name of its firing; one of a hook, or of a call that reached us, begins with it."""
        run = _run_of(job)
        return self._open.get("run", job) or self._open.get("hook", run) or self._open.get("run", run)

    # --- hooks, and calls that reach us -------------------------------------------------------------

    def _hook_started(self, news: HookStarted) -> None:
        run = self._open.get("run", news.job)
        self._open.begin("hook", news.job, f"hook {news.hook}", run, job=news.job, hook=news.hook)

    def _hook_ended(self, news: HookEnded) -> None:
        self._open.end("hook", news.job, news.error)
        run = self._open.get("run", news.job)
        if run is not None and run.rule is not None:
            self._open.end("run", news.job, news.error)
        elif run is not None:
            run.failure = news.error

    def _received(self, news: CallReceived) -> None:
        self._open.begin(
            "run",
            news.job,
            "incoming call",
            None,
            SpanKind.SERVER,
            job=news.job,
            account=news.account,
            caller=news.caller,
            caller_name=news.caller_name,
            to=news.to,
            call_id=news.call_id,
            entry=news.entry,
        )

    def _step(self, news: IncomingStep) -> None:
        run = self._open.get("run", news.job)
        self._open.note(run, news.step, what=news.what)
        if run is not None and news.step == "failed":
            run.failure = news.what

    # --- bridges ------------------------------------------------------------------------------------

    async def _bridges(self, client: Client) -> None:
        async for news in client.events():
            if isinstance(news, BridgeProgress) and not news.leg:
                self._joined(news)

    def _bridge(self, id: str, run: str) -> OpenSpan:
        parent = self._open.get("hook", run) or self._open.get("run", run)
        return self._open.get("bridge", id) or self._open.begin("bridge", id, "bridge", parent, bridge=id)

    def _joined(self, news: BridgeProgress) -> None:
        """What became of both legs of a bridge."""
        if news.state == "failed":
            bridge = self._bridge(news.id, "")  # of which nobody was called yet, perhaps
            failure = " ".join(filter(None, (str(news.status or ""), news.cause))) or news.reason
            self._open.note(bridge, "failed", reason=news.reason)
            self._open.end("bridge", news.id, failure, status=news.status, cause=news.cause)
        elif news.state == "ended":
            self._open.end("bridge", news.id, status=news.status, cause=news.cause)
        else:
            self._open.note(self._open.get("bridge", news.id), news.state, reason=news.reason)


def _run_of(job: str) -> str:
    """`incoming/1` of `incoming/1 call 3`."""
    return job.rpartition(" call ")[0]
