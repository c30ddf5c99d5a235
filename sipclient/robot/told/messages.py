"""What is told of messages, with -v."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from sipclient.robot.told.base import Told


class Sent(Told, frozen=True):
    """A message left: its first line, or all of it."""

    to: str
    message: str
    mark: ClassVar[str] = ">"

    def words(self) -> str:
        return f"{self.to} {self.message}"


class Received(Told, frozen=True):
    """A message came."""

    from_: str = msgspec.field(name="from")
    message: str
    mark: ClassVar[str] = "<"

    def words(self) -> str:
        return f"{self.from_} {self.message}"
