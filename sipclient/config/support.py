"""What a robot.toml may say and this version does not have, such as a store of another kind: it is needed and would not
be there, so it is a mistake. Each row goes away with the part that acts on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from sipclient.config.draft import Draft
from sipclient.config.findings import Findings
from sipclient.config.lines import Path

Row: TypeAlias = tuple[Callable[[Draft], Iterator[Path]], str]


def check_support(draft: Draft, findings: Findings) -> None:
    """Add an error for each setting that cannot be done without."""
    for places, mistake in LACKING:
        for path in places(draft):
            findings.error(path, mistake)


def _postgresql(draft: Draft) -> Iterator[Path]:
    return iter([("store", "url")] if draft.store and draft.store.url.startswith("postgres") else [])


LACKING: tuple[Row, ...] = ((_postgresql, 'this version has no PostgreSQL store; write "sqlite:FILE"'),)
