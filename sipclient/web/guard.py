"""What is asked of every request before anything else: that no website sent it, and that it is not too large.

A page of any website can make a browser send requests to this machine; the names in Host and Origin tell those apart
from ours. RFC 6454, RFC 9110 §7.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from sipclient.web.access import Access
from sipclient.web.problems import MEDIA_TYPE, Refused, problem

# As ASGI has them: dictionaries, and functions that take and give such.
Scope: TypeAlias = Any
Receive: TypeAlias = Any
Send: TypeAlias = Any
ASGIApp: TypeAlias = Any

WHO = "sipclient.who"  # in the scope: who asks, as Access says
SMALL = 64 * 1024  # bytes of a body
LARGE = 24 * 1024 * 1024  # bytes of one that holds a trace
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Nothing of a page of ours is from elsewhere, and nobody else's page shows it.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", PAGE_POLICY.encode()),
)


class Guard:
    """Stands before the application. `hosts` are names by which it may be reached, besides `localhost` and any IP
    address: those no website can have for its own."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], access: Access) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts) | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            return
        try:
            headers = _headers(scope)
            self._check(scope, headers)
            scope[WHO] = self._access.enter(
                scope["method"], scope["path"], headers.get("authorization", ""), (scope.get("client") or ("",))[0]
            )
            body = Bounded(scope, receive, _most(scope["path"]))
            await self._app(scope, body.receive, _with_headers(send))
        except Refused as refusal:
            await _refuse(scope, _with_headers(send), refusal)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        host = headers.get("host", "")
        if not self._ours(host):
            raise Refused(403, "host", f"this is not {host[:100] or 'a host without a name'}: "
                          "name it in `hosts` of [web] where it is")  # fmt: skip
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise Refused(403, "origin", f"pages of {origin[:100]} may not ask here")
        site = headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") and headers.get("sec-fetch-mode") != "navigate":
            raise Refused(403, "origin", "pages of other sites may not ask here")
        if site == "cross-site" and scope["method"] in _WRITING:
            raise Refused(403, "origin", "pages of other sites may not ask here")
        self._check_body(scope["method"], headers, _most(scope["path"]))

    def _check_body(self, method: str, headers: dict[str, str], most: int) -> None:
        length = headers.get("content-length", "")
        if length.isdigit() and int(length[:15]) > most:
            raise _too_large(most)
        has_body = length not in ("", "0") or "transfer-encoding" in headers
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _WRITING and (has_body or media) and media != "application/json":
            raise Refused(415, "media-type", f"a body must be application/json, not {media[:100] or 'without a type'}")

    def _ours(self, host: str) -> bool:
        """Whether a Host is one of our names, or an IP address."""
        before, _, port = host.rpartition(":")
        name = (before if port.isdigit() else host).lower().rstrip(".")
        if name.startswith("[") and name.endswith("]"):
            name = name[1:-1]
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class Bounded:
    """A body that may be so long and no longer, whatever its Content-Length says."""

    def __init__(self, scope: Scope, receive: Receive, most: int) -> None:
        self._receive = receive
        self._left = most
        self._most = most

    async def receive(self) -> Any:
        """The next part of it."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise _too_large(self._most)
        return message


def _most(path: str) -> int:
    return LARGE if path == "/v1/traces" else SMALL


def _too_large(most: int) -> Refused:
    return Refused(413, "too-large", f"a body has at most {most} bytes")


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name; of those that came twice, both, so that neither is overlooked."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1").strip()
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _with_headers(send: Send) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in there)]
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send, refusal: Refused) -> None:
    body = msgspec.json.encode(problem(refusal.status, refusal.code, refusal.detail, scope["path"]))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in refusal.headers.items()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
