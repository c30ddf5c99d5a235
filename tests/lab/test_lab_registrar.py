"""Who may, and where they are: challenges and bindings, asked with raw requests."""

from __future__ import annotations

from typing import Any

import pytest
from lab.bench import HOST, USERS, Bench
from support.peer import Peer
from support.wire import SeededIdentifiers

from sipclient.lab.authentication import MOST_NONCES, Gatekeeper, Nonce
from sipclient.lab.values import Dialect, Refusal, Settings, User
from sipclient.message import Request, Response
from sipclient.protocol.digest import Secret, Session, choose
from sipclient.protocol.events import CallEnded, Flow, Registered, RegistrationLost

NOW = 100.0
URI = "sip:1001@10.0.0.1"


class Asker:
    """A gatekeeper and somebody who answers its challenges."""

    def __init__(self, **settings: Any) -> None:
        self.gate = Gatekeeper({user.extension: user for user in USERS}, Settings(**settings), SeededIdentifiers(3))
        self.session: Session | None = None

    def request(self, *headers: tuple[str, str], method: str = "REGISTER", uri: str = URI) -> Request:
        return Request(method, uri, [("Via", "SIP/2.0/UDP x;branch=z9hG4bK1"), *headers])

    def challenged(self, now: float = NOW, *, proxy: bool = False, header: str = "WWW-Authenticate") -> Refusal:
        refusal = self.gate.check(self.request(), now, proxy=proxy)
        assert isinstance(refusal, Refusal)
        self.take(refusal)
        return refusal

    def take(self, refusal: Refusal) -> None:
        session = choose(Response(401, "", list(refusal.headers)).challenges, realm="", strong_only=False)
        assert isinstance(session, Session), session
        self.session = session

    def answer(
        self, password: str = "secret-1001", user: str = "1001", uri: str = URI, method: str = "REGISTER"
    ) -> tuple[str, str]:
        assert self.session is not None
        return self.session.answer(Secret(user, password), method, uri, b"", SeededIdentifiers(4))

    def check(self, header: tuple[str, str], now: float = NOW) -> User | Refusal:
        return self.gate.check(self.request(header), now, proxy=False)


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5"), ("SHA-512-256",)])
def test_the_right_password(algorithms: tuple[str, ...]) -> None:
    asker = Asker(algorithms=algorithms)
    refusal = asker.challenged()
    assert refusal.status == 401 and len(refusal.headers) == len(algorithms)
    assert asker.session is not None and asker.session.algorithm == algorithms[0].lower()
    for _ in range(3):  # the nonce may be used again, with a higher count
        assert asker.check(asker.answer()) == USERS[0]


@pytest.mark.parametrize(
    ("dialect", "proxy", "status", "name"),
    [
        (Dialect.ASTERISK, True, 401, "WWW-Authenticate"),
        (Dialect.FREESWITCH, False, 401, "WWW-Authenticate"),
        (Dialect.FREESWITCH, True, 407, "Proxy-Authenticate"),
        (Dialect.KAMAILIO, True, 407, "Proxy-Authenticate"),
    ],
)
def test_each_ones_way_to_challenge(dialect: Dialect, proxy: bool, status: int, name: str) -> None:
    refusal = Asker(dialect=dialect).challenged(proxy=proxy)
    assert (refusal.status, refusal.headers[0][0]) == (status, name)


@pytest.mark.parametrize(("dialect", "status"), [(Dialect.ASTERISK, 401), (Dialect.FREESWITCH, 403)])
@pytest.mark.parametrize(("user", "password"), [("1001", "wrong"), ("nobody", "secret-1001")])
def test_a_wrong_password_or_user(dialect: Dialect, status: int, user: str, password: str) -> None:
    asker = Asker(dialect=dialect)
    asker.challenged()
    result = asker.check(asker.answer(password, user))
    assert isinstance(result, Refusal) and result.status == status
    assert "stale" not in str(result.headers)


