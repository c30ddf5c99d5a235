"""The rules of a Config, found by extension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType

import msgspec

from sipclient.config import Config, RuleConfig, allowed


class Covered(msgspec.Struct, frozen=True):
    """What applies to one watched extension."""

    rules: tuple[RuleConfig, ...]
    missed: str  # of the watch: what is done about an edge that passed unseen, "tell" or "act"


class RuleSet:
    """Built once for a Config, so that a change costs one look-up however many rules and extensions there are."""

    __slots__ = ("_allow", "_config", "_covered", "_sure", "dry_run", "rules")

    rules: Mapping[str, RuleConfig]  # by name, in the order of the file
    dry_run: bool

    def __init__(self, config: Config) -> None:
        self.rules = MappingProxyType({str(rule.name): rule for rule in config.rules})
        self.dry_run = config.dry_run
        self._config = config
        self._allow = config.dial.allow
        self._covered: dict[tuple[str, str], Covered] = {}
        self._sure = frozenset(self._constant_targets())
        self._fill()

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts, in the order of the file."""
        return tuple(self._config.accounts)

    def about(self, account: str, extension: str) -> Covered | None:
        """What applies to this extension; None where it is not watched."""
        return self._covered.get((account, extension))

    def allows(self, account: str, target: str) -> bool:
        """Whether `[dial] allow` names this target of a call by this account."""
        return (account, target) in self._sure or allowed(self._allow, target, self._config.domain(account))

    def _constant_targets(self) -> Iterator[tuple[str, str]]:
        """The allowed ones that are known beforehand: most rules have one, and need not ask each time."""
        constants = {rule.call.to.constant for rule in self.rules.values() if rule.call is not None} - {None}
        for target, account in product(map(str, constants), self._config.accounts):
            if allowed(self._allow, target, self._config.domain(account)):
                yield account, target

    def _fill(self) -> None:
        shared: dict[tuple[str, ...], Covered] = {}  # most extensions have the same rules as the one before
        for watch in self._config.watch:
            candidates = [rule for rule in self.rules.values() if rule.when.account in ("", watch.account)]
            for extension in watch.expand():
                rules = tuple(rule for rule in candidates if any(p.matches(extension) for p in rule.when.extensions))
                key = (watch.missed, *(rule.name for rule in rules))
                covered = shared.setdefault(key, Covered(rules, watch.missed))
                self._covered.setdefault((watch.account, extension), covered)
