"""Which methods a path knows: the header `Allow`, of OPTIONS and of every 405 (RFC 9110 §10.2.1, §15.5.6), and HEAD
wherever there is GET (RFC 9110 §9.3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any


class Methods:
    """Stands before the application, whose `paths` have these methods: `/v1/calls/{id:str}` and the like."""

    def __init__(self, app: Any, paths: Mapping[str, Iterable[str]]) -> None:
        self._app = app
        self._paths = [
            (re.compile(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(path))), _all_of(methods))
            for path, methods in sorted(paths.items(), key=lambda each: "{" in each[0])
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """An ASGI application."""
        allow = self._of(scope["path"])
        if scope["method"] == "OPTIONS" and allow:
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow.encode())]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        if scope["method"] == "HEAD" and "GET" in allow:
            await self._app({**scope, "method": "GET"}, receive, _head_alone(send))
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                others = [pair for pair in message["headers"] if pair[0].lower() != b"allow"]
                message["headers"] = [*others, (b"allow", allow.encode())]
            await send(message)

        await self._app(scope, receive, sending)

    def _of(self, path: str) -> str:
        return next((methods for pattern, methods in self._paths if pattern.fullmatch(path.rstrip("/") or "/")), "")


def _all_of(methods: Iterable[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))


def _head_alone(send: Any) -> Any:
    """What is sent for a GET, as an answer to HEAD: its body, which may have no end, is left out."""
    over = False

    async def sending(message: Any) -> None:
        nonlocal over
        if over:
            return
        await send(message)
        if message["type"] == "http.response.start":
            over = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sending
