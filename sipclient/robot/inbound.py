"""Calls that reach the robot, each given to the entry of [[incoming]] that takes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime

from sipclient.config import Config
from sipclient.errors import CallFailed, SipError
from sipclient.face.incoming import Incoming, IncomingCall
from sipclient.face.tasks import Tasks
from sipclient.robot import told
from sipclient.robot.attending import Attending, Means
from sipclient.robot.callbacks import Callbacks
from sipclient.robot.called import LONGEST, called
from sipclient.robot.guarded import RUN, GuardedClient
from sipclient.robot.hook_runs import HookRuns
from sipclient.robot.recordings import Recordings
from sipclient.robot.told import Told
from sipclient.rules import ReceivedCall, choose

MOST = 200  # calls attended to at once; the next get 503


class Inbound:
    """Reads the client's incoming calls while there is any [[incoming]]; without, whoever else does may have them."""

    def __init__(
        self,
        client: GuardedClient,
        callbacks: Callbacks,
        hooks: HookRuns,
        wall: Callable[[], datetime],
        tell: Callable[[Told], None],
        folder: str,
        recordings: Recordings | None,
    ) -> None:
        self._client = client
        self._callbacks = callbacks
        self._hooks = hooks
        self._wall = wall
        self._tell = tell
        self._folder = folder
        self._recordings = recordings
        self._config: Config | None = None
        self._reader: Incoming | None = None
        self._serial = itertools.count(1)
        self._tasks = Tasks()
        self._live = 0

    def adopt(self, config: Config) -> None:
        """These entries from now on; calls under way go on as they began."""
        self._config = config
        reader = self._reader
        if config.incoming and reader is None:
            self._reader = self._client.incoming()
            self._tasks.spawn(self._read(self._reader))
        elif not config.incoming and reader is not None:
            self._reader = None
            self._tasks.spawn(reader.aclose())

    async def close(self) -> None:
        """Attend to nobody any more. The calls themselves are the client's to end."""
        await self._tasks.close(0.0)

    async def _read(self, reader: Incoming) -> None:
        async for incoming in reader:
            if self._live >= MOST:
                incoming.reject(503)
            else:
                self._live += 1
                self._tasks.spawn(self._take(incoming))

    async def _take(self, incoming: IncomingCall) -> None:
        id = f"incoming/{next(self._serial)}"
        RUN.set(id)  # the calls it leads to are told under it
        try:
            await self._attend(id, incoming)
        except SipError as error:
            if incoming.call.end is None or not isinstance(error, CallFailed):
                self._tell(told.IncomingStep(id, "failed", str(error)))
            if incoming.call.answered_at is None:
                incoming.reject(480)
        finally:
            self._live -= 1
            incoming.call.hangup()
        self._tell(told.over(id, 1, await incoming.call.ended()))

    async def _attend(self, id: str, incoming: IncomingCall) -> None:
        config, call = self._config, self._described(incoming)
        assert config is not None
        chosen = choose(config.incoming, call, self._wall().astimezone())
        who = (call.caller, call.caller_name, call.to)
        self._tell(told.CallReceived(id, call.account, *who, incoming.call.call_id, chosen.number, chosen.passed))
        if chosen.entry is None:
            incoming.reject(480)
            return
        means = Means(
            self._client, self._callbacks, self._hooks, self._wall, self._tell, self._folder, config, self._recordings
        )
        await Attending(id, incoming, call, chosen.entry.action, means).run()

    def _described(self, incoming: IncomingCall) -> ReceivedCall:
        ours = self._client.account(incoming.account).user
        return ReceivedCall(
            account=incoming.account,
            to=called(incoming.request, ours),
            caller=incoming.caller[:LONGEST],
            to_uri=str(incoming.to.uri),
            caller_uri=str(incoming.from_.uri),
            caller_name=incoming.caller_name[:LONGEST],
        )
