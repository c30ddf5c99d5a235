"""Calls and bridges that somebody asks for from outside, such as over HTTP: on the same code as `client.bridge`, held
against `[dial]` as all calls are, written down before anything is sent, and shown from beginning to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from sipclient.call import Call, CallState
from sipclient.config import Config
from sipclient.dialling import Failed, Leg, Place, Plan, parse_dial_string, read_retry
from sipclient.dialling.plan import variable_headers
from sipclient.errors import BridgeFailed, CallFailed, InvalidValue, MediaError, NotAllowed, SipError
from sipclient.face.connecting import Connecting
from sipclient.face.dialler import Dialler
from sipclient.face.placing import Manner
from sipclient.face.progress import BridgeProgress
from sipclient.face.tasks import Tasks
from sipclient.face.voice import Playing, RecordingCall
from sipclient.message import check_call_id, check_header_name, check_header_value
from sipclient.robot.guarded import RUN, GuardedClient
from sipclient.robot.ledger import Ledger
from sipclient.robot.recordings import Recordings
from sipclient.robot.turns import Turns
from sipclient.robot.views import Views
from sipclient.robot.views.bridges import BridgeShape, LegShape
from sipclient.robot.views.calls import new_id
from sipclient.robot.views.shapes import CallShape
from sipclient.robot.wishes import BridgeWish, CallWish, retry_of, seconds, sound_of, sounds_of
from sipclient.rules.gate import MOST_WAITING
from sipclient.store import JobRecord, JobState, Store

PARTING = 2.0  # seconds that hanging up is waited for
MOST = 1000  # calls and bridges asked for that may be under way or wait at once


class Planned(msgspec.Struct, frozen=True):
    """What would be sent to one target."""

    to: str
    account: str
    request_uri: str
    from_: str = msgspec.field(name="from")
    headers: dict[str, str]
    timeout: float
    retry: dict[str, Any] | None = None


class CallPlan(msgspec.Struct, frozen=True):
    """What a call would be: `would` is its first target, `targets` all of them; `why_not` says what would keep it."""

    would: Planned
    targets: list[Planned]
    allowed: bool
    why_not: str = ""


class _Order:
    """A call or a bridge that was asked for, until it has ended."""

    __slots__ = ("call", "dialler", "joined", "left", "task")

    def __init__(self) -> None:
        self.call: Call | None = None
        self.dialler: Dialler | None = None
        self.joined: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.left = False


class Order(msgspec.Struct, frozen=True):
    """Something that was asked for and written down; `start` has it done, or `drop` says that it is not wanted."""

    id: str
    start: Callable[[], None]
    drop: Callable[[], None]


class Desk:
    """Takes orders. `call` and `bridge` check and write down; nothing is sent before the order is started."""

    def __init__(
        self,
        config: Callable[[], Config],
        client: GuardedClient,
        ledger: Ledger,
        turns: Turns,
        views: Views,
        recordings: Callable[[], Recordings | None],
        store: Store,
        folder: str,
    ) -> None:
        self._config = config
        self._client = client
        self._ledger = ledger
        self._turns = turns
        self._views = views
        self._recordings = recordings
        self._store = store
        self._sounding: dict[str, Playing] = {}
        self._recorders: dict[str, RecordingCall] = {}
        self.folder = folder
        self._orders: dict[str, _Order] = {}
        self._records: dict[str, JobRecord] = {}
        self._tasks = Tasks()

    async def aclose(self) -> None:
        """The calls are hung up by the client; give what waits for them a moment."""
        await self._tasks.close(0.3)

    # --- calls --------------------------------------------------------------------------------------

    def plan(self, wish: CallWish) -> CallPlan:
        """What would be sent. Raises InvalidValue for what never could be."""
        plan = self._plan_of(wish)
        targets = [self._planned(leg, plan, wish.caller_id) for leg in plan.legs]
        why_not = ""
        try:
            self._allowed(plan)
            self._room()
        except NotAllowed as error:
            why_not = str(error)
        if self._config().dry_run:
            why_not = why_not or "dry run: nothing is called"
        return CallPlan(targets[0], targets, not why_not, why_not)

    async def call(self, wish: CallWish) -> tuple[CallShape, Order]:
        """Raises InvalidValue, NotAllowed and MediaError for what cannot be, StoreError for what cannot be written."""
        plan = self._plan_of(wish)
        self._allowed(plan)
        sounds = sounds_of(wish.play, self.folder)
        if sounds or wish.record:
            self._with_sound(plan)
        id = self._new("call", wish.id or plan.id)
        path = self._place_for(wish.record, id)
        self._room()
        await self._written(id, {"to": wish.to, "by": "http"})
        shape = self._views.calls.open(
            id,
            self._views.now(),
            to=wish.to,
            account=self._account_of(plan.legs[0]),
            caller_id=wish.caller_id,
            variables=dict(wish.variables),
            headers=dict(wish.headers),
        )
        if self._config().dry_run:
            self._dry(id, lambda: self._views.calls.close(id, self._views.now(), 0, "DRY_RUN", "dry run", "local"))
            return shape, Order(id, _done, _done)
        order = self._orders[id] = _Order()

        def start() -> None:
            order.task = self._tasks.spawn(self._carry_out(id, order, plan, wish, sounds, path))

        def drop() -> None:
            self._orders.pop(id, None)
            self._views.calls.close(id, self._views.now(), 0, "ORIGINATOR_CANCEL", "it was not begun", "local")
            self._finished(id, JobState.FAILED, 0, "ORIGINATOR_CANCEL")

        return shape, Order(id, start, drop)

    async def _carry_out(
        self, id: str, order: _Order, plan: Plan, wish: CallWish, sounds: list[str | Path], path: Path | None
    ) -> None:
        RUN.set(id)
        status, cause, reason, by, state = 0, "ORIGINATOR_CANCEL", "", "local", JobState.FAILED
        try:
            order.call = call = await self._dialled(id, order, plan, wish.caller_id)
            state = JobState.DONE
            self._answered(id, call, wish, sounds, path)
            end = await call.ended()
            status, cause, reason, by = call.status, end.cause, end.reason, end.by
        except CallFailed as failure:
            status, cause, reason, by = failure.status, failure.cause, failure.reason, "remote"
            if not status:
                by = "local" if order.left else "timeout"
        except SipError as error:
            cause, reason = "", str(error)
        finally:
            self._orders.pop(id, None)
            self._views.calls.close(id, self._views.now(), status, cause, reason, by)
            self._finished(id, state, status, cause)

    async def _dialled(self, id: str, order: _Order, plan: Plan, caller_id: str) -> Call:
        async def place(step: Place) -> Call:
            leg = step.leg
            account = self._client.account(leg.account or None)
            shown = leg.caller_id(_user(account.address)) or caller_id
            invite = self._client._invite(leg.to, shown, leg.headers, account=account, id=f"{id}-{step.number}")
            return await self._client._place_in_turn(invite, Manner(leg.media, leg.codecs, id, dict(plan.variables)))

        def waits(failed: Failed, pause: float) -> None:
            why = f"{failed.status or ''} {failed.cause}".strip()
            self._views.calls.waits(id, pause, why, self._views.now())

        order.dialler = Dialler(plan, place, _nothing, waits)
        if order.left:
            raise CallFailed(0, "ORIGINATOR_CANCEL", "hung up")
        return await order.dialler.run()

    def _answered(self, id: str, call: Call, wish: CallWish, sounds: list[str | Path], path: Path | None) -> None:
        """What is to be done once it is answered; what cannot be done is noted, and the call goes on."""
        try:
            if path is not None:
                self._record(id, call, path, wish.stereo)
            if sounds:
                playing = call.play(*sounds)
                self.playing(id, playing)
                if wish.hangup_after_play:
                    self._tasks.spawn(_hang_up_after(playing, call))
        except MediaError as error:
            self._views.calls.note(id, self._views.now(), "not-done", str(error))

    # --- bridges ------------------------------------------------------------------------------------

    async def bridge(self, wish: BridgeWish) -> tuple[BridgeShape, Order]:
        """As `call` does."""
        names = [account.key for account in self._client.accounts]
        plans = [parse_dial_string(text, names) for text in (wish.a, wish.b)]
        for plan in plans:
            self._allowed(self._with_account(plan, wish.account))
            if plan.ringback:
                sound_of(plan.ringback, self.folder)
        ringback = sound_of(wish.ringback, self.folder) if wish.ringback else wish.ringback
        announcement = sound_of(wish.announcement, self.folder) if wish.announcement else ""
        given = wish.id or plans[0].id or plans[1].id
        id = self._new("bridge", given)
        path = self._place_for(wish.record, id)

        def heard(progress: BridgeProgress) -> None:
            self._views.bridges.progress(progress, self._views.now())

        _check_names(wish.variables)
        connecting = self._client.bridge(
            wish.a,
            wish.b,
            id=id,
            caller_id=wish.caller_id,
            headers=wish.headers,
            variables=wish.variables,
            ringback=ringback,
            announcement=announcement,
            record=path or "",
            stereo=wish.stereo,
            timeout=seconds("timeout", wish.timeout) or None if wish.timeout is not None else None,
            leg_timeout=seconds("leg_timeout", wish.leg_timeout),
            progress_timeout=seconds("progress_timeout", wish.progress_timeout),
            retry=retry_of(wish.retry),
            ignore_early_media=wish.ignore_early_media,
            at_once=wish.at_once,
            hangup=wish.hangup_after_bridge,
            account=wish.account or None,
            on_progress=heard,
        )
        self._room()
        await self._written(id, {"a": wish.a, "b": wish.b, "by": "http"})
        shape = self._views.bridges.open(id, wish.a, wish.b, dict(wish.variables), self._views.now())
        if self._config().dry_run:
            self._dry(id, lambda: self._views.bridges.close(id, self._views.now(), "DRY_RUN", "dry run"))
            return shape, Order(id, _done, _done)
        order = self._orders[id] = _Order()

        def start() -> None:
            order.task = self._tasks.spawn(self._joined(id, order, connecting))

        def drop() -> None:
            self._orders.pop(id, None)
            self._views.bridges.close(id, self._views.now(), "ORIGINATOR_CANCEL", "it was not begun")
            self._finished(id, JobState.FAILED, 0, "ORIGINATOR_CANCEL")

        return shape, Order(id, start, drop)

    async def _joined(self, id: str, order: _Order, connecting: Connecting) -> None:
        RUN.set(id)
        cause, reason, leg, state = "ORIGINATOR_CANCEL", "", "", JobState.FAILED
        order.joined = asyncio.ensure_future(self._talk(id, connecting))
        try:
            await asyncio.wait([order.joined])
            if order.joined.cancelled():
                reason = "hung up"
            else:
                order.joined.result()
                state, cause = JobState.DONE, "NORMAL_CLEARING"
        except BridgeFailed as failure:
            cause, reason, leg = failure.cause, failure.reason, failure.leg
        except SipError as error:
            cause, reason = "", str(error)
        finally:
            if not order.joined.done():
                order.joined.cancel()
            self._orders.pop(id, None)
            self._views.bridges.close(id, self._views.now(), cause, reason, leg)
            self._finished(id, state, 0, cause)

    async def _talk(self, id: str, connecting: Connecting) -> None:
        try:
            async with connecting as bridge:
                self._recorded(id, connecting)
                await bridge
        except BaseException:
            self._recorded(id, connecting)
            raise

    def _recorded(self, id: str, connecting: Connecting) -> None:
        recordings, shape = self._recordings(), self._views.bridges.get(id)
        if connecting.recording is not None and recordings is not None and shape and shape.recording is None:
            shape.recording = recordings.begun(connecting.recording, bridge=id)

    # --- hanging up ---------------------------------------------------------------------------------

    async def hang_up(self, id: str, cause: str | None = None) -> bool:
        """End a call or a bridge that was asked for here, and wait a moment for that. False for one that is not."""
        order = self._orders.get(id)
        if order is None or order.task is None:
            return False
        order.left = True
        if order.joined is not None:
            order.joined.cancel()
        elif order.call is not None:
            order.call.hangup(cause)
        elif order.dialler is not None:
            order.dialler.leave("hung up")
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING):
                await asyncio.wait([order.task])
        return True

    def live(self, id: str) -> Call | None:
        """The Call under way of one that is shown: one asked for here, a rule's, a hook's, or one that reached us."""
        order = self._orders.get(id)
        if order is not None and order.call is not None:
            return order.call
        shape = self._views.calls.get(id)
        if shape is None or shape.state == "ended":
            return None
        number = self._views.calls.engine_id(id)
        return self._client.numbered(number) if number is not None else self._client.named(shape.job)

    def record(self, id: str, call: Call, wish: bool | str, stereo: bool) -> str:
        """Record a call from now on; the recording's id. Raises InvalidValue, MediaError."""
        path = self._place_for(wish or True, id)
        assert path is not None
        return self._record(id, call, path, stereo)

    def _record(self, id: str, call: Call, path: Path, stereo: bool) -> str:
        recordings = self._recordings()
        assert recordings is not None
        self._recorders[id] = recorder = call.record(path, stereo=stereo)
        self._forget_old()
        name = recordings.begun(recorder, call=id)
        shape = self._views.calls.get(id)
        if shape is not None:
            shape.recordings.append(name)
        return name

    async def stop_recording(self, id: str) -> bool:
        """Stop what was begun last, and wait until it is complete. False where nothing was."""
        recorder = self._recorders.pop(id, None)
        if recorder is None:
            return False
        recorder.stop()
        await recorder
        return True

    def playing(self, id: str, playing: Playing) -> None:
        """This is played to a call now."""
        self._sounding[id] = playing
        self._forget_old()

    def _forget_old(self) -> None:
        """What belongs to calls that are no longer shown."""
        for kept in (self._sounding, self._recorders):
            for id in [id for id in kept if self._views.calls.get(id) is None]:
                del kept[id]

    def stop_playing(self, id: str) -> None:
        """Nothing is, any more."""
        playing = self._sounding.pop(id, None)
        if playing is not None:
            playing.stop()

    # --- what an earlier run did --------------------------------------------------------------------

    async def earlier_call(self, id: str) -> CallShape | None:
        """A call that was asked for in an earlier run, or is forgotten here. Raises StoreError."""
        record = await self._store.job(id)
        if record is None or "to" not in record.detail or record.detail.get("by") != "http":
            return None
        return CallShape(
            id=id,
            direction="out",
            created=record.created,
            ended=record.updated,
            state="ended",
            to=str(record.detail["to"]),
            status=record.status,
            cause=record.cause,
            reason=str(record.state) if record.state is JobState.ABANDONED else "",
        )

    async def earlier_bridge(self, id: str) -> BridgeShape | None:
        """The same for a bridge."""
        record = await self._store.job(id)
        if record is None or "a" not in record.detail or record.detail.get("by") != "http":
            return None
        return BridgeShape(
            id=id,
            state="ended" if record.state is JobState.DONE else "failed",
            a=LegShape(to=str(record.detail["a"]), state="ended"),
            b=LegShape(to=str(record.detail["b"]), state="ended"),
            created=record.created,
            ended=record.updated,
            cause=record.cause,
            reason=str(record.state) if record.state is JobState.ABANDONED else "",
        )

    # --- what is asked for, checked -----------------------------------------------------------------

    def _plan_of(self, wish: CallWish) -> Plan:
        _check_names(wish.variables)
        for name, value in wish.headers.items():
            check_header_name(name)
            check_header_value(value, f"header {name}")
        check_header_value(wish.caller_id, "caller ID")
        plan = parse_dial_string(wish.to, [account.key for account in self._client.accounts])
        more = (*wish.headers.items(), *variable_headers(wish.variables))
        limit = seconds("timeout", wish.timeout)
        if not limit:
            raise InvalidValue("timeout: a call that rings for no time is never answered: say how long it may")

        def complete(leg: Leg) -> Leg:
            own = {name.lower() for name, _ in leg.headers}
            headers = (*leg.headers, *(pair for pair in more if pair[0].lower() not in own))
            return msgspec.structs.replace(leg, headers=headers, timeout=leg.timeout or limit)

        retry = retry_of(wish.retry)
        plan = msgspec.structs.replace(
            self._with_account(plan, wish.account).each_leg(complete),
            retry=plan.retry or (read_retry(retry) if retry is not None else None),
            variables=tuple((wish.variables | dict(plan.variables)).items()),
        )
        for leg in plan.legs:
            self._client._invite(leg.to, leg.caller_id("x") or wish.caller_id, leg.headers, account=leg.account or None)
        return plan

    def _with_account(self, plan: Plan, account: str) -> Plan:
        """The plan with the account that calls in every leg. Raises InvalidValue for one that is none."""

        def named(leg: Leg) -> Leg:
            return msgspec.structs.replace(leg, account=self._client.account(leg.account or account or None).key)

        return plan.each_leg(named)

    def _allowed(self, plan: Plan) -> None:
        for leg in plan.legs:
            self._client.check_target(leg.account, leg.to)

    def _with_sound(self, plan: Plan) -> None:
        for leg in plan.legs:
            if (leg.media or self._client.account(leg.account).media) == "none":
                raise MediaError(f"{leg.to}: account {leg.account} has no sound (media = none)")

    def _room(self) -> None:
        if len(self._orders) >= MOST or self._turns.waiting >= MOST_WAITING:
            raise NotAllowed("too many calls wait for their turn already: see [dial] in robot.toml")

    def _place_for(self, wish: bool | str, whose: str) -> Path | None:
        if not wish:
            return None
        recordings = self._recordings()
        if recordings is None:
            raise MediaError("nothing is recorded: name a folder for it, `recordings` in robot.toml")
        path = recordings.place(wish if isinstance(wish, str) else "", whose)
        if path.exists():
            raise InvalidValue(f"record: there is a recording {path.name} already")
        return path

    def _new(self, kind: str, given: str) -> str:
        if not given:
            return new_id(kind)
        check_call_id(given)
        if self._views.calls.get(given) is not None or self._views.bridges.get(given) is not None:
            raise InvalidValue(f"id: {given} is taken already")
        return given

    def _account_of(self, leg: Leg) -> str:
        return self._client.account(leg.account or None).key

    def _planned(self, leg: Leg, plan: Plan, caller_id: str) -> Planned:
        account = self._client.account(leg.account)
        domain = account.address.partition("@")[2] or account.address.partition(":")[2]
        return Planned(
            to=leg.to,
            account=account.key,
            request_uri=leg.to if leg.to.partition(":")[0] in ("sip", "sips", "tel") else f"sip:{leg.to}@{domain}",
            from_=leg.caller_id(_user(account.address)) or caller_id or account.address,
            headers=dict(leg.headers),
            timeout=leg.timeout,
            retry=_told(plan),
        )

    # --- what is written down -----------------------------------------------------------------------

    async def _written(self, id: str, detail: dict[str, Any]) -> None:
        """On the disk before anything is sent, so that a crash is told of. Raises StoreError, InvalidValue."""
        now = self._views.now()
        record = JobRecord(
            id=id, rule="", account="", extension="", created=now, updated=now, state=JobState.CALLING, detail=detail
        )
        if not await self._ledger.add(record, None):
            raise InvalidValue(f"id: {id} is taken already")
        self._records[id] = record

    def _finished(self, id: str, state: JobState, status: int, cause: str) -> None:
        record = self._records.pop(id, None)
        if record is not None:
            self._ledger.outcome(msgspec.structs.replace(record, state=state, status=status, cause=cause))

    def _dry(self, id: str, close: Callable[[], None]) -> None:
        close()
        self._finished(id, JobState.DONE, 0, "DRY_RUN")


def _done() -> None:
    """There is nothing to be done."""


def _nothing(place: Place, call: Call, state: CallState) -> None:
    """What becomes of each call is told by the client."""


async def _hang_up_after(playing: Any, call: Call) -> None:
    with suppress(MediaError):
        await playing
    call.hangup()


def _user(address: str) -> str:
    return address.partition(":")[2].partition("@")[0]


def _check_names(variables: dict[str, str]) -> None:
    for name, value in variable_headers(variables):
        check_header_name(name)
        check_header_value(value, f"variable {name}")


def _told(plan: Plan) -> dict[str, Any] | None:
    retry = plan.retry
    if retry is None:
        return None
    on = [each.cause or f"{each.low}-{each.high}" for each in retry.on]
    return {"on": on, "times": retry.times, "wait": float(retry.wait), "backoff": retry.backoff}
