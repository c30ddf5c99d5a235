"""Digest answers against the examples of RFC 7616 §3.9 and RFC 2617 §3.5, and the choice among challenges."""

from __future__ import annotations

import pytest
from support.wire import SeededIdentifiers

from sipclient.message import Challenge, Response
from sipclient.message.values import parse_challenge
from sipclient.protocol.digest import ALGORITHMS, Secret, Session, choose, digest_response, verify

MUFASA = Secret("Mufasa", "Circle of Life")


def challenges(*values: str, proxy: bool = False) -> tuple[Challenge, ...]:
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    return Response(407 if proxy else 401, "Unauthorized", [(name, value) for value in values]).challenges


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("md5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("sha-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    assert (
        digest_response(
            algorithm,
            MUFASA,
            "http-auth@example.org",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "GET",
            "/dir/index.html",
            qop="auth",
            nc="00000001",
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        == expected
    )


def test_the_example_of_rfc_2617() -> None:
    response = digest_response(
        "md5",
        Secret("Mufasa", "Circle Of Life"),
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "GET",
        "/dir/index.html",
        qop="auth",
        nc="00000001",
        cnonce="0a4f113b",
    )
    assert response == "6629fae49393a05397450978507c4ef1"


def test_without_qop_it_is_rfc_2069() -> None:
    # Both parts hashed by hand: MD5(MD5("a:r:p"):n:MD5("REGISTER:sip:x")).
    from hashlib import md5

    a1, a2 = md5(b"a:r:p").hexdigest(), md5(b"REGISTER:sip:x").hexdigest()
    expected = md5(f"{a1}:n:{a2}".encode()).hexdigest()
    assert digest_response("md5", Secret("a", "p"), "r", "n", "REGISTER", "sip:x") == expected


def test_auth_int_hashes_the_body() -> None:
    arguments = ("sha-256", MUFASA, "r", "n", "INVITE", "sip:x")
    more = {"qop": "auth-int", "nc": "00000001", "cnonce": "c"}
    one = digest_response(*arguments, **more, body=b"one")
    assert one != digest_response(*arguments, **more, body=b"two")


def test_the_strongest_challenge_is_answered_whatever_the_order() -> None:
    offered = challenges(
        'Digest realm="r", nonce="1", algorithm=MD5, qop="auth"',
        'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"',
        'Digest realm="r", nonce="3", algorithm=SHA-512-256, qop="auth"',
    )
    for order in (offered, offered[::-1]):
        session = choose(order, realm="", strong_only=False)
        assert isinstance(session, Session)
        assert session.algorithm == "sha-512-256"


@pytest.mark.parametrize(
    ("value", "realm", "strong", "words"),
    [
        ('Basic realm="r"', "", False, "Basic"),
        ('Digest realm="other", nonce="n"', "mine", False, "other"),
        ('Digest realm="r", nonce="n", algorithm=ROT13', "", False, "ROT13"),
        ('Digest realm="r", nonce="n", qop="privacy"', "", False, "privacy"),
        ('Digest realm="r"', "", False, "nonce"),
        ('Digest realm="r", nonce="n"', "", True, "MD5"),
    ],
)
def test_what_is_not_answered_says_why(value: str, realm: str, strong: bool, words: str) -> None:
    problem = choose(challenges(value), realm=realm, strong_only=strong)
    assert isinstance(problem, str)
    assert words in problem


@pytest.mark.parametrize("value", ['qop=""', "algorithm=", 'algorithm="", qop=","'])
def test_what_is_said_to_be_nothing_is_not_said(value: str) -> None:
    """Some registrars fill in a form and leave fields of it empty."""
    session = choose(challenges(f'Digest realm="r", nonce="n", {value}'), realm="", strong_only=False)
    assert isinstance(session, Session)
    name, credentials = session.answer(MUFASA, "REGISTER", "sip:x", b"", SeededIdentifiers())
    assert (name, "qop" in credentials, "algorithm" in credentials) == ("Authorization", False, False)
    assert verify(parse_challenge(credentials)[1], MUFASA, "REGISTER", b"")


def test_challenges_in_one_line_are_several() -> None:
    """RFC 3261 §7.3.1 forbids it, RFC 7235 §4.1 has it, and servers built on HTTP libraries do it."""
    offered = challenges('Digest realm="r", nonce="1,2", qop="auth", Digest realm="r",nonce="3",algorithm=SHA-256')
    assert [each.params["nonce"] for each in offered] == ["1,2", "3"]
    session = choose(offered, realm="r", strong_only=True)
    assert isinstance(session, Session)
    assert session.nonce == "3"


def test_no_challenge_at_all() -> None:
    assert "no challenge" in str(choose((), realm="", strong_only=False))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("qop", ["", "auth", "auth-int", "auth,auth-int"])
@pytest.mark.parametrize("proxy", [False, True])
def test_an_answer_verifies_and_a_wrong_one_does_not(algorithm: str, qop: str, proxy: bool) -> None:
    value = f'Digest realm="pbx \\"x\\"", nonce="abc", opaque="o", algorithm={algorithm}' + (
        f', qop="{qop}"' if qop else ""
    )
    session = choose(challenges(value, proxy=proxy), realm="", strong_only=False)
    assert isinstance(session, Session)
    ids = SeededIdentifiers()
    for count in (1, 2):
        name, header = session.answer(MUFASA, "INVITE", "sip:7000@pbx", b"body", ids)
        assert name == ("Proxy-Authorization" if proxy else "Authorization")
        from sipclient.message import Request

        (credentials,) = Request("INVITE", "sip:7000@pbx", [(name, header)]).authorizations
        params = credentials.params
        assert verify(params, MUFASA, "INVITE", b"body")
        assert not verify(params, Secret("Mufasa", "wrong"), "INVITE", b"body")
        assert not verify(params, Secret("Scar", "Circle of Life"), "INVITE", b"body")
        assert not verify(params, MUFASA, "BYE", b"body")
        assert (params.get("nc") == f"{count:08x}") is bool(qop)
        if qop == "auth-int":
            assert not verify(params, MUFASA, "INVITE", b"other")


def test_a_new_nonce_starts_a_new_count() -> None:
    session = choose(challenges('Digest realm="r", nonce="1", qop="auth"'), realm="", strong_only=False)
    assert isinstance(session, Session)
    ids = SeededIdentifiers()
    session.answer(MUFASA, "REGISTER", "sip:r", b"", ids)
    session.next_nonce("2")
    _, header = session.answer(MUFASA, "REGISTER", "sip:r", b"", ids)
    assert 'nonce="2"' in header
    assert "nc=00000001" in header


@pytest.mark.parametrize("change", [{"algorithm": "ROT13"}, {"qop": "privacy"}])
def test_verify_refuses_what_it_does_not_know(change: dict[str, str]) -> None:
    assert not verify({"username": "Mufasa", **change}, MUFASA, "INVITE", b"")


def test_the_password_is_in_no_repr() -> None:
    assert "Circle" not in repr(MUFASA)
