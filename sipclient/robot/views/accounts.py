"""The accounts: whether each is registered, since when, and what went wrong last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from sipclient.protocol.account import Account
from sipclient.robot.told import AccountNotRegistered, AccountRegistered
from sipclient.robot.views.shapes import AccountShape, Failure, SubscriptionCounts


class _Standing:
    """What was heard of one account."""

    __slots__ = ("expires", "failure", "registered", "since")

    def __init__(self) -> None:
        self.registered = False
        self.since: datetime | None = None
        self.expires = 0.0
        self.failure: Failure | None = None


class Accounts:
    """What was told of each account; which there are says whoever asks."""

    def __init__(self) -> None:
        self._standing: dict[str, _Standing] = {}

    def registered(self, news: AccountRegistered, at: datetime) -> None:
        """A PBX holds a registration."""
        standing = self._standing.setdefault(news.account, _Standing())
        if not standing.registered:
            standing.since = at
        standing.registered, standing.expires = True, news.expires

    def lost(self, news: AccountNotRegistered, at: datetime) -> None:
        """It does not, or no more."""
        standing = self._standing.setdefault(news.account, _Standing())
        if standing.registered or standing.since is None:
            standing.since = at
        standing.registered = False
        standing.failure = Failure(at=at, status=news.status, reason=news.reason, retry_in=news.retry_in)

    def keep(self, names: Iterable[str]) -> None:
        """Forget all others."""
        kept = set(names)
        self._standing = {name: standing for name, standing in self._standing.items() if name in kept}

    def shapes(
        self,
        accounts: Iterable[Account],
        calls: Callable[[str], int],
        subscriptions: Callable[[str], SubscriptionCounts],
    ) -> Iterator[AccountShape]:
        """All of them, in their order."""
        for account in accounts:
            standing = self._standing.get(account.key, _Standing())
            scheme, _, rest = account.server.partition(":")
            yield AccountShape(
                name=account.key,
                address=account.address,
                server=account.server,
                transport=scheme if rest else "",
                register=account.register,
                registered=standing.registered,
                expires=standing.expires,
                since=standing.since,
                last_error=standing.failure,
                calls=calls(account.key),
                subscriptions=subscriptions(account.key),
            )
