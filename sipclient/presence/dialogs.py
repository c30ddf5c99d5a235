"""The dialogs of one watched extension, kept up to date from NOTIFY to NOTIFY."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sipclient.errors import MalformedBody
from sipclient.presence.state import State
from sipclient.presence.values import DIALOG_STATES, DialogEntry, DialogInfo

MAX_DIALOGS: Final = 256
MAX_ENDED: Final = 64

_EARLY: Final = ("trying", "proceeding", "early")


class Applied(StrEnum):
    """What became of a document.

    `STALE`: it was old news and is ignored. `GAP`: it was taken in, but something between it and the last
    one is missing; ask for the full state (a refresh makes the notifier send it, RFC 6665 §4.2.1.4).
    """

    APPLIED = "applied"
    STALE = "stale"
    GAP = "gap"


class DialogTable:
    """The merged documents of one subscription (RFC 4235 §4.3).

    NOTIFYs must be applied in the order of their CSeq. Deviations from the RFC, each for a real PBX:

    - A full document counts whatever its version. Ordered by CSeq it is the latest word, and versions do
      stand still (Asterisk on refreshes, Kazoo always) or begin anew (after a restart).
    - A dialog that was answered or ended does not go back to ringing (RFC 4235 §3.7.1) when early news of it
      is late (Kamailio, whose PUBLISHes race each other). This needs a Call-ID in the document: without one,
      ids are used again.
    - FreeSWITCH calls full what names one dialog, the latest to change, of several. So a full document of
      one dialog without Call-ID does not end other dialogs; where it would (it says of one only that it
      ended), GAP asks for a refresh, and if that brings no more than it, there is no more.
    """

    __slots__ = ("_dialogs", "_doubted", "_ended", "complete", "version")

    def __init__(self) -> None:
        self._dialogs: dict[str, DialogEntry] = {}
        self._ended: dict[tuple[str, str], None] = {}  # id and Call-ID of the latest dialogs that ended
        self._doubted: set[str] = set()  # the ended dialogs for which a refresh was asked
        self.version: int | None = None
        self.complete = False

    def apply(self, info: DialogInfo) -> Applied:
        """Take in one document. Raises MalformedBody, and changes nothing, where it makes for more than
        `MAX_DIALOGS` dialogs."""
        if not info.full and self.version is not None and info.version <= self.version:
            return Applied.STALE
        entries = _latest(info.dialogs)
        lone = info.full and len(entries) == 1 and not entries[0].call_id
        dialogs = self._merged(entries, {} if info.full and not lone else self._dialogs)
        doubted: set[str] = set()
        if lone and dialogs and entries[0].state == "terminated":
            key = _key(entries[0])
            if key in self._doubted or len(self._doubted) == MAX_ENDED:
                dialogs = {}
            else:
                doubted = self._doubted | {key}
        if len(dialogs) > MAX_DIALOGS:
            if not lone:
                raise MalformedBody(f"the extension has more than {MAX_DIALOGS} dialogs")
            dialogs = self._merged(entries, {})
        for entry in entries:
            self._remember(entry)
        follows = self.version is not None and info.version == self.version + 1
        self.complete = info.full or (self.complete and follows)
        self.version = info.version
        self._dialogs, self._doubted = dialogs, doubted
        return Applied.APPLIED if (info.full or follows) and not doubted else Applied.GAP

    @property
    def dialogs(self) -> tuple[DialogEntry, ...]:
        """The dialogs that are not over."""
        return tuple(self._dialogs.values())

    @property
    def foremost(self) -> DialogEntry | None:
        """The dialog that decides `state`: whom the extension talks to, holds, or is rung by."""
        return max(self._dialogs.values(), key=_weight, default=None)

    @property
    def state(self) -> State:
        """Somebody talks: on the phone; else somebody is held: on hold; else anything at all: ringing.

        Held is whatever is not rendered: FreeSWITCH calls a held dialog `early`.

        No dialog reads as ready, which may be offline too: RFC 4235 has no word for that. While documents
        are missing, no dialog means nothing.
        """
        foremost = self.foremost
        if foremost is not None:
            return _STATE_OF_WEIGHT[_weight(foremost)]
        return State.READY if self.complete else State.UNKNOWN

    @property
    def note(self) -> str:
        """The other party of the foremost dialog: its name, or else its URI."""
        foremost = self.foremost
        return "" if foremost is None else foremost.remote_display or foremost.remote_uri

    def _merged(self, entries: list[DialogEntry], known: dict[str, DialogEntry]) -> dict[str, DialogEntry]:
        """The known dialogs with the news in `entries`."""
        dialogs = dict(known)
        for entry in entries:
            key = _key(entry)
            if entry.state == "terminated" or self._is_late(entry):
                dialogs.pop(key, None)
            else:
                dialogs[key] = self._dialogs[key] if self._was_answered(entry) else entry
        return dialogs

    def _is_late(self, entry: DialogEntry) -> bool:
        return entry.state in _EARLY and (entry.id, entry.call_id) in self._ended

    def _was_answered(self, entry: DialogEntry) -> bool:
        """Whether it says of a dialog that talks that it rings: held ones may be called so, others never do again."""
        known = self._dialogs.get(_key(entry))
        late = entry.state in _EARLY and entry.call_id and entry.rendering is not False
        return bool(late and known is not None and known.call_id == entry.call_id and known.state == "confirmed")

    def _remember(self, entry: DialogEntry) -> None:
        identity = (entry.id, entry.call_id)
        if not entry.call_id:
            return
        if entry.state == "terminated":
            self._ended[identity] = None
            if len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]
        elif entry.state == "confirmed":  # an answer is no late news of ringing: the same Call-ID lives
            self._ended.pop(identity, None)


def _latest(entries: tuple[DialogEntry, ...]) -> list[DialogEntry]:
    """The entries, of those about the same dialog only the furthest one: Kamailio puts what it was told of
    a dialog by several publishers into one document, `early` after `terminated` included."""
    furthest: dict[str, DialogEntry] = {}
    for entry in entries:
        known = furthest.get(_key(entry))
        if known is None or DIALOG_STATES.index(entry.state) >= DIALOG_STATES.index(known.state):
            furthest[_key(entry)] = entry
    return list(furthest.values())


_STATE_OF_WEIGHT: Final = (State.RINGING, State.ON_HOLD, State.ON_THE_PHONE)


def _weight(entry: DialogEntry) -> int:
    if entry.rendering is False:
        return 1
    return 2 if entry.state == "confirmed" else 0


def _key(entry: DialogEntry) -> str:
    return entry.id or f"\0{entry.call_id}\0{entry.local_tag}\0{entry.remote_tag}"
