"""What a command says while it waits for a server that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from sipclient.protocol.account import Account
from sipclient.protocol.events import Event, ServerChanged

UNTIL_SAID = 2.0  # seconds of silence that nobody wonders at


class Patience:
    """While entered, and until it is `over`: says once, after a moment, who is waited for."""

    def __init__(self, account: Account, say: Callable[[str], None]) -> None:
        where = account.server or str(account.address).partition("@")[2]
        self._text = f"no answer yet from {where}; it has 32 seconds"
        self._say = say
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_later(UNTIL_SAID, self._say, self._text)
        return self

    def __exit__(self, *_: object) -> None:
        self.over()

    def hear(self, event: Event) -> None:
        """Whatever comes of a server's word, or of a failure to reach it, ends the wait; to look it up does not."""
        if not isinstance(event, ServerChanged):
            self.over()

    def over(self) -> None:
        """Somebody answered, or it does not matter any more."""
        if self._timer is not None:
            self._timer.cancel()
