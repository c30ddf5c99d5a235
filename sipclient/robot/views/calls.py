"""The calls: those under way, and the latest that ended, each with what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from sipclient.face.identifiers import SystemIdentifiers
from sipclient.protocol.events import Answered, CallEnded, Event, IncomingCall
from sipclient.robot.told import (
    CallAnswered,
    CallNotPlaced,
    CallOver,
    CallPlaced,
    CallRedirected,
    CallRinging,
    RuleWaits,
    Told,
)
from sipclient.robot.views.shapes import CallShape, Moment, State

ENDED = 500  # calls remembered after their end
MOMENTS = 200  # lines of a timeline
_PROGRESS: Mapping[int, State] = MappingProxyType({180: "ringing", 183: "early"})


def new_id(kind: str) -> str:
    """An id that nobody can guess and no other run gives again: `call-3f9c...`."""
    return f"{kind}-{SystemIdentifiers().token(kind)[:20]}"


class Calls:
    """Found by id, and by the name under which the events tell of them.

    What is asked for over HTTP is opened here before anything is sent, and closed by whoever opened it: its attempts
    come and go. `gone` is told the Call-IDs of calls that are forgotten; `leg` whose a new call is, and says whether
    that is a bridge.
    """

    def __init__(self, gone: Callable[[str], None], leg: Callable[[str, CallShape], bool], ended: int = ENDED) -> None:
        self._gone = gone
        self._leg = leg
        self._most = ended
        self._live: dict[str, CallShape] = {}
        self._ended: dict[str, CallShape] = {}
        self._by_job: dict[str, str] = {}  # of those under way, by their name in the events
        self._jobs: dict[str, str] = {}  # and the other way round: the name it had last
        self._opened: set[str] = set()
        self._incoming: dict[int, str] = {}  # by the engine's id

    def __len__(self) -> int:
        return len(self._live) + len(self._ended)

    def get(self, id: str) -> CallShape | None:
        """One call, None where it is unknown or forgotten."""
        return self._live.get(id) or self._ended.get(id)

    def all(self) -> Iterator[CallShape]:
        """The latest first: those under way, then those that ended."""
        yield from reversed(self._live.values())
        yield from reversed(self._ended.values())

    def engine_id(self, id: str) -> int | None:
        """The engine's id of an incoming call under way."""
        return next((number for number, each in self._incoming.items() if each == id), None)

    # --- by whoever asks for one --------------------------------------------------------------------

    def open(self, id: str, at: datetime, event: str = "requested", **fields: object) -> CallShape:
        """A call that somebody asks for; nothing was sent yet. It ends with `close`."""
        call = CallShape(id=id, direction="out", created=at, job=id, timeline=[Moment(at=at, event=event)])
        for name, value in fields.items():
            setattr(call, name, value)
        self._live[id] = call
        self._opened.add(id)
        return call

    def waits(self, id: str, seconds: float, why: str, at: datetime) -> None:
        """Another attempt follows."""
        call = self._live.get(id)
        if call is not None:
            call.retry_at = at + timedelta(seconds=seconds)
            _note(call, at, "waiting", f"{why}: another attempt in {seconds:g} s", "waiting")

    def close(self, id: str, at: datetime, status: int, cause: str, reason: str, by: str) -> None:
        """It ended, answered or not."""
        self._opened.discard(id)
        call = self._live.get(id)
        if call is not None and call.state != "ended":
            self._end(call, at, status, cause, reason, by)

    def note(self, id: str, at: datetime, event: str, detail: str = "") -> None:
        """One more line in its timeline."""
        call = self.get(id)
        if call is not None:
            _note(call, at, event, detail)

    # --- what is told -------------------------------------------------------------------------------

    def hear(self, news: Told, at: datetime) -> None:
        """Take in what is told of a call."""
        match news:
            case CallPlaced():
                self._placed(news, at)
            case CallRinging():
                self._moved(news.job, at, "ringing", f"{news.status} {news.reason}", _PROGRESS.get(news.status))
            case CallRedirected():
                self._moved(news.job, at, "redirected", news.words())
            case CallAnswered():
                call = self._moved(news.job, at, "answered", "", "answered")
                if call is not None:
                    call.answered, call.status = at, 200
            case CallOver():
                self._over(news, at)
            case CallNotPlaced():
                call = self._of(news.job)
                if call is not None and call.id not in self._opened:
                    self._end(call, at, 0, "", news.reason, "local")
            case RuleWaits(condition="retry"):
                self._retries(news, at)

    def heard(self, event: Event, at: datetime) -> None:
        """Take in what the engine says of calls that reach us."""
        match event:
            case IncomingCall():
                self._arrived(event, at)
            case Answered() if (call := self._live.get(self._incoming.get(event.id, ""))) is not None:
                call.answered, call.status = call.answered or at, 200
                _note(call, at, "answered", "", "answered")
            case CallEnded() if (call := self._live.get(self._incoming.pop(event.id, ""))) is not None:
                self._end(call, at, event.status, event.cause, event.reason, event.by)

    def _arrived(self, event: IncomingCall, at: datetime) -> None:
        request = event.request
        call = CallShape(
            id=new_id("call"),
            direction="in",
            created=at,
            state="ringing",
            account=event.account,
            to=str(request.to.uri),
            from_=str(request.from_.uri),
            caller_id=str(request.from_),
            call_id=request.call_id,
            timeline=[Moment(at=at, event="received")],
        )
        self._live[call.id] = call
        self._incoming[event.id] = call.id

    def _of(self, job: str) -> CallShape | None:
        return self._live.get(self._by_job.get(job, ""))

    def _placed(self, news: CallPlaced, at: datetime) -> None:
        call = self._of(news.job) or self._live.get(asker_of(news.job))
        if call is None:
            call = CallShape(id=new_id("call"), direction="out", created=at, timeline=[])
            call.rule, call.extension = rule_of(news.job)
            self._live[call.id] = call
            call.call_id = news.call_id
            if self._leg(asker_of(news.job), call):
                call.bridge = asker_of(news.job)
            call.call_id = ""
        self._by_job.pop(self._jobs.get(call.id, ""), None)
        self._by_job[news.job], self._jobs[call.id] = call.id, news.job
        if call.call_id:
            call.attempt += 1
        call.job, call.retry_at = news.job, None
        call.account, call.to, call.caller_id, call.call_id = news.account, news.to, news.caller_id, news.call_id
        _note(call, at, "calling", f"{news.to}, attempt {call.attempt}" if call.attempt > 1 else news.to, "calling")

    def _moved(self, job: str, at: datetime, event: str, detail: str, state: State | None = None) -> CallShape | None:
        call = self._of(job)
        if call is not None:
            _note(call, at, event, detail, state if call.state != "answered" else None)
        return call

    def _over(self, news: CallOver, at: datetime) -> None:
        call = self._of(news.job)
        if call is None:
            return
        if call.id in self._opened:  # whoever opened it says whether another attempt follows
            _note(call, at, "over", f"{news.status or ''} {news.cause}".strip())
            return
        self._end(call, at, news.status, news.cause, news.reason, news.by)

    def _retries(self, news: RuleWaits, at: datetime) -> None:
        """A rule's call that ended is tried again: it has not ended after all."""
        job = f"{news.rule}/{news.account}/{news.extension}/{news.episode}"
        for call in reversed(self._ended.values()):
            if call.job == job:
                del self._ended[call.id]
                self._live[call.id] = call
                self._by_job[job], self._jobs[call.id] = call.id, job
                call.ended, call.retry_at = None, at + timedelta(seconds=news.seconds)
                _note(call, at, "waiting", f"another attempt in {news.seconds:g} s", "waiting")
                return

    def _end(self, call: CallShape, at: datetime, status: int, cause: str, reason: str, by: str) -> None:
        call.ended, call.retry_at, call.held = at, None, False
        call.status, call.cause, call.reason, call.by = status, cause, reason, by
        _note(call, at, "ended", " ".join(part for part in (str(status or ""), cause, reason) if part), "ended")
        self._live.pop(call.id, None)
        self._by_job.pop(self._jobs.pop(call.id, ""), None)
        self._ended[call.id] = call
        if len(self._ended) > self._most:
            oldest = self._ended.pop(next(iter(self._ended)))
            self._gone(oldest.call_id)


def asker_of(job: str) -> str:
    """Who asked for a call, by its name in the events: a hook's id, or that of a call asked for over HTTP."""
    return job.rpartition(" call ")[0]


def rule_of(job: str) -> tuple[str, str]:
    """The rule and the extension of a call, by its name in the events; both empty where no rule made it."""
    rule, slash, rest = (asker_of(job) or job).partition("/")
    if not slash:
        return "", ""
    _, _, rest = rest.partition("/")
    return rule, rest.rpartition("/")[0]


def _note(call: CallShape, at: datetime, event: str, detail: str, state: State | None = None) -> None:
    if state is not None:
        call.state = state
    call.timeline.append(Moment(at=at, event=event, detail=detail))
    if len(call.timeline) > MOMENTS:
        del call.timeline[1]  # how it began stays
