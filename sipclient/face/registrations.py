"""What became of each account's registration, and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sipclient.errors import RegistrationFailed, Unreachable
from sipclient.protocol.events import Registered, RegistrationLost

# Statuses that speak of the moment, not of the account: the engine tries again and may well succeed.
_PASSING = frozenset((408, 423, 480, 500, 502, 503, 504))


class Registrations:
    """The latest news of each account."""

    def __init__(self) -> None:
        self._latest: dict[str, Registered | RegistrationLost] = {}
        self._changed = asyncio.Event()

    def heard(self, event: Registered | RegistrationLost) -> None:
        """News from the engine."""
        self._latest[event.account] = event
        self._changed.set()
        self._changed = asyncio.Event()

    def forget(self, account: str) -> None:
        """The account is gone."""
        self._latest.pop(account, None)

    def registered(self, account: str) -> bool:
        """Whether the account is registered now."""
        return isinstance(self._latest.get(account), Registered)

    async def settled(self, accounts: Sequence[str]) -> None:
        """Wait until all are registered. Raises RegistrationFailed for the first that is refused for good."""
        while not all(self.registered(account) for account in accounts):
            for account in accounts:
                self._check(account)
            await self._changed.wait()

    def _check(self, account: str) -> None:
        news = self._latest.get(account)
        if isinstance(news, RegistrationLost) and news.status >= 400 and news.status not in _PASSING:
            raise RegistrationFailed(news.status, f"{news.reason} (account {account})")

    def overdue(self, accounts: Sequence[str], seconds: float) -> Unreachable:
        """The error for the accounts that are not registered after so long, with what each last met."""
        late = [account for account in accounts if not self.registered(account)]
        told = []
        for account in late:
            news = self._latest.get(account)
            why = f"{news.status or ''} {news.reason}".strip() if isinstance(news, RegistrationLost) else "no answer"
            told.append(f"{account}: {why}")
        return Unreachable(f"not registered after {seconds:g} s: {'; '.join(told)}")
