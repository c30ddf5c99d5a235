"""Watching one extension: its packages' subscriptions merged into one state, and its episodes."""

from __future__ import annotations

from typing import Final

import msgspec

from sipclient.errors import MalformedBody
from sipclient.message import Request
from sipclient.presence import (
    PACKAGES,
    Applied,
    DialogInfo,
    DialogTable,
    MessageWaiting,
    Presence,
    State,
    accept_for,
    merge,
)
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import ExtensionChanged, MessagesWaiting, Watch, WatchProblem
from sipclient.protocol.exchange import Stack
from sipclient.protocol.line import Line
from sipclient.protocol.subscription import Subscription
from sipclient.protocol.window import Window

_BODIES: Final = frozenset(media for bodies in PACKAGES.values() for media in bodies)


class Episode:
    """An extension's episodes: one opens on the phone and is closed by ready or offline; ringing, on-hold and not
    knowing keep it open, but not knowing leaves a gap in it."""

    __slots__ = ("gap", "number", "open")

    def __init__(self, number: int, is_open: bool) -> None:
        self.number = number
        self.open = is_open
        self.gap = is_open  # what went before the start was not seen by us

    def follow(self, after: State) -> tuple[bool, bool, bool]:
        """The state is `after` now: (opened, closed, gap) of the change."""
        if after is State.UNKNOWN:
            self.gap = self.gap or self.open
        elif after is State.ON_THE_PHONE:
            opened = not self.open
            if opened:
                self.number += 1
                self.open = True
            gap, self.gap = self.gap and not opened, False
            return opened, False, gap
        elif after in (State.READY, State.OFFLINE) and self.open:
            gap, self.open, self.gap = self.gap, False, False
            return False, True, gap
        return False, False, False


class WatchUsage:
    """One watched extension (a `Watch` command) while it lasts."""

    __slots__ = (
        "_account",
        "_episode",
        "_packages",
        "_stack",
        "_tables",
        "command",
        "line",
        "note",
        "state",
        "subscriptions",
    )

    def __init__(self, stack: Stack, dialogs: Dialogs, line: Line, window: Window, command: Watch) -> None:
        self._stack = stack
        self.line = line
        self._account = line.account.key
        self.command = command
        self.note = ""
        self.state = State.UNKNOWN
        self._episode = Episode(command.episode, command.open)
        # What each package says; None once the PBX refuses the package for this extension, or says nothing.
        self._packages: dict[str, State | None] = dict.fromkeys(command.packages, State.UNKNOWN)
        self._tables: dict[str, DialogTable] = {}
        target = line.target_uri(command.extension)
        self.subscriptions = [
            Subscription(
                stack,
                dialogs,
                line,
                self,
                target=target,
                package=package,
                accept=accept_for(package),
                expires=line.account.expires,
                window=window,
            )
            for package in command.packages
        ]

    def start(self) -> None:
        """Ask, or ask again after the server was away."""
        for subscription in self.subscriptions:
            subscription.start_afresh()

    def on_notify(self, subscription: Subscription, request: Request) -> int:
        """Take a NOTIFY's body (see Subscriber)."""
        if not request.body:
            self._silent(subscription.package, request.subscription_state[0])
            return 200
        media = request.content_type
        if media not in _BODIES and not media.startswith("multipart/"):
            return 415
        try:
            document = self._stack.documents.read(request.headers.index["content-type"], request.body)
            return self._take(subscription, document)
        except MalformedBody as error:
            text = f"{self.command.extension}: NOTIFY refused: {error}"
            self._stack.core.trace(text, self._account)
            return 400

    def _silent(self, package: str, state: str) -> None:
        """A NOTIFY without a body. What was said once stands. Where nothing was, a PBX that does not say `pending`
        has nothing to say (to Kamailio nobody published anything): the other package is then believed alone."""
        if state == "active" and self._packages[package] is State.UNKNOWN:
            self._packages[package] = None
            self._merge()

    def _take(self, subscription: Subscription, document: Presence | DialogInfo | MessageWaiting) -> int:
        package = subscription.package
        if isinstance(document, Presence):
            self._packages[package] = document.state
            self.note = document.note
        elif isinstance(document, DialogInfo):
            table = self._tables.setdefault(package, DialogTable())
            if table.apply(self._without_echoes(document)) is Applied.GAP:
                # RFC 4235 §4.3: a version is missing, and what it said may contradict this one. A refresh brings
                # the full state; until then what we knew stands.
                subscription.ask_for_all()
                return 200
            self._packages[package] = table.state
        else:
            self._stack.core.emit(MessagesWaiting(self._account, document))
            return 200
        self._merge()
        return 200

    def _without_echoes(self, document: DialogInfo) -> DialogInfo:
        """Less the calls that we placed in the extension's name.

        A PBX that goes by From (Kamailio's pua_dialoginfo) takes them for the extension's own. Believed, each
        call would be the reason of the next. A call of ours *to* the extension does make it busy.
        """
        ours = self.line.is_own_call
        kept = tuple(each for each in document.dialogs if each.direction != "initiator" or not ours(each.call_id))
        return document if len(kept) == len(document.dialogs) else msgspec.structs.replace(document, dialogs=kept)

    def on_lost(self, subscription: Subscription, status: int, reason: str, retry_in: float) -> None:
        """A package's subscription is gone (see Subscriber)."""
        package = subscription.package
        refused = status in (489, 501) or (retry_in < 0 and len(self._packages) > 1)
        self._packages[package] = None if refused else State.UNKNOWN
        self._tables.pop(package, None)
        id, account, extension = self.command.id, self._account, self.command.extension
        how = (status, reason, retry_in, subscription.refused)
        self._stack.core.emit(WatchProblem(id, account, extension, package, *how))
        self._merge()

    def on_renewed(self, subscription: Subscription) -> None:
        """A fresh subscription counts its documents anew (see Subscriber)."""
        self._tables.pop(subscription.package, None)

    def _merge(self) -> None:
        before = self.state
        after = merge(self._packages.get("presence"), self._packages.get("dialog"))
        if after is before:
            return
        self.state = after
        episode = self._episode
        opened, closed, gap = episode.follow(after)
        number = episode.number if episode.open or closed else 0
        command = self.command
        self._stack.core.emit(
            ExtensionChanged(
                command.id,
                self._account,
                command.extension,
                before,
                after,
                number,
                opened,
                closed,
                gap,
                self.note,
            )
        )
