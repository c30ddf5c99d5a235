"""Who is it? Digest challenges and the check of their answers: the server's side of RFC 7616 and RFC 8760."""

from __future__ import annotations

from collections.abc import Mapping

from sipclient.errors import MalformedMessage
from sipclient.lab.values import Dialect, Refusal, Settings, User
from sipclient.message import Credentials, Request
from sipclient.protocol.digest import Secret, verify
from sipclient.protocol.identifiers import Identifiers

MOST_NONCES = 4096  # beyond which the oldest is forgotten: whoever uses it is told that it is stale
_WINDOW = 256  # how far below the highest nonce count one may come late, since UDP reorders


class Nonce:
    """One nonce of ours: until when it holds, and which counts it was used with (RFC 7616 §3.4.3)."""

    __slots__ = ("_highest", "_seen", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self._highest = 0
        self._seen = 0  # bit n: the count `highest - n` was used

    def use(self, count: int) -> bool:
        """Whether this count is used for the first time; it is taken down as used."""
        if count > self._highest:
            shift = min(count - self._highest, _WINDOW)
            self._seen = ((self._seen << shift) | 1) & ((1 << _WINDOW) - 1)
            self._highest = count
            return True
        behind = self._highest - count
        if count < 1 or behind >= _WINDOW or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True


class Gatekeeper:
    """Challenges requests and checks what they answer."""

    def __init__(self, users: Mapping[str, User], settings: Settings, ids: Identifiers) -> None:
        self._users = users
        self._settings = settings
        self._ids = ids
        self._nonces: dict[str, Nonce] = {}

    def check(self, request: Request, now: float, *, proxy: bool) -> User | Refusal:
        """The user whose credentials a request carries, or what to answer it with: a challenge, or a refusal.

        `proxy` says that this is no registration: FreeSWITCH and Kamailio then challenge with 407.
        """
        proxy = proxy and self._settings.dialect is not Dialect.ASTERISK
        try:
            found = self._ours(request.authorizations, proxy=proxy)
        except MalformedMessage as error:
            return Refusal(400, error.reason[:80])
        if found is None:
            return self._challenge(now, proxy=proxy, stale=False)
        params = found.params
        user = self._users.get(params.get("username", ""))
        secret = Secret(user.extension, user.password) if user is not None else None
        if user is None or secret is None or not verify(params, secret, request.method, request.body):
            if self._settings.dialect is Dialect.FREESWITCH:
                return Refusal(403, "Forbidden")
            return self._challenge(now, proxy=proxy, stale=False)
        if params.get("uri") != request.uri_text:
            return Refusal(400, "Credentials for another URI")  # RFC 7616 §3.4.6
        if not self._fresh(params, now):
            return self._challenge(now, proxy=proxy, stale=True)
        return user

    def _ours(self, given: tuple[Credentials, ...], *, proxy: bool) -> Credentials | None:
        """The credentials for our realm, in the header that answers our challenge, with an algorithm that we offer."""
        offered = {name.lower() for name in self._settings.algorithms}
        for each in given:
            algorithm = each.params.get("algorithm", "MD5").lower()
            ours = each.proxy == proxy and each.params.get("realm") == self._settings.realm
            if ours and each.scheme.lower() == "digest":
                return each if algorithm in offered else None
        return None

    def _fresh(self, params: Mapping[str, str], now: float) -> bool:
        nonce = self._nonces.get(params.get("nonce", ""))
        if nonce is None or nonce.until <= now:
            return False
        if not params.get("qop"):
            return True  # RFC 2069 counts nothing; the nonce's life is the only bound
        try:
            return nonce.use(int(params.get("nc", ""), 16))
        except ValueError:
            return False

    def _challenge(self, now: float, *, proxy: bool, stale: bool) -> Refusal:
        nonce = self._ids.token("nonce")
        self._nonces[nonce] = Nonce(now + self._settings.nonce_life)
        if len(self._nonces) > MOST_NONCES:
            del self._nonces[next(iter(self._nonces))]
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        flag = ", stale=true" if stale else ""
        headers = tuple(
            (name, f'Digest realm="{self._settings.realm}", nonce="{nonce}"{flag}, algorithm={algorithm}, qop="auth"')
            for algorithm in self._settings.algorithms
        )
        return Refusal(407 if proxy else 401, "", headers)