def test_a_nonce_goes_stale_and_is_never_used_twice_with_one_count() -> None:
    asker = Asker(nonce_life=60.0)
    asker.challenged()
    first = asker.answer()
    assert isinstance(asker.check(first), User)
    replayed = asker.check(first)
    assert isinstance(replayed, Refusal) and "stale=true" in str(replayed.headers)
    late = asker.check(asker.answer(), NOW + 60)
    assert isinstance(late, Refusal) and "stale=true" in str(late.headers)
    asker.take(late)
    assert isinstance(asker.check(asker.answer(), NOW + 60), User)


def test_a_nonce_that_is_not_ours_or_was_forgotten() -> None:
    asker = Asker()
    asker.challenged()
    answer = asker.answer()
    for _ in range(MOST_NONCES):
        asker.gate.check(asker.request(), NOW, proxy=False)
    forgotten = asker.check(answer)
    assert isinstance(forgotten, Refusal) and "stale=true" in str(forgotten.headers)


@pytest.mark.parametrize(
    "value",
    [
        "Basic MTAwMTpzZWNyZXQ=",
        'Digest username="1001", realm="elsewhere", nonce="1", uri="x", response="00"',
        'Digest username="1001", realm="sipclient-lab", nonce="1", uri="x", response="00", algorithm=SHA-256',
        'Digest username="1001", realm="sipclient-lab", nonce="1", uri="x", response="00", algorithm=ROT13',
        'Digest username="1001", realm="sipclient-lab"',
    ],
)
def test_what_is_no_answer_is_challenged(value: str) -> None:
    result = Asker().check(("Authorization", value))
    assert isinstance(result, Refusal) and result.status == 401


@pytest.mark.parametrize("nc", ["00000000", "zz", ""])
def test_a_count_that_is_none(nc: str) -> None:
    asker = Asker()
    asker.challenged()
    name, value = asker.answer()
    assert isinstance(asker.check((name, value.replace("nc=00000001", f'nc="{nc}"'))), Refusal)


def test_credentials_for_another_uri_or_that_cannot_be_read() -> None:
    asker = Asker()
    asker.challenged()
    other = asker.check(asker.answer(uri="sip:other@10.0.0.1"))
    assert isinstance(other, Refusal) and other.status == 400
    broken = asker.check(("Authorization", "Digest username"))
    assert isinstance(broken, Refusal) and broken.status == 400


def test_counts_may_come_late_but_not_twice() -> None:
    nonce = Nonce(0.0)
    assert [nonce.use(count) for count in (1, 3, 2, 2, 3, 300, 44, 45, 45, 299, 5000, 4999)] == [
        *(True, True, True, False, False, True, False, True, False, True, True, True)
    ]


# --- bindings --------------------------------------------------------------------------------------


class Registering:
    """A raw peer that registers as 1001 with whatever headers a test wants."""

    def __init__(self, **settings: Any) -> None:
        self.bench = Bench(settings=Settings(domain=HOST, **settings))
        self.peer = Peer(self.bench.wire, "10.0.9.9")
        self.flow = _flow(self.peer)
        self.cseq = 0

    def register(self, *headers: tuple[str, str], to: str = "1001", call_id: str = "r", cseq: int = 0) -> Response:
        uri = f"sip:{HOST}"
        self.cseq = cseq or self.cseq + 1
        arguments: dict[str, Any] = {"call_id": call_id, "to": f"<sip:{to}@{HOST}>"}
        self.peer.send(self.flow, self.peer.request("REGISTER", uri, *headers, cseq=self.cseq, **arguments))
        self.bench.run(0.1)
        first = self.peer.responses()[-1]
        if first.status != 401:
            return first  # the engine would not even hand it on
        session = choose(first.challenges, realm="", strong_only=False)
        assert isinstance(session, Session)
        answer = session.answer(Secret("1001", "secret-1001"), "REGISTER", uri, b"", SeededIdentifiers(4))
        self.peer.send(self.flow, self.peer.request("REGISTER", uri, answer, *headers, cseq=self.cseq, **arguments))
        self.bench.run(0.1)
        return self.peer.responses()[-1]

    def bound(self) -> list[str]:
        return [str(each.uri) for each in self.register().contacts]


def _flow(peer: Peer) -> Any:
    return Flow("udp", peer.node.host, peer.node.port, HOST, 5060)


