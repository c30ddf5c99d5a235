"""The typed properties: what each gives for good, missing and bad headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sipclient.message import (
    Challenge,
    Credentials,
    MalformedMessage,
    RAck,
    Reason,
    Replaces,
    Response,
    parse_replaces,
)


def message(*lines: str) -> Response:
    pairs = (line.partition(":") for line in lines)
    return Response(200, headers=[(name, value) for name, _, value in pairs])


Read = Callable[[Any], object]  # Any: most rows are sure that the header is there

GOOD: list[tuple[Read, list[str], object]] = [
    (lambda m: m.max_forwards, [], None),
    (lambda m: m.max_forwards, ["Max-Forwards: 070"], 70),
    (lambda m: m.expires, [], None),
    (lambda m: m.expires, ["Expires: 0"], 0),
    (lambda m: m.expires, ["Expires: 4294967296"], 4294967295),
    (lambda m: m.expires, ["Expires: 1" + "0" * 5000], 4294967295),
    (lambda m: m.min_expires, ["Min-Expires: 60"], 60),
    (lambda m: m.min_se, [], None),
    (lambda m: m.min_se, ["Min-SE: 90;x=y"], 90),
    (lambda m: m.retry_after, ["Retry-After: 18000;duration=3600"], 18000),
    (lambda m: m.retry_after, ["Retry-After: 120 (I'm in a meeting)"], 120),
    (lambda m: m.flow_timer, [], None),
    (lambda m: m.flow_timer, ["Flow-Timer: 120"], 120),
    (lambda m: m.session_expires, [], (0, "")),
    (lambda m: m.session_expires, ["x: 1800;refresher=UAS"], (1800, "uas")),
    (lambda m: m.session_expires, ["Session-Expires: 1800 ; refresher = uac ; x"], (1800, "uac")),
    (lambda m: m.session_expires, ["Session-Expires: 1800"], (1800, "")),
    (lambda m: m.session_expires, ["Session-Expires: 1800;refresher=me"], (1800, "")),
    (lambda m: m.content_type, [], ""),
    (lambda m: m.content_type, ["c: Application/SDP"], "application/sdp"),
    (lambda m: m.content_type, ["Content-Type: text / plain ; charset = UTF-8"], "text/plain"),
    (lambda m: dict(m.content_type_params), [], {}),
    (lambda m: dict(m.content_type_params), ['c: a/b;Charset="x;y";z'], {"charset": "x;y", "z": ""}),
    (lambda m: m.require, [], ()),
    (lambda m: m.require, ["Require: 100rel, Timer", "Require: x"], ("100rel", "timer", "x")),
    (lambda m: m.supported, ["k:"], ()),
    (lambda m: m.supported, ["Supported: path,,outbound,"], ("path", "outbound")),
    (lambda m: m.proxy_require, ["Proxy-Require: a"], ("a",)),
    (lambda m: m.unsupported, ["Unsupported: a"], ("a",)),
    (lambda m: m.allow, ["Allow: INVITE, foo"], ("INVITE", "foo")),
    (lambda m: m.event[0], [], ""),
    (lambda m: (m.event[0], dict(m.event[1])), ["o: Presence.winfo ;id=7"], ("Presence.winfo", {"id": "7"})),
    (lambda m: m.subscription_state[0], [], ""),
    (
        lambda m: (m.subscription_state[0], dict(m.subscription_state[1])),
        ["Subscription-State: Terminated;reason=timeout;retry-after=5"],
        ("terminated", {"reason": "timeout", "retry-after": "5"}),
    ),
    *[
        (lambda m: (m.subscription_state[0], dict(m.subscription_state[1])), [f"Subscription-State: {text}"], expected)
        for text, expected in (
            ("active;", ("active", {})),
            ("terminated;reason=", ("terminated", {})),
            ("Active ; expires= ;retry-after=5;;=x", ("active", {"retry-after": "5"})),
        )
    ],
    (lambda m: m.rseq, [], None),
    (lambda m: m.rseq, ["RSeq: 988789"], 988789),
    (lambda m: m.rack, [], None),
    (lambda m: m.rack, ["RAck: 776656 1 INVITE"], RAck(776656, 1, "INVITE")),
    (lambda m: m.reason_header, [], ()),
    (
        lambda m: m.reason_header,
        ['Reason: SIP;cause=200;text="Call completed, elsewhere", Q.850;cause=16', "Reason: X ;cause=y;text=z"],
        (Reason("SIP", 200, "Call completed, elsewhere"), Reason("Q.850", 16), Reason("X", None, "z")),
    ),
    (lambda m: m.reason_header, ['Reason: "', "Reason: ;cause=1", "Reason: Q.850;cause=17"], (Reason("Q.850", 17),)),
    (lambda m: m.refer_to, [], None),
    (lambda m: str(m.refer_to.uri), ["r: <sip:b@h?Replaces=a%40b>"], "sip:b@h?Replaces=a%40b"),
    (lambda m: m.referred_by.display_name, ['Referred-By: "B" <sip:b@h>'], "B"),
    (lambda m: m.replaces, [], None),
    (lambda m: m.replaces, ["Replaces: a@b ;to-tag=1;from-tag=2"], Replaces("a@b", "1", "2")),
    (lambda m: m.replaces, ["Replaces: a;from-tag=2;early-only;to-tag=1"], Replaces("a", "1", "2", True)),
    (lambda m: m.contacts, [], ()),
    (
        lambda m: [c.tag for c in m.contacts],
        ["m: <sip:a@h>;tag=1, sip:b@h;tag=2", "Contact: <sip:c@h>"],
        ["1", "2", ""],
    ),
    (lambda m: (m.contact_star, m.contacts), ["Contact: *"], (True, ())),
    (lambda m: m.contact_star, [], False),
    (lambda m: [str(r) for r in m.routes], ["Route: <sip:a;lr>,<sip:b;lr>"], ["<sip:a;lr>", "<sip:b;lr>"]),
    (lambda m: len(m.record_routes), ["Record-Route: <sip:a;lr>", "Record-Route: <sip:b;lr>"], 2),
    (lambda m: len(m.paths), ["Path: <sip:a;lr>;x"], 1),
    (lambda m: len(m.service_routes), ["Service-Route: <sip:a;lr>"], 1),
    (lambda m: m.asserted_identities[0].display_name, ["P-Asserted-Identity: Rita <sip:a@h>, <tel:+1>"], "Rita"),
    (lambda m: m.via.host, ["Via: SIP/2.0/UDP a, SIP/2.0/UDP b", "v: SIP/2.0/UDP c"], "a"),
    (lambda m: [v.host for v in m.vias], ["Via: SIP/2.0/UDP a, SIP/2.0/UDP b", "v: SIP/2.0/UDP c"], ["a", "b", "c"]),
    (lambda m: m.vias, [], ()),
    (lambda m: m.challenges, [], ()),
    (
        lambda m: m.challenges,
        [
            'Proxy-Authenticate: DIGEST Realm="p \\"q\\"",nonce="a,b" , stale=TRUE,qop="auth,auth-int",,a=MD5, x=',
            'WWW-Authenticate: Basic realm="b"',
            "WWW-Authenticate: Negotiate YWJj==",
            "WWW-Authenticate: NTLM",
        ],
        (
            Challenge("Basic", {"realm": "b"}),
            Challenge("Negotiate", {}),
            Challenge("NTLM", {}),
            Challenge(
                "DIGEST",
                {
                    "realm": 'p "q"',
                    "nonce": "a,b",
                    "stale": "TRUE",
                    "qop": "auth,auth-int",
                    "a": "MD5",
                    "x": "",
                },
                True,
            ),
        ),
    ),
    (
        lambda m: m.authorizations,
        ['Authorization: Digest username="a", uri="sip:b@h;x=1", nc=00000001', "Proxy-Authorization: Digest a=1, a=2"],
        (
            Credentials("Digest", {"username": "a", "uri": "sip:b@h;x=1", "nc": "00000001"}),
            Credentials("Digest", {"a": "1"}, True),
        ),
    ),
    (
        lambda m: m.challenges,
        ['WWW-Authenticate: Basic realm="a, b" ,Digest  realm="c", nonce="d, Basic realm=e",,qop=auth , Negotiate x=y'],
        (
            Challenge("Basic", {"realm": "a, b"}),
            Challenge("Digest", {"realm": "c", "nonce": "d, Basic realm=e", "qop": "auth"}),
            Challenge("Negotiate", {"x": "y"}),
        ),
    ),
    (lambda m: m.authentication_info, [], {}),
    (
        lambda m: m.authentication_info,
        ['Authentication-Info: nextnonce="1, 2", QOP=auth'],
        {"nextnonce": "1, 2", "qop": "auth"},
    ),
    (lambda m: m.authentication_info, ["Proxy-Authentication-Info: rspauth=abc"], {"rspauth": "abc"}),
]

BAD: list[tuple[Read, list[str]]] = [
    (lambda m: m.via, []),
    (lambda m: m.from_, []),
    (lambda m: m.to, []),
    (lambda m: m.from_tag, ["From: nonsense"]),
    (lambda m: m.to_tag, ["To: <sip:a@h>;tag="]),
    (lambda m: m.call_id, []),
    (lambda m: m.call_id, ["Call-ID: a\tb"]),
    (lambda m: m.cseq, []),
    (lambda m: m.max_forwards, ["Max-Forwards: 256"]),
    (lambda m: m.max_forwards, ["Max-Forwards: "]),
    (lambda m: m.expires, ["Expires: -1"]),
    (lambda m: m.expires, ["Expires: ٣"]),
    (lambda m: m.expires, ["Expires: Thu, 01 Dec 1994 16:00:00 GMT"]),
    (lambda m: m.retry_after, ["Retry-After: soon"]),
    (lambda m: m.retry_after, ["Retry-After: 1 2"]),
    (lambda m: m.session_expires, ["Session-Expires: 90;"]),
    (lambda m: m.session_expires, ["Session-Expires: 90 (comment)"]),
    (lambda m: m.content_type, ["Content-Type: text"]),
    (lambda m: m.content_type, ["Content-Type: a/b c"]),
    (lambda m: m.content_type, ["Content-Type: a/b;"]),
    (lambda m: m.require, ["Require: a b"]),
    (lambda m: m.require, ["Require: a;b"]),
    (lambda m: m.require, ['Require: "a']),
    (lambda m: m.supported, ["Supported: a" + ",a" * 300, "Supported: a" + ",a" * 300]),
    (lambda m: m.event, ["Event: "]),
    (lambda m: m.event, ["Event: a b"]),
    (lambda m: m.subscription_state, ["Subscription-State: ;x"]),
    (lambda m: m.subscription_state, ["Subscription-State: act ive;"]),
    (lambda m: m.subscription_state, ["Subscription-State: active" + ";x" * 600 + ";"]),
    (lambda m: m.rseq, ["RSeq: 4294967296"]),
    (lambda m: m.rack, ["RAck: 1 INVITE"]),
    (lambda m: m.rack, ["RAck: 1 2147483648 INVITE"]),
    (lambda m: m.refer_to, ["Refer-To: "]),
    (lambda m: m.replaces, ["Replaces: a;to-tag=1"]),
    (lambda m: m.replaces, ["Replaces: a;from-tag=1"]),
    (lambda m: m.replaces, ["Replaces: ;to-tag=1;from-tag=2"]),
    (lambda m: m.contacts, ["Contact: *", "Contact: *"]),
    (lambda m: m.contacts, ["Contact: <sip:a@h>, *"]),
    (lambda m: m.contacts, ["Contact: <sip:a>" + ",<sip:a>" * 300, "Contact: <sip:a>" + ",<sip:a>" * 300]),
    (lambda m: m.vias, ["Via: SIP/2.0/UDP a,"]),
    (lambda m: m.challenges, ["WWW-Authenticate: "]),
    (lambda m: m.challenges, ['WWW-Authenticate: "Digest" realm=x']),
    (lambda m: m.challenges, ['WWW-Authenticate: Digest realm="x']),
    (lambda m: m.challenges, ["WWW-Authenticate: Digest realm"]),
    (lambda m: m.authorizations, ["Authorization: Digest a=b c=d"]),
    (lambda m: m.authentication_info, ["Authentication-Info: x"]),
]


@pytest.mark.parametrize(("read", "lines", "expected"), GOOD)
def test_good(read: Read, lines: list[str], expected: object) -> None:
    assert read(message(*lines)) == expected


@pytest.mark.parametrize(("read", "lines"), BAD)
def test_bad(read: Read, lines: list[str]) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read(message(*lines))
    assert caught.value.status == 400


def test_no_secret_in_a_repr() -> None:
    (credentials,) = message('Authorization: Digest username="a", response="0123"').authorizations
    assert "0123" not in repr(credentials)


def test_replaces_of_a_refer_to() -> None:
    refer_to = message("Refer-To: <sip:b@h?Replaces=c%40d%3Bto-tag%3D1%3Bfrom-tag%3D2>").refer_to
    assert refer_to is not None
    headers = dict(refer_to.uri.headers)  # type: ignore[union-attr]
    assert parse_replaces(headers["Replaces"]) == Replaces("c@d", "1", "2")
