"""What the robot watches, and what it remembers of each extension for the next run."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import datetime

import msgspec

from sipclient.config import Config
from sipclient.errors import InvalidValue
from sipclient.presence import State
from sipclient.protocol.events import Command, ExtensionChanged, Unwatch, Watch
from sipclient.store import ExtensionRecord

Extension = tuple[str, str]  # account, extension
_STATES = frozenset(map(str, State))


class Watched:
    """The engine's watches, one for each extension of the configuration.

    They are commands of our own, not `Client.watch`: the robot hears each change at once, from the engine, and
    none may be dropped because a reader is slow.
    """

    def __init__(self, do: Callable[[Command], None], next_id: Callable[[], int]) -> None:
        self._do = do
        self._next_id = next_id
        self._ids: dict[Extension, tuple[int, tuple[str, ...]]] = {}
        self._records: dict[Extension, ExtensionRecord] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def remember(self, records: Iterable[ExtensionRecord]) -> None:
        """What the store has of an earlier run."""
        for record in records:
            known = record.state in _STATES  # or it is of another version's
            self._records[record.account, record.extension] = (
                record if known else msgspec.structs.replace(record, state=str(State.UNKNOWN))
            )

    def heard(self, change: ExtensionChanged, at: datetime) -> ExtensionRecord | None:
        """The record of this change, to be written. None where nothing is known now: what was, stays."""
        if change.after is State.UNKNOWN:
            return None
        key = change.account, change.extension
        before = self._records.get(key)
        record = ExtensionRecord(
            account=change.account,
            extension=change.extension,
            state=str(change.after),
            changed=at,
            episode=change.episode or (before.episode if before else 0),
            open=change.episode != 0 and not change.closed,
        )
        self._records[key] = record
        return record

    def adopt(self, config: Config, kept: Iterable[str], accounts: Container[str]) -> tuple[int, int, list[str]]:
        """Watch what the configuration says, and no more: how many are new, how many gone, and what cannot be.

        `accounts` are those there are; of them `kept` stay as they were, the watches of others ended with them.
        """
        wanted = {key: packages for key, packages in _wanted(config).items() if key[0] in accounts}
        alive = set(kept)
        gone = [key for key, (_, packages) in self._ids.items() if key[0] not in alive or wanted.get(key) != packages]
        for key in gone:
            id, _ = self._ids.pop(key)
            if key[0] in alive:
                self._do(Unwatch(id))
        new = [key for key in wanted if key not in self._ids]
        problems = [problem for key in new if (problem := self._watch(key, wanted[key]))]
        return len(new) - len(problems), len(gone), problems

    def _watch(self, key: Extension, packages: tuple[str, ...]) -> str:
        """Empty, or why it cannot be watched."""
        id, known = self._next_id(), self._records.get(key)
        memory = (State(known.state), known.episode, known.open) if known is not None else ()
        try:
            self._do(Watch(id, *key, packages, *memory))
        except InvalidValue as error:
            return f"{key[1]} of {key[0]} cannot be watched: {error}"
        self._ids[key] = (id, packages)
        return ""


def _wanted(config: Config) -> dict[Extension, tuple[str, ...]]:
    wanted: dict[Extension, tuple[str, ...]] = {}
    for watch in config.watch:
        packages = tuple(map(str, watch.events))
        for extension in watch.expand():
            wanted.setdefault((str(watch.account), extension), packages)
    return wanted
