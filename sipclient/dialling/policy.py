"""A plan being followed: who is called when, given up when, and tried again when. Pure; `now` is monotonic seconds."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from sipclient.dialling.plan import Leg, Plan

NO_ANSWER = "NO_ANSWER"
NO_PROGRESS = "NO_USER_RESPONSE"  # Q.850 18: neither an alerting nor a connect indication in time
LEFT = "ORIGINATOR_CANCEL"
ELSEWHERE = "LOSE_RACE"  # another one was answered (RFC 3326 §3.1)


class Place(msgspec.Struct, frozen=True):
    """Call this one. `number` counts the calls of the plan from 1, `attempt` the attempts."""

    number: int
    leg: Leg
    attempt: int


class Drop(msgspec.Struct, frozen=True):
    """Hang up this call, which ends with this cause."""

    number: int
    cause: str = LEFT


class Connected(msgspec.Struct, frozen=True):
    """This call was answered, and is the one."""

    number: int


class Failed(msgspec.Struct, frozen=True):
    """Nobody answered: how the last call ended."""

    status: int
    cause: str
    reason: str = ""


Step: TypeAlias = Place | Drop | Connected | Failed


class _Ringing:
    """A call that has neither been answered nor ended."""

    __slots__ = ("must_answer", "must_progress")

    def __init__(self, leg: Leg, now: float) -> None:
        self.must_answer = now + leg.timeout if leg.timeout else None
        self.must_progress = now + leg.progress_timeout if leg.progress_timeout else None


class Dialling:
    """Follows a Plan. Each method takes what happened and gives what is to be done; `deadline` is when `tick` must be
    called, or None. After Connected or Failed nothing is to be done any more but Drop, for an answer that crossed."""

    def __init__(self, plan: Plan) -> None:
        self.attempt = 0
        self.over = False
        self.again: float | None = None  # when the next attempt begins
        self.last = Failed(0, NO_ANSWER)  # how the call that ended last did
        self._closed = NO_ANSWER  # why an answer that comes now is hung up
        self._plan = plan
        self._numbers = 0
        self._round = 0
        self._under_way: dict[int, _Ringing] = {}
        self._later: list[tuple[float, Leg]] = []  # legs of this round, and when each is to be called
        self._ends: float | None = None  # of the whole

    @property
    def deadline(self) -> float | None:
        """The next moment at which something is due."""
        if self.over:
            return None
        due = [self._ends, self.again, *(at for at, _ in self._later)]
        for call in self._under_way.values():
            due += [call.must_answer, call.must_progress]
        return min((each for each in due if each is not None), default=None)

    def begin(self, now: float) -> list[Step]:
        """The first calls."""
        self._ends = now + self._plan.timeout if self._plan.timeout else None
        return self._attempt(now)

    def progress(self, number: int) -> list[Step]:
        """A call rings, or has sound before the answer."""
        if number in self._under_way:
            self._under_way[number].must_progress = None
        return []

    def answered(self, number: int) -> list[Step]:
        """A call was answered. One that had been given up, or came second, is hung up."""
        if self.over or self._under_way.pop(number, None) is None:
            return [Drop(number, self._closed)]
        self.over, self._closed = True, ELSEWHERE
        return [*self._drop_all(ELSEWHERE), Connected(number)]

    def ended(self, number: int, status: int, cause: str, reason: str, now: float) -> list[Step]:
        """A call ended without having been answered."""
        if self.over or self._under_way.pop(number, None) is None:
            return []
        self.last = Failed(status, cause, reason)
        return self._go_on(now)

    def leave(self, cause: str = LEFT, reason: str = "") -> list[Step]:
        """Whoever wanted this wants it no more."""
        if self.over:
            return []
        return self._fail(Failed(0, cause, reason))

    def tick(self, now: float) -> list[Step]:
        """The time is `now`: what is due?"""
        if self.over:
            return []
        if self._ends is not None and now >= self._ends:
            return self._fail(Failed(0, NO_ANSWER, f"not answered within {self._plan.timeout:g} s"))
        if self.again is not None and now >= self.again:
            self.again = None
            return self._attempt(now)
        steps: list[Step] = []
        for number, call in tuple(self._under_way.items()):
            cause = _overdue(call, now)
            if cause:
                del self._under_way[number]
                self.last = Failed(
                    0, cause, "it did not ring in time" if cause == NO_PROGRESS else "not answered in time"
                )
                steps.append(Drop(number, cause))
        if steps:
            steps += self._go_on(now)
        return steps + self._place_due(now)

    # --- one after another --------------------------------------------------------------------------

    def _attempt(self, now: float) -> list[Step]:
        self.attempt += 1
        self._round = 0
        return self._place(now)

    def _place(self, now: float) -> list[Step]:
        self._later = [(now + leg.delay, leg) for leg in self._plan.rounds[self._round]]
        return self._place_due(now)

    def _place_due(self, now: float) -> list[Step]:
        steps: list[Step] = []
        due = [leg for at, leg in self._later if at <= now]
        self._later = [(at, leg) for at, leg in self._later if at > now]
        for leg in due:
            self._numbers += 1
            self._under_way[self._numbers] = _Ringing(leg, now)
            steps.append(Place(self._numbers, leg, self.attempt))
        return steps

    def _go_on(self, now: float) -> list[Step]:
        """Something ended: the next round, the next attempt, or the end."""
        if self._under_way or self._later:
            return []
        self._round += 1
        if self._round < len(self._plan.rounds):
            return self._place(now)
        retry = self._plan.retry
        if retry is None or self.attempt > retry.times or not retry.matches(self.last.status, self.last.cause):
            return self._fail(self.last)
        again = now + retry.pause(self.attempt)
        if self._ends is not None and again >= self._ends:
            return self._fail(self.last)  # it would not come to another attempt
        self.again = again
        return []

    def _fail(self, failed: Failed) -> list[Step]:
        self.over, self._closed = True, failed.cause
        return [*self._drop_all(failed.cause), failed]

    def _drop_all(self, cause: str) -> list[Step]:
        steps: list[Step] = [Drop(number, cause) for number in self._under_way]
        self._under_way.clear()
        self._later.clear()
        return steps


def _overdue(call: _Ringing, now: float) -> str:
    if call.must_progress is not None and now >= call.must_progress:
        return NO_PROGRESS
    return NO_ANSWER if call.must_answer is not None and now >= call.must_answer else ""
