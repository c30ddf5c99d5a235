"""One POST to somebody else's server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

PATIENCE = 10.0  # seconds for a whole answer


class Reply(msgspec.Struct, frozen=True):
    """What came of it: the status, or in its place why there is none. `after`: seconds the server asked us to wait."""

    status: int = 0
    problem: str = ""
    after: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the event is delivered."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        return self.problem or f"it answered {self.status}"


class Post(Protocol):
    """Who posts."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST a body of JSON, with these headers besides; never raises."""

    async def aclose(self) -> None:
        """The end."""


class Postman:
    """Posts by httpx. Redirections are not followed, and of an answer only the head is read."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False)

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST a body of JSON."""
        sent = {"Content-Type": "application/json", "User-Agent": "sipclient", **headers}
        try:
            async with self._client.stream("POST", url, content=body, headers=sent) as answer:
                return Reply(answer.status_code, after=_seconds(answer.headers.get("Retry-After", "")))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Reply(problem=f"{type(error).__name__}: {error}".rstrip(": ")[:200])

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def place_of(url: str) -> str:
    """A URL without what may be secret in it: its path, its query, its user."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{parts.port}' if parts.port else ''}"


def _seconds(text: str) -> float:
    """A Retry-After in seconds (RFC 9110 §10.2.3); a date is left to our own pauses."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
