"""Watches: who reads which extension's changes, and the engine's watches behind them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from sipclient.errors import WatchFailed
from sipclient.face.streams import Stream
from sipclient.presence import State
from sipclient.protocol.events import Command, ExtensionChanged, Unwatch, Watch, WatchProblem

Key: TypeAlias = tuple[str, str, tuple[str, ...]]  # account, extension, packages

UNREAD = 1024  # changes a reader may lag behind before only each extension's latest is kept


class Memory(NamedTuple):
    """What is remembered of an extension from an earlier run: its last state, and its episode."""

    state: State = State.UNKNOWN
    episode: int = 0
    open: bool = False


class _Shared:
    """One watch in the engine, with everyone who reads it."""

    __slots__ = ("id", "key", "last", "readers", "refused", "state")

    def __init__(self, id: int, key: Key) -> None:
        self.id = id
        self.key = key
        self.readers: list[Watching] = []
        self.last: ExtensionChanged | None = None
        self.state = State.UNKNOWN
        self.refused: dict[str, str] = {}  # package -> why it is not told

    @property
    def hopeless(self) -> bool:
        """Whether nothing was told, and nothing will be. What was told once comes back, after a restart say."""
        return self.last is None and self.dark

    @property
    def dark(self) -> bool:
        """Whether the PBX refuses every package now."""
        return len(self.refused) == len(self.key[2])

    @property
    def why(self) -> str:
        """The reasons of the PBX."""
        return ", ".join(f"{package}: {why}" for package, why in self.refused.items())


class Watching(Stream[ExtensionChanged]):
    """The changes of some extensions, in the order they came: iterate it; leave or `aclose` it to end it.

    When more than `UNREAD` changes wait, only the latest of each extension is kept, `dropped` counts the
    rest, and a warning says so. Raises WatchFailed where the PBX refuses from the start to tell of any of the
    extensions (they are unknown to it, say), and then watches nothing more.
    """

    def __init__(self, registry: Watches) -> None:
        super().__init__("a watch", UNREAD, lambda: registry.release(self))
        self._most = UNREAD
        self.shared: list[_Shared] = []

    @property
    def refused(self) -> dict[str, str]:
        """The extensions the PBX refuses to tell about, and why. They are asked for again, ever more seldom."""
        return {each.key[1]: each.why for each in self.shared if each.dark}

    def _shed(self) -> None:
        latest: dict[tuple[str, str], ExtensionChanged] = {}
        for change in self._items:
            key = (change.account, change.extension)
            latest.pop(key, None)  # so that the order is that of the latest changes
            latest[key] = change
        kept = deque(latest.values())
        lost = len(self._items) - len(kept)
        self._items = kept
        # Twice what must be kept, so that ten thousand extensions are not sorted out at each change.
        self._limit = max(self._most, 2 * len(kept))
        if lost:
            self._lost(lost)


class Watches:
    """All watches of a client. The same extension in two watches is one subscription at the PBX."""

    def __init__(self, do: Callable[[Command], None], next_id: Callable[[], int]) -> None:
        self._do = do
        self._next_id = next_id
        self._by_key: dict[Key, _Shared] = {}
        self._by_id: dict[int, _Shared] = {}

    def open(
        self, account: str, extensions: Sequence[str], packages: tuple[str, ...], memory: Mapping[str, Memory]
    ) -> Watching:
        """Begin to watch. Raises InvalidValue for what is no address; then nothing is watched."""
        reader = Watching(self)
        try:
            for extension in dict.fromkeys(extensions):
                self._join(reader, (account, extension, packages), memory.get(extension))
        except BaseException:
            reader.end()
            self.release(reader)
            raise
        self._give_up_where_hopeless(reader)  # another watch may have been refused all of it already
        return reader

    def _join(self, reader: Watching, key: Key, memory: Memory | None) -> None:
        shared = self._by_key.get(key)
        if shared is None:
            shared = _Shared(self._next_id(), key)
            self._do(Watch(shared.id, *key, *(memory or Memory())))
            self._by_key[key] = self._by_id[shared.id] = shared
        shared.readers.append(reader)
        reader.shared.append(shared)
        if shared.last is not None and shared.state is not State.UNKNOWN:
            # A late reader hears what a first one heard: from unknown to what is known now.
            reader.put(
                msgspec.structs.replace(
                    shared.last, before=State.UNKNOWN, opened=False, closed=False, gap=True, note=""
                )
            )

    def release(self, reader: Watching) -> None:
        """A reader is done; a subscription nobody reads any more ends."""
        watches, reader.shared = reader.shared, []
        for shared in watches:
            shared.readers.remove(reader)
            if not shared.readers:
                self._forget(shared)
                self._do(Unwatch(shared.id))

    def changed(self, event: ExtensionChanged) -> None:
        """News of an extension, to all its readers."""
        shared = self._by_id.get(event.watch)
        if shared is None:
            return
        shared.last = event
        shared.state = event.after
        if event.after is not State.UNKNOWN:
            shared.refused.clear()
        for reader in shared.readers:
            reader.put(event)

    def problem(self, event: WatchProblem) -> None:
        """A package was refused: where that was the last hope of a reader, it hears so."""
        shared = self._by_id.get(event.watch)
        if shared is None:
            return
        if not event.refused:
            shared.refused.pop(event.package, None)
            return
        shared.refused[event.package] = f"{event.status or ''} {event.reason}".strip()
        for reader in tuple(shared.readers):
            self._give_up_where_hopeless(reader)

    def _give_up_where_hopeless(self, reader: Watching) -> None:
        # Refusals come in the order of asking: seen from the end, hope is found at once.
        if reader.shared and all(each.hopeless for each in reversed(reader.shared)):
            reader.end(WatchFailed(_why(reader.shared)))
            self.release(reader)

    def account_removed(self, account: str) -> None:
        """The engine ended the account's watches: their readers come to an end when they have no other."""
        for shared in [each for each in self._by_id.values() if each.key[0] == account]:
            self._forget(shared)
            for reader in shared.readers:
                reader.shared.remove(shared)
                if not reader.shared:
                    reader.end()

    def close(self) -> None:
        """The client is gone: every reader comes to its end."""
        for shared in self._by_id.values():
            for reader in shared.readers:
                reader.end()
        self._by_id.clear()
        self._by_key.clear()

    def states(self, account: str | None = None) -> dict[str, State]:
        """What is known now, of one account or of all (on two accounts, the first watched counts)."""
        known: dict[str, State] = {}
        for (owner, extension, _), shared in self._by_key.items():
            if account is None or owner == account:
                before = known.setdefault(extension, shared.state)
                if before is State.UNKNOWN:
                    known[extension] = shared.state
        return known

    def _forget(self, shared: _Shared) -> None:
        self._by_key.pop(shared.key, None)
        self._by_id.pop(shared.id, None)


def _why(watches: Sequence[_Shared]) -> str:
    first = watches[0]
    more = f" (and {len(watches) - 1} more)" if len(watches) > 1 else ""
    return f"the PBX refuses to tell about {first.key[1]}{more}: {first.why}"
