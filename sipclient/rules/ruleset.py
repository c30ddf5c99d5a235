"""The rules of a Config, found by extension."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from sipclient.config import Config, Pattern, RuleConfig


class Covered(msgspec.Struct, frozen=True):
    """What applies to one watched extension."""

    rules: tuple[RuleConfig, ...]
    missed: str  # of the watch: what is done about an edge that passed unseen, "tell" or "act"


class RuleSet:
    """Built once for a Config, so that a change costs one look-up however many rules and extensions there are."""

    __slots__ = ("_config", "_covered", "allow", "dry_run", "rules")

    rules: Mapping[str, RuleConfig]  # by name, in the order of the file
    allow: tuple[Pattern, ...]  # what may be called at all
    dry_run: bool

    def __init__(self, config: Config) -> None:
        self.rules = MappingProxyType({str(rule.name): rule for rule in config.rules})
        self.allow = config.dial.allow
        self.dry_run = config.dry_run
        self._config = config
        self._covered: dict[tuple[str, str], Covered] = {}
        self._fill(config)

    def about(self, account: str, extension: str) -> Covered | None:
        """What applies to this extension; None where it is not watched."""
        return self._covered.get((account, extension))

    def domain(self, account: str) -> str:
        """Where the account's bare numbers are dialled; empty for an unknown account."""
        return self._config.domain(account)

    def _fill(self, config: Config) -> None:
        shared: dict[tuple[str, ...], Covered] = {}  # most extensions have the same rules as the one before
        for watch in config.watch:
            account = str(watch.account)
            candidates = [rule for rule in config.rules if rule.when.account in ("", account)]
            for extension in watch.expand():
                rules = tuple(rule for rule in candidates if any(p.matches(extension) for p in rule.when.extensions))
                key = (watch.missed, *(rule.name for rule in rules))
                covered = shared.setdefault(key, Covered(rules, str(watch.missed)))
                self._covered.setdefault((account, extension), covered)
