"""Running hooks: each written down first as a call is, some at once, and whatever they raise told and survived."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from datetime import datetime

import msgspec

from sipclient.client import Client
from sipclient.errors import CallFailed, NotAllowed, StoreError
from sipclient.face.incoming import IncomingCall
from sipclient.face.tasks import Tasks
from sipclient.protocol.events import ExtensionChanged
from sipclient.robot import told
from sipclient.robot.guarded import RUN
from sipclient.robot.hooks import NO_HOOKS, REQUEST, Hook, Hooks, described
from sipclient.robot.ledger import Ledger
from sipclient.robot.told import Told
from sipclient.rules import Requested, RunHook
from sipclient.store import CallbackRecord, ExtensionRecord, JobRecord, JobState

AT_ONCE = 50  # hooks that run; more wait
WAITING = 1000  # hooks that may wait


class HookRuns:
    """The hooks under way. `hooks` may be replaced at any time; those that run are not disturbed."""

    def __init__(
        self,
        ledger: Ledger,
        client: Client,
        wall: Callable[[], datetime],
        tell: Callable[[Told], None],
    ) -> None:
        self.hooks: Hooks = NO_HOOKS
        self._ledger = ledger
        self._client = client
        self._wall = wall
        self._tell = tell
        self._tasks = Tasks()
        self._room = asyncio.Semaphore(AT_ONCE)

    def run(self, action: RunHook, state: ExtensionRecord | None, callback: CallbackRecord | None = None) -> None:
        """Write it down with the state of its extension and the callback it serves, then run it."""
        self._tasks.spawn(self._run(action, f"{action.file}:{action.function}", state, callback))

    async def attend(self, id: str, name: str, incoming: IncomingCall) -> None:
        """Give a call that reached us to a hook, and wait for that."""
        hook = self.hooks.get(name)
        if hook is None or self._room.locked():
            why = f"{AT_ONCE} hooks run already" if hook is not None else "the file in force has no such hook any more"
            self._tell(told.HookEnded(id, name, f"not run: {why}"))
            return
        async with self._room:
            self._tell(told.HookStarted(id, name))
            self._tell_end(id, name, await self._outcome(hook, id, incoming))

    async def close(self) -> None:
        """Give what runs a moment to see that the calls are over, then end it."""
        await self._tasks.close(0.3)

    async def _run(
        self, action: RunHook, name: str, state: ExtensionRecord | None, callback: CallbackRecord | None
    ) -> None:
        hook = self.hooks.get(name)
        full = len(self._tasks) > AT_ONCE + WAITING
        record = self._record(action, name, JobState.FAILED if full or hook is None else JobState.CALLING)
        try:
            if not await self._ledger.add(record, state, callback):
                self._tell(told.HookEnded(action.id, name, "it was run before, as the store says"))
                return
        except StoreError as error:
            self._tell(told.HookEnded(action.id, name, f"not run, since it cannot be written down: {error}"))
            return
        if full or hook is None:
            why = f"{WAITING} hooks wait already" if full else "the file in force has no such hook any more"
            self._tell(told.HookEnded(action.id, name, f"not run: {why}"))
            return
        async with self._room:
            self._tell(told.HookStarted(action.id, name))
            failure = await self._outcome(hook, action.id, action.change, action.request)
        how = JobState.FAILED if failure is not None else JobState.DONE
        self._ledger.outcome(msgspec.structs.replace(record, state=how))
        self._tell_end(action.id, name, failure)

    def _tell_end(self, id: str, name: str, failure: BaseException | None) -> None:
        what = described(failure) if failure is not None else ""
        told_whole = failure is None or isinstance(failure, NotAllowed | CallFailed)  # no bug of the hook's
        trace = "" if told_whole else "".join(traceback.format_exception(failure)).rstrip()
        self._tell(told.HookEnded(id, name, what, trace))

    async def _outcome(
        self, hook: Hook, id: str, given: ExtensionChanged | IncomingCall, request: Requested | None = None
    ) -> BaseException | None:
        """What the hook raised. It runs in a task, so that anything it raises is a value here."""

        async def call() -> None:
            RUN.set(id)
            REQUEST.set(request)
            try:
                await hook(given, self._client)
            except SystemExit as error:  # a loop ends at this one, and with it every call
                raise RuntimeError(f"it called sys.exit({error.code!r})") from error

        task = asyncio.get_running_loop().create_task(call())
        try:
            await asyncio.wait([task])
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=1.0)
        return None if task.cancelled() else task.exception()

    def _record(self, action: RunHook, name: str, how_far: JobState) -> JobRecord:
        change, now = action.change, self._wall()
        return JobRecord(
            id=action.id,
            rule=action.rule,
            account=change.account,
            extension=change.extension,
            episode=change.episode,
            state=how_far,
            created=now,
            updated=now,
            detail={"hook": name},
        )
