"""What everything told has in common: its name, its line for people, its JSON."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


class Told(msgspec.Struct, frozen=True, tag_field="event", tag=_kebab):
    """The base of everything told."""

    mark: ClassVar[str] = "="

    def words(self) -> str:
        """The line for people."""
        return ""

    def name(self) -> str:
        """What `event` says in JSON."""
        return str(self.__struct_config__.tag)


def as_json(news: Told, at: datetime) -> str:
    """One object, the same in the log, in the stream of events and for webhooks."""
    body = msgspec.json.encode(news).decode()
    return f'{{"at":"{at.isoformat(timespec="milliseconds")}",{body[1:]}'
