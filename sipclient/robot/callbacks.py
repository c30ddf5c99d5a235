"""Who camps on which extension: asked for by a call (`camp_on`) or without one (`POST /v1/callbacks`).

The rules keep the order and decide; here is what is written down of it, and told. A request is on the disk when `ask`
returns, and its end is written together with the call that serves it: a crash loses none and serves none twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from sipclient.config import LONGEST_CAMPING
from sipclient.errors import CallbackRefused, InvalidValue, StoreError
from sipclient.face.identifiers import SystemIdentifiers
from sipclient.message import check_header_value
from sipclient.robot import told
from sipclient.robot.judge import Judge
from sipclient.robot.ledger import Ledger
from sipclient.robot.told import Told
from sipclient.rules import Requested, RequestWaits, Suppressed, Withdrawn
from sipclient.store import CallbackRecord, CallbackState, Store

EXPIRES = 3600.0  # seconds that somebody camps on an extension, where he says nothing of it
LONGEST_TEXT = 1024  # characters of a variable, a caller's number, a name
MOST_VARIABLES = 50
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")  # as templates take it: {variables.NAME}


class Callbacks:
    """Whoever camps on an extension that a rule with `armed = "on-request"` covers.

    The first of them is served when the extension becomes ready, the next when it does so again; who asks while it is
    ready, and before whom nobody waits, is served at once.
    """

    def __init__(
        self,
        judge: Callable[[], Judge],
        ledger: Ledger,
        store: Store,
        wall: Callable[[], datetime],
        tell: Callable[[Told], None],
    ) -> None:
        self._judge = judge
        self._ledger = ledger
        self._store = store
        self._wall = wall
        self._tell = tell
        self._waiting: dict[str, CallbackRecord] = {}

    async def ask(
        self,
        extension: str,
        variables: Mapping[str, str] = MappingProxyType({}),
        expires: float = EXPIRES,
        *,
        caller: str = "",
        caller_name: str = "",
        account: str = "",
    ) -> CallbackRecord:
        """Camp on an extension for `expires` seconds (1 to a week). A caller who camps on it already renews that and
        keeps his place. `account` is the one that watches the extension; empty for the first that does.

        Raises InvalidValue for what no template may be given, CallbackRefused where no rule would serve it or too
        many wait, StoreError where it cannot be written down: then nobody camps.
        """
        _check(extension, variables, expires, caller, caller_name)
        request = Requested(
            id=f"cb-{SystemIdentifiers().token('callback')}",
            account=account or self._watching(extension),
            extension=extension,
            caller=caller,
            caller_name=caller_name,
            variables=tuple(variables.items()),
            expires=float(expires),
        )
        before = self._waiting.copy()
        actions = self._judge().decide(request)
        for action in actions:
            if isinstance(action, Suppressed) and action.condition == "request":
                self._tell(told.CallbackRefused(extension, caller, action.detail))
                raise CallbackRefused(f"{extension} cannot be camped on: {action.detail}")
        taken = next(action.request for action in actions if isinstance(action, RequestWaits))
        record = self._record(taken, before.get(taken.id))
        try:
            await self._ledger.callback(record)  # asked of the store before the call that may serve it at once
        except StoreError:
            self._end(taken.id, CallbackState.CANCELLED, "it cannot be written down")
            self._judge().decide(Withdrawn(taken.id))
            raise
        return record

    @property
    def waiting(self) -> list[CallbackRecord]:
        """Whoever waits now, in the order they came."""
        return list(self._waiting.values())

    async def list(self, limit: int = 100) -> list[CallbackRecord]:
        """The latest, those that were served, expired or cancelled too, newest first. Raises StoreError."""
        return await self._store.callbacks(limit)

    async def get(self, id: str) -> CallbackRecord | None:
        """One of them. Raises StoreError."""
        return self._waiting.get(id) or await self._store.callback(id)

    async def cancel(self, id: str) -> CallbackRecord | None:
        """Camp no longer; None where nobody does under this id. Raises StoreError: after a restart he would again."""
        record = self._end(id, CallbackState.CANCELLED, "cancelled")
        if record is not None:
            self._judge().decide(Withdrawn(id))
            await self._ledger.callback(record)
        return record

    # --- an earlier run, and a reload ---------------------------------------------------------------

    async def restore(self, now: float) -> None:
        """Take up who camped on an extension when the last run ended. Raises StoreError."""
        for record in await self._store.waiting_callbacks():
            self._waiting[record.id] = record
            left = (record.expires - self._wall()).total_seconds()
            if left <= 0:
                self.expired(record.id)
            elif not self._judge().restore(_request(record, left), now + left):
                self.dropped(record.id)

    def dropped(self, id: str) -> None:
        """Nobody watches its extension any more."""
        record = self._end(id, CallbackState.CANCELLED, "the extension is not watched any more")
        if record is not None:
            self._ledger.callback_ended(record)

    # --- what the rules say (see Camps) -------------------------------------------------------------

    def waits(self, request: Requested, renewed: bool) -> None:
        """A request was taken."""
        self._waiting[request.id] = self._record(request, self._waiting.get(request.id))
        who = (request.caller, request.caller_name)
        self._tell(told.CallbackWaits(request.id, request.account, request.extension, *who, request.expires, renewed))

    def served(self, id: str, job: str) -> CallbackRecord | None:
        """Its rule acts: what is to be written with the deed."""
        record = self._waiting.pop(id, None)
        if record is None:
            return None
        self._tell(told.CallbackServed(id, record.account, record.extension, record.caller, job))
        return msgspec.structs.replace(record, state=CallbackState.SERVED, job=job, updated=self._wall())

    def expired(self, id: str) -> None:
        """It ended unheard."""
        record = self._end(id, CallbackState.EXPIRED, "expired")
        if record is not None:
            self._ledger.callback_ended(record)

    def _end(self, id: str, state: CallbackState, reason: str) -> CallbackRecord | None:
        record = self._waiting.pop(id, None)
        if record is None:
            return None
        self._tell(told.CallbackOver(id, record.account, record.extension, record.caller, reason))
        return msgspec.structs.replace(record, state=state, updated=self._wall())

    def _watching(self, extension: str) -> str:
        """The account that watches the extension, one whose rules serve requests first; empty for none."""
        rules = self._judge().rules
        covered = {name: found for name in rules.accounts if (found := rules.about(name, extension)) is not None}
        asked = (name for name, each in covered.items() if any(rule.armed != "always" for rule in each.rules))
        return next(asked, next(iter(covered), ""))

    def _record(self, request: Requested, before: CallbackRecord | None) -> CallbackRecord:
        now = self._wall()
        return CallbackRecord(
            id=request.id,
            account=request.account,
            extension=request.extension,
            caller=request.caller,
            caller_name=request.caller_name,
            variables=dict(request.variables),
            created=before.created if before is not None else now,
            updated=now,
            expires=now + timedelta(seconds=request.expires),
        )


def _request(record: CallbackRecord, expires: float) -> Requested:
    return Requested(
        id=record.id,
        account=record.account,
        extension=record.extension,
        caller=record.caller,
        caller_name=record.caller_name,
        variables=tuple(record.variables.items()),
        expires=expires,
    )


def _check(extension: str, variables: Mapping[str, str], expires: float, caller: str, caller_name: str) -> None:
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not 1 <= expires <= LONGEST_CAMPING:
        raise InvalidValue(f"a callback expires after 1 s to {LONGEST_CAMPING:g} s (a week), not {expires!r}")
    if len(variables) > MOST_VARIABLES:
        raise InvalidValue(f"{len(variables)} variables are too many: {MOST_VARIABLES} at most")
    for name in variables:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidValue(f"{str(name)[:70]!r} is no name of a variable: letters, digits, _ and -, no digit first")
    texts: Iterable[tuple[str, object]] = (
        ("extension", extension),
        ("caller", caller),
        ("caller_name", caller_name),
        *((f"variable {name}", value) for name, value in variables.items()),
    )
    for name, text in texts:
        if not isinstance(text, str):
            raise InvalidValue(f"{name} is a text, not {type(text).__name__}")
        check_header_value(text, name)
        if len(text) > LONGEST_TEXT:
            raise InvalidValue(f"{name} has {len(text)} characters: {LONGEST_TEXT} at most")
    if not extension:
        raise InvalidValue("name the extension to camp on")
