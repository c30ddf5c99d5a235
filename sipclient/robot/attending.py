"""One call that reached us: its entry's action, step by step, each step told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from sipclient.bridging import bridge
from sipclient.call import Call
from sipclient.config import Config, IncomingAction, IncomingTemplate
from sipclient.dialling import Failed, Place, Plan
from sipclient.errors import CallbackRefused, CallFailed, InvalidValue, MediaError, NotAllowed, StoreError
from sipclient.face.causes import TELLABLE
from sipclient.face.connected_line import asks_privacy
from sipclient.face.connecting import TOLD_FOR
from sipclient.face.course import CallState
from sipclient.face.dialler import Dialler
from sipclient.face.incoming import IncomingCall
from sipclient.face.wishes import LEG_TIMEOUT, tone_for
from sipclient.media.tones.countries import named_tone
from sipclient.protocol.events import Headers
from sipclient.robot import told
from sipclient.robot.callbacks import Callbacks
from sipclient.robot.desk.plans import Plans
from sipclient.robot.guarded import GuardedClient
from sipclient.robot.hook_runs import HookRuns
from sipclient.robot.recordings import Recordings
from sipclient.robot.told import Told
from sipclient.rules import ReceivedCall

STAY = 3600.0  # seconds that a call lasts at most which the caller alone would end
RINGBACK = "us-ring"
_TONES = ("%(", "tone_stream://", "silence_stream://")
_PLAIN = re.compile(r"[A-Za-z0-9+*#._-]{1,64}")  # a number that stands in a caller ID as it is
_ODD = re.compile(r"[^A-Za-z0-9+_-]+")


class Means(msgspec.Struct, frozen=True):
    """What is at hand. Relative paths begin at `folder`."""

    client: GuardedClient
    callbacks: Callbacks
    hooks: HookRuns
    wall: Callable[[], datetime]
    tell: Callable[[Told], None]
    folder: str
    config: Config
    recordings: Recordings | None


class Attending:
    """A call and the action of the entry that takes it.

    Camping on comes first, so that whoever hangs up during the announcement is noted all the same; only where the
    extension is what the caller keys in, it comes after that. Nothing it dials or points to escapes `[dial]`.
    """

    def __init__(
        self, id: str, incoming: IncomingCall, call: ReceivedCall, action: IncomingAction, means: Means
    ) -> None:
        self._id = id
        self._incoming = incoming
        self._received = call
        self._action = action
        self._means = means
        self._digits = ""

    async def run(self) -> None:
        """From the first step to the last. Raises SipError where a step cannot be done that the rest needs."""
        action = self._action
        keyed_in = "digits" in action.camp_on.used
        if action.camp_on.text and not keyed_in and not await self._camp_on():
            self._refuse(480, "nobody can camp on it")
            return
        if action.answer or action.play or action.record or action.digits is not None:
            await self._talk()
            if self._gone:
                return
        if keyed_in and not await self._camp_on():
            return
        if action.reject:
            self._refuse(int(action.reject) if action.reject.isdigit() else str(action.reject))
        elif action.redirect.text:
            self._redirect()
        elif action.bridge.text:
            await self._bridge()
        elif action.run is not None:
            await self._run_hook(str(action.run))
        elif self._call.answered_at is None:
            self._refuse("USER_BUSY")  # camped on, with nothing to say to it
        elif action.answer or action.record:
            await self._stay()

    @property
    def _call(self) -> Call:
        return self._incoming.call

    @property
    def _gone(self) -> bool:
        return self._call.end is not None

    def _step(self, step: str, what: str = "") -> None:
        self._means.tell(told.IncomingStep(self._id, step, what))

    def _render(self, template: IncomingTemplate) -> str:
        call = self._received
        values = {
            "to": call.to,
            "caller": call.caller,
            "caller_name": call.caller_name,
            "account": call.account,
            "at": self._means.wall().astimezone().isoformat(timespec="seconds"),
            "digits": self._digits,
        }
        return template.render(values)

    # --- without an answer --------------------------------------------------------------------------

    def _refuse(self, why: int | str, reason: str = "") -> None:
        self._step("rejected", f"{why}{f', {reason}' if reason else ''}")
        self._incoming.reject(why)

    def _redirect(self) -> None:
        where = self._render(self._action.redirect)
        if ":" not in where:
            where = (
                f"sip:{where}" if "@" in where else f"sip:{where}@{self._means.config.domain(self._received.account)}"
            )
        try:
            self._incoming.redirect(where)
        except NotAllowed as error:
            self._refuse(403, str(error))
            return
        self._step("redirected", where)

    async def _camp_on(self) -> bool:
        call, extension = self._received, self._render(self._action.camp_on)
        variables = {"called": call.to} | ({"digits": self._digits} if self._digits else {})
        try:
            record = await self._means.callbacks.ask(
                extension,
                variables,
                float(self._action.expires),
                caller=call.caller,
                caller_name=call.caller_name,
            )
        except (CallbackRefused, InvalidValue, StoreError) as error:
            self._step("failed", str(error))
            return False
        self._step("camps-on", f"{extension} ({record.id})")
        return True

    # --- sound --------------------------------------------------------------------------------------

    async def _talk(self) -> None:
        action, call = self._action, await self._incoming.answer()
        self._step("answered")
        if action.record:
            self._record(call)
        if action.play:
            await self._play(call, str(action.play))
        if action.digits is not None and not self._gone:
            wanted = action.digits
            seconds = float(wanted.timeout)
            self._digits = await call.digits(wanted.most, timeout=seconds, between=seconds, terminator=str(wanted.end))
            self._incoming.digits = self._digits
            self._step("digits", self._digits)

    async def _play(self, call: Call, what: str) -> None:
        try:
            playing = call.play(what if is_tone(what) else Path(self._means.folder, what.removeprefix("file://")))
            self._step("playing", what)
            await playing
        except MediaError as error:
            self._step("failed", f"{what} is not played: {error}")

    def _record(self, call: Call) -> None:
        """Into the folder of recordings, or where robot.toml is."""
        given, whose = self._action.record, self._received
        wish = given if isinstance(given, str) else ""
        name = f"{self._means.wall().strftime('%Y%m%dT%H%M%SZ')}-{whose.caller}-{whose.to}"
        recordings = self._means.recordings
        path = Path(wish or name)
        try:
            if recordings is not None:
                path = recordings.place(wish, name)
                recording = call.record(path)
                recordings.begun(recording, call=self._id)
            else:
                recording = call.record(Path(self._means.folder, wish or f"{_ODD.sub('-', name)[:100]}.wav"))
        except (MediaError, InvalidValue) as error:
            self._step("failed", f"not recorded: {error}")
            if recordings is not None:
                recordings.not_begun(path, error, call=self._id)
            return
        self._step("recording", str(recording.path))

    async def _stay(self) -> None:
        """Until the caller hangs up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STAY):
                await self._call.ended()

    # --- somebody else ------------------------------------------------------------------------------

    async def _run_hook(self, name: str) -> None:
        await self._means.hooks.attend(self._id, name, self._incoming)
        if self._call.answered_at is None:
            self._incoming.reject(480)

    async def _bridge(self) -> None:
        """Ring the caller, or let him hear it ring, until the other side answers; then join the two."""
        to, call = self._render(self._action.bridge), self._call
        plan = self._planned(to)
        self._step("bridging", to)
        ringing = None
        if call.answered_at is None:
            self._incoming.ring()
        else:
            with suppress(MediaError):
                ringing = call.play(plan.ringback or RINGBACK, loops=None)
        try:
            self._plans.allowed(plan)
            other = await self._reach(plan)
        except NotAllowed as error:
            await self._not_reached(403, "CALL_REJECTED", str(error))
            return
        except CallFailed as failure:
            await self._not_reached(failure.status, failure.cause, failure.reason)
            return
        finally:
            if ringing is not None:
                ringing.stop()
        if other is None:
            return
        try:
            if call.answered_at is None:
                await self._incoming.answer(self._told_of(other))
            self._step("bridged", to)
            await bridge(call, other)
        finally:
            other.hangup()

    @property
    def _plans(self) -> Plans:
        return Plans(self._means.client)

    def _planned(self, text: str) -> Plan:
        """How the other side is called. Raises InvalidValue."""
        plan = self._plans.with_account(self._plans.read(text), self._received.account)
        refuse_unfit(plan)
        return plan.each_leg(lambda leg: msgspec.structs.replace(leg, timeout=leg.timeout or LEG_TIMEOUT))

    async def _reach(self, plan: Plan) -> Call | None:
        """The other side's call, answered; None where the caller left before. Raises CallFailed, NotAllowed."""
        client = self._means.client

        private = asks_privacy(self._incoming.request)

        async def place(step: Place) -> Call:
            hidden = private and "pai" not in client.account(step.leg.account).identity
            return await client.place(
                step.leg,
                call_id=f"{plan.id}-{step.number}" if plan.id else "",
                name=plan.id,
                variables=dict(plan.variables),
                caller_id="" if hidden else self._shown(),
                private=private,
            )

        def heard(step: Place, other: Call, state: CallState) -> None:
            told = self._told_of(other) if state is CallState.RINGING and dialler.alone else ()
            if told and self._call.answered_at is None:
                self._incoming.ring(told)

        def waits(failed: Failed, seconds: float) -> None:
            self._step("waiting", f"{failed.cause}: another attempt in {seconds:g} s")

        dialler = Dialler(plan, client.clock, place, heard, waits)
        leaving = asyncio.create_task(self._leaves(dialler))
        try:
            other = await dialler.run()
        except CallFailed:
            if self._gone:
                return None
            raise
        finally:
            leaving.cancel()
        if self._gone:
            other.hangup()
            return None
        return other

    def _told_of(self, other: Call) -> Headers:
        """Who rings, or answered, as the caller may see it."""
        party = other.connected_line.party
        return self._call.connected_line.told(party) if party is not None else ()

    async def _leaves(self, dialler: Dialler) -> None:
        await self._call.ended()
        dialler.leave("the caller hung up")

    def _shown(self) -> str:
        """The caller as the other side sees him; nobody where his number could not stand in a caller ID."""
        number, name = self._received.caller, self._received.caller_name
        if _PLAIN.fullmatch(number) is None:
            return ""
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{number}>' if name else number

    async def _not_reached(self, status: int, cause: str, reason: str) -> None:
        self._step("failed", " ".join(part for part in (str(status or ""), cause, reason) if part))
        if self._call.answered_at is None:
            self._incoming.reject(status if 400 <= status <= 699 else 480)
            return
        with suppress(MediaError, TimeoutError):
            async with asyncio.timeout(TOLD_FOR):
                await self._call.play(tone_for(RINGBACK, cause))
        self._call.hangup(cause if cause in TELLABLE else None)


def refuse_unfit(plan: Plan) -> None:
    """Raises InvalidValue for what a dial string says of a bridge as a whole, and an entry says in its own way."""
    if plan.stereo is not None:
        raise InvalidValue("RECORD_STEREO: what is recorded of a call that reaches us is record of its action")
    if plan.hangup_after_bridge is False:
        raise InvalidValue("hangup_after_bridge=false: a call that reaches us ends with the one it was bridged to")


def is_tone(what: str) -> bool:
    """Whether it is made rather than read from a file."""
    return what.startswith(_TONES) or named_tone(what.partition(";")[0].strip()) is not None
