"""What a robot.toml may say already and this version does not act on yet.

The contract of the file is whole from the first day, so that nobody has to rewrite it later; but a setting
that is read and then ignored must be told. One that is needed and would not be there is a mistake: a transport
or a store that does not exist. Each row goes away with the part that acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from sipclient.config.draft import Draft
from sipclient.config.findings import Findings
from sipclient.config.lines import Path

Row: TypeAlias = tuple[Callable[[Draft], Iterator[Path]], str]


def note_what_waits(draft: Draft, findings: Findings) -> None:
    """Add an error for each setting that cannot be done without, a note for each other that has no effect yet."""
    for places, mistake in LACKING:
        for path in places(draft):
            findings.error(path, mistake)
    for places, effect in WAITING:
        for path in places(draft):
            findings.add("note", path, f"not acted on by this version yet: {effect}")


def _entries(key: str) -> Callable[[Draft], Iterator[Path]]:
    return lambda draft: ((key, place) for place in getattr(draft, key))


def _postgresql(draft: Draft) -> Iterator[Path]:
    return iter([("store", "url")] if draft.store and draft.store.url.startswith("postgres") else [])


LACKING: tuple[Row, ...] = ((_postgresql, 'this version has no PostgreSQL store; write "sqlite:FILE"'),)
WAITING: tuple[Row, ...] = ((_entries("incoming"), "calls that reach us get 480"),)
