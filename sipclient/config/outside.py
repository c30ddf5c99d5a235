"""What stands beside the file, and only a shell can look at: hook files, and the place of the store."""

from __future__ import annotations

from typing import Protocol

from sipclient.config.draft import Draft
from sipclient.config.findings import Findings
from sipclient.config.model import StoreConfig


class Outside(Protocol):
    """Whoever can look. Each says what is wrong, and nothing where all is well."""

    def hook(self, file: str, function: str) -> str:
        """Whether a hook can be run: `hooks.py`, `on_ready`."""

    def sound(self, what: str) -> str:
        """Whether a file that is to be played is there."""

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
    store = draft.store or StoreConfig()
    if findings.sound("store", "url") and (wrong := outside.store(str(store.url))):
        findings.error(("store", "url"), wrong)
    if draft.web is not None and draft.web.tokens and (wrong := outside.tokens(str(draft.web.tokens))):
        findings.error(("web", "tokens"), wrong)
