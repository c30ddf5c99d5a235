"""Any challenge is answered, or in words it is said why not; an answer is one header line, and the right one.

Run: python tests/fuzz/fuzz_digest.py -max_total_time=60
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from sipclient.message import MalformedMessage, Request, Response, parse
    from sipclient.protocol.digest import Secret, Session, choose, verify

_SECRET = Secret("robot", "correct horse")
_RESPONSE = b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h\r\nWWW-Authenticate: %s\r\nProxy-Authenticate: %s\r\n\r\n"


class Fixed:
    """Randomness that has none."""

    def token(self, role: str) -> str:
        return "0123456789abcdef"

    def spread(self, role: str, low: float, high: float) -> float:
        return low


def one(data: bytes) -> None:
    """Two challenges, separated by a NUL; the first byte says what is known and wanted."""
    if not data:
        return
    first, _, second = data[1:].partition(b"\0")
    try:
        message = parse(_RESPONSE % (first, second))
        challenges = message.challenges if isinstance(message, Response) else ()
    except MalformedMessage:
        return
    session = choose(challenges, realm="pbx" if data[0] & 1 else "", strong_only=bool(data[0] & 2))
    if not isinstance(session, Session):
        return
    body = b"body"
    for count in (1, 2):
        name, value = session.answer(_SECRET, "REGISTER", "sip:pbx", body, Fixed())
        written = f"REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n{name}: {value}\r\n\r\n".encode(
            "utf-8", "surrogateescape"
        )
        request = parse(written + body)
        if not isinstance(request, Request) or [key for key, _ in request.headers] != ["Via", name]:
            raise RuntimeError("an answer is more than one header line")
        (credentials,) = request.authorizations
        if _SECRET.password in value:
            raise RuntimeError("the password is in the answer")
        # RFC 7616 §3.4.2: A1 of a -sess algorithm keeps the first nonce, which `verify` takes the present one for.
        if not verify(credentials.params, _SECRET, "REGISTER", body):
            raise RuntimeError("the answer is wrong")
        if session.qop and int(credentials.params["nc"], 16) != count:
            raise RuntimeError("the nonce is not counted")
        if data[0] & 2 and credentials.params.get("algorithm", "MD5").lower().startswith("md5"):
            raise RuntimeError("a weak algorithm was answered")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
