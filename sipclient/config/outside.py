"""What stands beside the file, and only a shell can look at: hook files, and the place of the store."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from sipclient.config.addresses import allowed, is_dial_string
from sipclient.config.draft import Draft, domains_of
from sipclient.config.findings import Findings
from sipclient.config.model import DialConfig, StoreConfig


class Outside(Protocol):
    """Whoever can look. Each says what is wrong, and nothing where all is well."""

    def hook(self, file: str, function: str) -> str:
        """Whether a hook can be run: `hooks.py`, `on_ready`."""

    def sound(self, what: str) -> str:
        """Whether a file that is to be played is there."""

    def dial_string(self, text: str, accounts: Collection[str], permits: Callable[[str, str], bool]) -> str:
        """Whether a dial string can be read, and may call whom it names: `permits(account, target)`."""

    def store(self, url: str) -> str:
        """Whether a store can be opened there."""

    def tokens(self, file: str) -> str:
        """Whether a file has tokens."""


def check_outside(draft: Draft, outside: Outside, findings: Findings) -> None:
    """Hold what the file names against what is there."""
    for place, rule in draft.rules.items():
        if rule.run is not None and (wrong := outside.hook(rule.run.file, rule.run.function)):
            findings.error(("rules", place, "run"), wrong)
    for place, entry in draft.incoming.items():
        run, play = entry.action.run, str(entry.action.play)
        if run is not None and (wrong := outside.hook(run.file, run.function)):
            findings.error(("incoming", place, "action", "run"), wrong)
        if play and (wrong := outside.sound(play)):
            findings.error(("incoming", place, "action", "play"), wrong)
        _check_bridge(draft, place, outside, findings)
    store = draft.store or StoreConfig()
    if findings.sound("store", "url") and (wrong := outside.store(str(store.url))):
        findings.error(("store", "url"), wrong)
    if draft.web is not None and draft.web.tokens and (wrong := outside.tokens(str(draft.web.tokens))):
        findings.error(("web", "tokens"), wrong)


def _check_bridge(draft: Draft, place: int, outside: Outside, findings: Findings) -> None:
    """A dial string without slots; what is just a target was held against `[dial]` already."""
    text = draft.incoming[place].action.bridge.constant
    if not text or not is_dial_string(text) or not findings.sound("dial", "allow"):
        return
    allow = (draft.dial or DialConfig()).allow

    def permits(account: str, target: str) -> bool:
        domains = domains_of(draft, [account] if account else draft.names, findings)
        return not domains or any(allowed(allow, target, domain) for domain in domains)

    if wrong := outside.dial_string(text, draft.names, permits):
        findings.error(("incoming", place, "action", "bridge"), wrong)