ONE, TWO = "<sip:1001@10.0.9.9:5060>", "<sip:1001@10.0.9.9:5070>"


def test_bindings_come_and_go() -> None:
    peer = Registering()
    answer = peer.register(("Contact", ONE), ("Expires", "60"))
    assert answer.status == 200 and [each.expires for each in answer.contacts] == [60]
    assert peer.bench.pbx.registered("1001")
    assert peer.register(("Contact", TWO), ("Expires", "60")).contacts[0].uri.port == 5070
    assert peer.bound() == ["sip:1001@10.0.9.9:5070"]  # the second evicts the first, as on Asterisk
    peer.register(("Contact", TWO + ";expires=0"))
    assert peer.bound() == [] and not peer.bench.pbx.registered("1001")
    peer.register(("Contact", ONE), ("Expires", "60"))
    assert peer.register(("Contact", "*"), ("Expires", "0")).status == 200
    assert peer.bound() == []


def test_two_contacts_where_that_is_allowed_both_ring() -> None:
    peer = Registering(max_contacts=2)
    peer.register(("Contact", ONE), ("Expires", "60"))
    peer.register(("Contact", TWO), ("Expires", "60"))
    assert peer.bound() == ["sip:1001@10.0.9.9:5070", "sip:1001@10.0.9.9:5060"]
    caller = peer.bench.phone("1002")
    peer.bench.run(1)
    caller.call("1001")
    peer.bench.run(1)
    assert {str(each.uri) for each in peer.peer.requests("INVITE")} == {ONE.strip("<>"), TWO.strip("<>")}


def test_a_binding_expires() -> None:
    peer = Registering()
    peer.register(("Contact", ONE), ("Expires", "30"))
    peer.bench.run(29)
    assert peer.bench.pbx.registered("1001")
    peer.bench.run(2)
    assert not peer.bench.pbx.registered("1001")


@pytest.mark.parametrize(
    ("headers", "more", "status"),
    [
        ([("Contact", "*"), ("Expires", "60")], {}, 400),
        ([("Contact", "sip:[")], {}, 400),
        ([("Contact", ", ".join(f"<sip:1001@10.0.9.9:{port}>" for port in range(5000, 5009)))], {}, 403),
        ([("Contact", ONE)], {"to": "1002"}, 403),
        ([("Contact", ONE)], {"cseq": 1}, 500),
    ],
)
def test_what_is_refused(headers: list[tuple[str, str]], more: dict[str, Any], status: int) -> None:
    peer = Registering()
    peer.register(("Contact", ONE), ("Expires", "60"), cseq=5)
    assert peer.register(*headers, **more).status == status
    assert peer.bench.pbx.registered("1001")


@pytest.mark.parametrize(("dialect", "status"), [(Dialect.ASTERISK, 200), (Dialect.KAMAILIO, 423)])
def test_too_short_an_expiry_is_raised_or_refused(dialect: Dialect, status: int) -> None:
    peer = Registering(dialect=dialect, min_expires=60.0)
    answer = peer.register(("Contact", ONE), ("Expires", "5"))
    assert answer.status == status
    assert (answer.contacts[0].expires if status == 200 else answer.min_expires) == 60
    longest = peer.register(("Contact", ONE), ("Expires", "999999"))
    assert longest.contacts[0].expires == 3600


@pytest.mark.parametrize("dialect", Dialect)
def test_the_engine_registers_with_each(dialect: Dialect) -> None:
    bench = Bench(settings=Settings(domain=HOST, dialect=dialect, min_expires=60.0, nonce_life=20.0))
    phone = bench.phone("1001", expires=30.0)
    bench.run(300)
    assert phone.of(Registered) and not phone.of(RegistrationLost)
    assert bench.pbx.registered("1001")
    phone.call("9196")
    bench.run(5)
    assert not phone.of(CallEnded)


def test_the_engine_with_a_wrong_password_is_refused() -> None:
    bench = Bench()
    phone = bench.phone("1001", password="wrong")
    bench.run(5)
    assert phone.last(RegistrationLost).status in (401, 403)
    assert not bench.pbx.registered("1001")
