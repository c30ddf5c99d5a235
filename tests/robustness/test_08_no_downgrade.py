"""Robustness 8, no downgrade.

Never Basic; the strongest supported algorithm offered is answered, once; a strict setting refuses MD5 without TLS;
`auth-int` hashes the body; nc grows; secrets are in no log, repr, trace or answer.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import logging

import pytest
from robustness.common import CONTACT, SDP, SECRET, SERVER, Bench
from support.peer import transaction_free

from sipclient import Account, Client
from sipclient.message import Credentials, Request, parse
from sipclient.protocol.digest import ALGORITHMS, Secret, Session
from sipclient.protocol.events import AddAccount, Invite, RegistrationLost, SendRequest

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
STRONGEST_FIRST = ("SHA-512-256", "SHA-256", "MD5")
BASIC = ("WWW-Authenticate", 'Basic realm="pbx"')
UNKNOWN = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n", algorithm=SHA-3-1024, qop="auth"')


def digest(algorithm: str, qop: str = "auth") -> tuple[str, str]:
    return ("WWW-Authenticate", f'Digest realm="pbx", nonce="n-{algorithm}", algorithm={algorithm}, qop="{qop}"')


def challenged(*challenges: tuple[str, str], transport: str = "udp", **account: object) -> tuple[Bench, list[Request]]:
    """The REGISTERs of an account whose first one is challenged so, and whose second is taken."""
    bench = Bench()

    def pbx(request: Request) -> list[bytes]:
        if not request.authorizations:
            return [bench.pbx.reply(request, 401, *challenges)]
        return [bench.pbx.reply(request, 200, CONTACT, ("Expires", "300"))]

    bench.pbx.handler = transaction_free(pbx)
    bench.add(register=True, server=f"{transport}:{SERVER}:5060", **account)
    return bench, bench.pbx.requests("REGISTER")


def expected(credentials: Credentials, request: Request) -> str:
    """RFC 7616 §3.4.1, computed by the book and without the code under test."""
    params = credentials.params
    name = HASHES[params.get("algorithm", "MD5").removesuffix("-sess")]

    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    a1 = f"robot:{params['realm']}:{SECRET}"
    if params.get("algorithm", "").endswith("-sess"):
        a1 = f"{hashed(a1)}:{params['nonce']}:{params['cnonce']}"
    a2 = f"{request.method}:{params['uri']}"
    if params["qop"] == "auth-int":
        a2 += f":{hashlib.new(name, request.body).hexdigest()}"
    middle = f"{params['nonce']}:{params['nc']}:{params['cnonce']}:{params['qop']}"
    return hashed(f"{hashed(a1)}:{middle}:{hashed(a2)}")


@pytest.mark.parametrize("offered", [(BASIC,), (BASIC, UNKNOWN), (UNKNOWN, BASIC), (UNKNOWN,), ()])
def test_what_is_no_digest_we_know_is_not_answered(offered: tuple[tuple[str, str], ...]) -> None:
    bench, registers = challenged(*offered)
    assert len(registers) == 1
    token = base64.b64encode(f"robot:{SECRET}".encode())
    assert not any(token in data or b"uthorization" in data for _, data in bench.robot.sent)
    assert bench.robot.of(RegistrationLost)[0].status == 401


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_strongest_offered_is_answered_once_in_any_order(count: int) -> None:
    for algorithms in itertools.permutations(STRONGEST_FIRST, count):
        best = min(algorithms, key=STRONGEST_FIRST.index)
        for place in range(count + 1):
            offered = [digest(each) for each in algorithms]
            offered[place:place] = [BASIC, UNKNOWN]
            _, registers = challenged(*offered)
            (credentials,) = registers[1].authorizations
            assert credentials.params["algorithm"] == best
            assert credentials.params["nonce"] == f"n-{best}"
            assert credentials.params["response"] == expected(credentials, registers[1])


@pytest.mark.parametrize("algorithm", ["MD5-sess", "SHA-256-sess", "SHA-512-256-sess"])
def test_session_variants_are_computed_by_the_book(algorithm: str) -> None:
    _, registers = challenged(digest(algorithm))
    (credentials,) = registers[1].authorizations
    assert credentials.params["response"] == expected(credentials, registers[1])


MD5S = [digest("MD5"), digest("MD5-sess"), ("WWW-Authenticate", 'Digest realm="pbx", nonce="n"')]


@pytest.mark.parametrize("md5", MD5S, ids=["MD5", "MD5-sess", "none named"])
@pytest.mark.parametrize(
    ("transport", "strict", "answers"),
    [("udp", True, False), ("tcp", True, False), ("tls", True, True), ("udp", False, True), ("tcp", False, True)],
)
def test_a_strict_setting_refuses_md5_without_tls(
    md5: tuple[str, str], transport: str, strict: bool, answers: bool
) -> None:
    bench, registers = challenged(md5, transport=transport, require_strong_digest=strict)
    assert (len(registers) == 2) is answers
    if not answers:
        assert "MD5" in bench.robot.of(RegistrationLost)[0].reason
        _, registers = challenged(md5, digest("SHA-256"), transport=transport, require_strong_digest=strict)
        assert registers[1].authorizations[0].params["algorithm"] == "SHA-256"


@pytest.mark.parametrize("algorithm", STRONGEST_FIRST)
@pytest.mark.parametrize("qop", ["auth-int", "auth-int, auth", "auth"])
def test_auth_int_hashes_the_body(algorithm: str, qop: str) -> None:
    bench = Bench()

    def pbx(request: Request) -> list[bytes]:
        if request.authorizations or request.method == "ACK":
            return []
        return [bench.pbx.reply(request, 401, digest(algorithm, qop))]

    bench.pbx.handler = transaction_free(pbx)
    bench.add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    answered = bench.pbx.requests("INVITE")[1]
    (credentials,) = answered.authorizations
    assert answered.body == SDP
    assert credentials.params["qop"] == ("auth-int" if qop == "auth-int" else "auth")
    assert credentials.params["response"] == expected(credentials, answered)


def test_nc_grows_with_each_use_of_a_nonce_and_begins_anew_with_the_next() -> None:
    bench = Bench()
    nonce, nextnonce = "one", ""

    def pbx(request: Request) -> list[bytes]:
        if not any(each.params["nonce"] == nonce for each in request.authorizations):
            stale = ", stale=true" if request.authorizations else ""
            value = f'Digest realm="pbx", nonce="{nonce}", algorithm=SHA-256, qop="auth"{stale}'
            return [bench.pbx.reply(request, 401, ("WWW-Authenticate", value))]
        info = (("Authentication-Info", f'nextnonce="{nextnonce}"'),) if nextnonce else ()
        return [bench.pbx.reply(request, 200, CONTACT, ("Expires", "300"), *info)]

    bench.pbx.handler = transaction_free(pbx)
    bench.add(register=True)

    def ask(number: int) -> None:
        bench.robot.do(SendRequest(number, "pbx", "MESSAGE", "1001"))
        bench.wire.run(0.1)

    for number in range(3):
        ask(number)
    nonce = "two"
    ask(3)
    ask(4)
    nextnonce = "three"
    ask(5)
    nonce, nextnonce = "three", ""
    ask(6)
    ask(7)
    used = [each.authorizations[0] for each in bench.pbx.inbox if isinstance(each, Request) and each.authorizations]
    taken = [(each.params["nonce"], int(each.params["nc"], 16)) for each in used]
    counts: dict[str, list[int]] = {}
    for name, count in taken:
        counts.setdefault(name, []).append(count)
    assert counts["one"] == list(range(1, len(counts["one"]) + 1))
    assert counts["two"] == [1, 2, 3]
    assert counts["three"] == [1, 2]
    for request in bench.pbx.inbox:
        if isinstance(request, Request) and request.authorizations:
            assert request.authorizations[0].params["response"] == expected(request.authorizations[0], request)


# --- secrets ----------------------------------------------------------------------------------------------


def test_secrets_are_in_no_repr_and_no_event() -> None:
    bench, registers = challenged(digest("SHA-256"))
    account = bench.account()
    parsed = registers[1].authorizations[0]
    challenge = parse(bench.pbx.reply(registers[0], 401, digest("MD5"))).challenges[0]
    shown = [
        account,
        AddAccount(account),
        Secret("robot", SECRET),
        Session(challenge, "md5", "auth"),
        bench.robot.agent,
        parsed,
        registers[1],
        *bench.robot.events,
        *ALGORITHMS,
    ]
    for each in shown:
        for text in (repr(each), str(each)):
            assert SECRET not in text
    response = parsed.params["response"]
    assert not [event for event in bench.robot.events if response in repr(event)]
    assert response not in repr(parsed)
    assert not any(SECRET.encode() in data for _, data in bench.robot.sent)


async def test_secrets_are_in_no_log_even_where_there_is_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    """The shell logs what it was handling when something failed; neither password nor response may be in it."""

    class Broken:
        deadline = None

        def receive(self, packet: object, now: float) -> list[object]:
            raise RuntimeError("a bug")

        do = receive

        def tick(self, now: float) -> list[object]:
            return []

    caplog.set_level(logging.DEBUG)
    account = Account("sip:robot@pbx.test", password=SECRET, server="udp:127.0.0.1:9")
    client = Client(account, engine=Broken, wait=False)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="failed inside the engine") as caught:
        await client.__aenter__()
    assert client.failures == 1
    assert SECRET not in caplog.text
    assert SECRET not in str(caught.value)
    assert caplog.text
