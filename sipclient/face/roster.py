"""The accounts of a client: what they are called, and which of them the engine holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeAlias

from sipclient.errors import InvalidValue, SipError
from sipclient.protocol.account import Account
from sipclient.protocol.events import AddAccount, Command, RemoveAccount

Which: TypeAlias = Account | str | None  # an account, its name or its address; None: the first


class Roster:
    """Accounts by key, in the order they were given. Raises InvalidValue for two of one name."""

    def __init__(self, accounts: Iterable[Account], do: Callable[[Command], None]) -> None:
        self.by_key: dict[str, Account] = {}
        self._do = do
        self._live: dict[str, asyncio.Event] = {}  # those the engine holds; set when it does no more
        for account in accounts:
            self._name(account)

    def find(self, which: Which) -> Account:
        """The account of that name or address; the first where none is given. InvalidValue for any other."""
        for account in self.by_key.values():
            if which is None or which == account or which in (account.key, account.address):
                return account
        known = ", ".join(self.by_key) or "none"
        raise InvalidValue(f"no such account: {which!r}; there are: {known}")

    def begin(self) -> None:
        """Give every account to the engine."""
        for account in self.by_key.values():
            self._begin(account)

    def add(self, account: Account) -> None:
        """One more, given to the engine at once; where that refuses it, nothing has changed."""
        self._name(account)
        try:
            self._begin(account)
        except BaseException:
            del self.by_key[account.key]
            raise

    def arrange(self, keys: Iterable[str]) -> None:
        """Put the accounts into this order; any others come first."""
        for key in keys:
            if key in self.by_key:
                self.by_key[key] = self.by_key.pop(key)

    async def end(self, key: str) -> None:
        """Take an account from the engine, and wait until it is un-registered."""
        gone = self._live.get(key)
        if gone is not None:
            with suppress(SipError):  # a bug, logged where it happened: closing goes on without the account
                self._do(RemoveAccount(key))
                await gone.wait()

    async def end_all(self) -> None:
        """Take all accounts from the engine, together."""
        await asyncio.gather(*(self.end(key) for key in tuple(self._live)))

    def ended(self, key: str) -> None:
        """The engine has let go of an account."""
        gone = self._live.pop(key, None)
        if gone is not None:
            gone.set()

    def _name(self, account: Account) -> None:
        if account.key in self.by_key:
            raise InvalidValue(f"two accounts are called {account.key!r}: give each its own name")
        self.by_key[account.key] = account

    def _begin(self, account: Account) -> None:
        self._do(AddAccount(account))
        self._live[account.key] = asyncio.Event()
