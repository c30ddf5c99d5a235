"""Digest authentication (RFC 7616, RFC 8760): the answer to a challenge, and the check of one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hmac import compare_digest
from types import MappingProxyType
from typing import Final

from sipclient.message import Challenge, quote
from sipclient.message.memo import Memo
from sipclient.protocol.identifiers import Identifiers


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


# Strongest first (RFC 8760 §2.2): SHA-512-256, SHA-256, MD5.
ALGORITHMS: Final[dict[str, Callable[[bytes], str]]] = {
    "sha-512-256": _sha512_256,
    "sha-512-256-sess": _sha512_256,
    "sha-256": _sha256,
    "sha-256-sess": _sha256,
    "md5": _md5,
    "md5-sess": _md5,
}
_STRENGTH = MappingProxyType({name: rank for rank, name in enumerate(reversed(list(ALGORITHMS)))})


def _hash(algorithm: str, text: str) -> str:
    # What the server sent need not be UTF-8: its bytes come back as they were.
    return ALGORITHMS[algorithm](text.encode("utf-8", "surrogateescape"))


# Of `method:uri`, which are the same in call after call.
_REQUESTS: Final = {name: Memo(partial(_hash, name)) for name in ALGORITHMS}


class Secret:
    """A user name and a password; the password is in no repr."""

    __slots__ = ("_a1", "password", "quoted", "username")

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self.quoted = quote(username)
        self.password = password
        self._a1 = ("", "", "")  # for an algorithm and a realm, which hardly ever change

    def __repr__(self) -> str:
        return f"Secret({self.username!r})"

    def a1(self, algorithm: str, realm: str) -> str:
        """The hash of user name, realm and password (RFC 7616 §3.4.2), of a -sess algorithm the inner one."""
        for_algorithm, for_realm, value = self._a1
        if for_algorithm != algorithm or for_realm != realm:
            value = _hash(algorithm, f"{self.username}:{realm}:{self.password}")
            self._a1 = (algorithm, realm, value)
        return value


class Session:
    """One nonce of one realm, and how often it was answered."""

    __slots__ = (
        "_asked", "_closing", "_name", "_opening", "algorithm", "cnonce", "count", "nonce", "proxy", "qop", "realm",
        "session_nonce",
    )  # fmt: skip

    def __init__(self, challenge: Challenge, algorithm: str, qop: str) -> None:
        params = challenge.params
        self.proxy = challenge.proxy
        self.realm = params.get("realm", "")
        self.nonce = params.get("nonce", "")
        self.algorithm = algorithm
        self.qop = qop
        self.count = 0
        self.cnonce = ""
        self.session_nonce = self.nonce  # the nonce that A1 of a -sess algorithm keeps
        # Of the credentials what stays, before the URI, before the nonce count, and behind it.
        self._name = "Proxy-Authorization" if self.proxy else "Authorization"
        self._opening = f"realm={quote(self.realm)}, nonce={quote(self.nonce)}"
        raw_algorithm, opaque = params.get("algorithm", ""), params.get("opaque")
        self._asked = "".join(
            (
                f", algorithm={raw_algorithm}" if raw_algorithm else "",
                f", opaque={quote(opaque)}" if opaque is not None else "",
                f", qop={qop}, nc=" if qop else "",
            )
        )
        self._closing = ""

    def answer(self, secret: Secret, method: str, uri: str, body: bytes, ids: Identifiers) -> tuple[str, str]:
        """The credentials header for one request: (name, value). Each call raises the nonce count."""
        if not self.cnonce:
            self.cnonce = ids.token("cnonce")
            if self.qop or self.algorithm.endswith("-sess"):
                self._closing = f', cnonce="{self.cnonce}"'
        self.count += 1
        nc = self.count.to_bytes(4, "big").hex() if self.qop else ""
        response = digest_response(
            self.algorithm,
            secret,
            self.realm,
            self.nonce,
            method,
            uri,
            qop=self.qop,
            nc=nc,
            cnonce=self.cnonce,
            body=body,
            session_nonce=self.session_nonce,
        )
        return self._name, (
            f"Digest username={secret.quoted}, {self._opening}, uri={quote(uri)}, "
            f'response="{response}"{self._asked}{nc}{self._closing}'
        )

    def next_nonce(self, nonce: str) -> None:
        """The server named the nonce of the next request (RFC 7616 §3.5); the same again counts on (§3.4)."""
        if nonce != self.nonce:
            self.nonce = nonce
            self.count = 0
            self._opening = f"realm={quote(self.realm)}, nonce={quote(nonce)}"


def digest_response(
    algorithm: str,
    secret: Secret,
    realm: str,
    nonce: str,
    method: str,
    uri: str,
    *,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
    session_nonce: str = "",
) -> str:
    """The `response` value of RFC 7616 §3.4.1 (of RFC 2069 where `qop` is empty), in lower-case hex."""
    a1 = secret.a1(algorithm, realm)
    if algorithm.endswith("-sess"):
        a1 = _hash(algorithm, f"{a1}:{session_nonce or nonce}:{cnonce}")
    if qop == "auth-int":
        a2 = _hash(algorithm, f"{method}:{uri}:{ALGORITHMS[algorithm](body)}")
    else:
        a2 = _REQUESTS[algorithm][f"{method}:{uri}"]
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return _hash(algorithm, f"{a1}:{middle}:{a2}")


def choose(challenges: Sequence[Challenge], *, realm: str, strong_only: bool) -> Session | str:
    """The session for the strongest challenge we can answer, or in words why there is none.

    Only Digest (never Basic), only `realm` where it is known (RFC 3261 §22.1), only algorithms and qop values
    we know; among equals the first (RFC 8760 §2.4). `strong_only` refuses MD5.
    """
    best: Session | None = None
    problem = "the server sent no challenge"
    for challenge in challenges:
        params = challenge.params
        if challenge.scheme.lower() != "digest":
            problem = problem if best else f"the server asks for {challenge.scheme}, which is never sent"
            continue
        if realm and params.get("realm", "") != realm:
            problem = f"the challenge is for the realm {params.get('realm', '')!r}, the password is for {realm!r}"
            continue
        if not params.get("nonce"):
            problem = "the challenge has no nonce"
            continue
        algorithm = (params.get("algorithm") or "MD5").lower()
        if algorithm not in ALGORITHMS:
            problem = f"the server asks for the unknown digest algorithm {params.get('algorithm')}"
            continue
        if strong_only and algorithm.startswith("md5"):
            problem = "the server offers only MD5, and the account demands a stronger digest or TLS"
            continue
        qops = [word for each in params.get("qop", "").split(",") if (word := each.strip().lower())]
        if qops and not {"auth", "auth-int"} & set(qops):
            problem = f"the server asks for the unknown qop {params['qop']!r}"
            continue
        qop = "" if not qops else "auth" if "auth" in qops else "auth-int"
        if best is None or _STRENGTH[algorithm] > _STRENGTH[best.algorithm]:
            best = Session(challenge, algorithm, qop)
    return best or problem


def verify(credentials: Mapping[str, str], secret: Secret, method: str, body: bytes) -> bool:
    """Whether Digest credentials (their parameters) were made with `secret`: the server's side.

    The caller checks that the nonce is its own and how often it was used.
    """
    algorithm = credentials.get("algorithm", "MD5").lower()
    if algorithm not in ALGORITHMS or credentials.get("username") != secret.username:
        return False
    qop = credentials.get("qop", "").lower()
    if qop not in ("", "auth", "auth-int"):
        return False
    expected = digest_response(
        algorithm,
        secret,
        credentials.get("realm", ""),
        credentials.get("nonce", ""),
        method,
        credentials.get("uri", ""),
        qop=qop,
        nc=credentials.get("nc", ""),
        cnonce=credentials.get("cnonce", ""),
        body=body,
    )
    return compare_digest(expected.encode(), credentials.get("response", "").lower().encode("utf-8", "surrogateescape"))
