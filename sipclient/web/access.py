"""Who may do what, and how often: bearer tokens (RFC 6750) with scopes, and a bucket of requests for each of them."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable

from sipclient.robot.tokens import Keys, Scope, may
from sipclient.web.problems import Refused

# All else needs a token, where tokens are on: whatever a path looks like that nobody thought of.
_OPEN = re.compile(r"/|/healthz|/openapi\.json|/[A-Za-z0-9_-]+\.(?:html|css|js|svg|png|ico|woff2|webmanifest)")
# What writes nothing and calls nobody, though it is a POST.
_READING = re.compile(r"/v1/traces|/v1/rules/[^/]+/simulate")

WRITES = (50.0, 400)  # requests a second, and at once
READS = (100.0, 400)
WRONG = (0.5, 10)  # tokens that are none, from one address
MOST = 2000  # who is remembered


class Buckets:
    """A bucket for each name: it holds so many, and so many a second flow in."""

    def __init__(self, rate: tuple[float, int], clock: Callable[[], float]) -> None:
        self._rate, self._most = rate
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def level(self, name: str) -> float:
        """How much is in it now."""
        level, at = self._levels.get(name, (float(self._most), 0.0))
        return min(self._most, level + (self._clock() - at) * self._rate)

    def take(self, name: str) -> float:
        """Take one: 0, or in how many seconds there will be one."""
        level = self.level(name)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._levels[name] = level - 1 if not wait else level, self._clock()
        self._levels.move_to_end(name)
        if len(self._levels) > MOST:
            self._levels.popitem(last=False)
        return wait


class Access:
    """`keys` None: nobody needs a token, for only this machine is served."""

    def __init__(self, keys: Keys | None, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._writes, self._reads, self._wrong = (Buckets(rate, clock) for rate in (WRITES, READS, WRONG))

    def enter(self, method: str, path: str, authorization: str, address: str) -> str:
        """Who asks: a token by its name, empty where nobody needs one. Raises Refused for whoever may not."""
        if _OPEN.fullmatch(path):
            return ""
        reads = method in ("GET", "HEAD", "OPTIONS") or _READING.fullmatch(path) is not None
        who = (
            address
            if self._keys is None
            else self._known(self._keys, "read" if reads else "call", authorization, address)
        )
        if wait := (self._reads if reads else self._writes).take(who):
            raise _too_often(wait)
        return who if self._keys is not None else ""

    def _known(self, keys: Keys, needed: Scope, authorization: str, address: str) -> str:
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            raise Refused(401, "token", "a token is needed: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})
        if self._wrong.level(address) < 1:
            raise _too_often((1 - self._wrong.level(address)) / WRONG[0])
        token = keys.find(text.strip())
        if token is None:
            self._wrong.take(address)
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise Refused(401, "token", "this token is unknown, revoked or expired", headers)
        if not may(token.scope, needed):
            headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'}
            raise Refused(
                403, "scope", f"token {token.name} has the scope {token.scope}, and that needs {needed}", headers
            )
        return f"token {token.name}"


def _too_often(wait: float) -> Refused:
    return Refused(429, "rate", "too many requests: slow down", {"Retry-After": str(max(1, round(wait + 0.5)))})
