"""Robustness 7: digest goes only to the configured PBX, realm or proxy.

Whatever a stranger challenges (REGISTER, INVITE, SUBSCRIBE, BYE, re-INVITE, MESSAGE), no `response=` reaches the wire.
"""

from __future__ import annotations

import pytest
from robustness.common import CONTACT, SDP, SERVER, STRANGER, Bench
from support.peer import Peer, transaction_free

from sipclient.message import Request
from sipclient.protocol.events import (
    CallEnded,
    Flow,
    Follow,
    Hangup,
    Invite,
    Offer,
    Redirected,
    RegistrationLost,
    Responded,
    SendInCall,
    SendRequest,
    Subscribe,
    SubscriptionEnded,
)

CHALLENGES = {
    "www": (401, "WWW-Authenticate"),
    "proxy": (407, "Proxy-Authenticate"),
}


def answered(bench: Bench) -> list[bytes]:
    """Whatever of the robot's carries credentials."""
    return [data for _, data in bench.robot.sent if b"response=" in data or b"uthorization:" in data]


def challenging(peer: Peer, kind: str, realm: str = "pbx"):
    """A handler that challenges every request but ACK."""
    status, header = CHALLENGES[kind]
    value = f'Digest realm="{realm}", nonce="evil", algorithm=SHA-256, qop="auth"'
    return transaction_free(lambda r: [] if r.method == "ACK" else [peer.reply(r, status, (header, value))])


@pytest.mark.parametrize("kind", CHALLENGES)
@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE", "UPDATE", "REFER"])
def test_a_stranger_inside_a_dialog_learns_nothing(kind: str, method: str) -> None:
    """The call's Contact leads elsewhere, and elsewhere asks for the password, in the PBX's own realm."""
    bench = Bench()
    stranger = Peer(bench.wire, STRANGER)
    stranger.handler = challenging(stranger, kind)

    def pbx(request: Request) -> list[bytes]:
        if request.method == "INVITE" and not request.authorizations:
            value = 'Digest realm="pbx", nonce="n", algorithm=SHA-256, qop="auth"'
            return [bench.pbx.reply(request, 401, ("WWW-Authenticate", value))]
        return [] if request.method == "ACK" else [bench.pbx.reply(request, 200, ("Contact", f"<sip:x@{STRANGER}>"))]

    bench.pbx.handler = transaction_free(pbx)
    bench.add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    before = len(answered(bench))
    assert before  # the PBX itself gets its answer
    if method == "BYE":
        bench.robot.do(Hangup(1))
    elif method in ("INVITE", "UPDATE"):
        bench.robot.do(Offer(1, SDP, method=method))
    else:
        bench.robot.do(SendInCall(1, 5, method, headers=(("Refer-To", "<sip:a@b>"),) if method == "REFER" else ()))
    bench.wire.run(40)
    assert len(stranger.requests(method)) == 1
    assert not [raw for raw in stranger.raw if b"response=" in raw]


def test_a_stranger_that_a_redirect_leads_to_learns_nothing() -> None:
    """What is followed goes to the account's server, and wherever it goes, only the server is answered."""
    bench = Bench()
    bench.pbx.handler = transaction_free(
        lambda r: [] if r.method == "ACK" else [bench.pbx.reply(r, 302, ("Contact", f"<sip:x@{STRANGER}>"))]
    )
    stranger = Peer(bench.wire, STRANGER)
    stranger.handler = challenging(stranger, "www")
    bench.add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    assert bench.robot.of(Redirected)
    bench.robot.do(Follow(1, f"sip:x@{STRANGER}"))
    bench.wire.run(40)
    assert not answered(bench)


@pytest.mark.parametrize("kind", CHALLENGES)
def test_a_request_sent_on_a_strangers_flow_is_not_authorised(kind: str) -> None:
    """A PBX of ours calls its phones where they are: a phone does not get the account's password."""
    bench = Bench().obliging().add()
    stranger = Peer(bench.wire, STRANGER)
    stranger.handler = challenging(stranger, kind)
    there = Flow("udp", "10.0.0.2", 5060, STRANGER, 5060)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP, flow=there))
    bench.robot.do(SendRequest(2, "pbx", "MESSAGE", "7000", flow=there))
    bench.wire.run(40)
    assert bench.robot.of(CallEnded)[0].status == CHALLENGES[kind][0]
    assert "belongs to" in bench.robot.of(Responded)[0].reason
    assert not answered(bench)


@pytest.mark.parametrize("kind", CHALLENGES)
def test_another_realm_than_the_configured_one_is_not_answered(kind: str) -> None:
    bench = Bench()
    bench.pbx.handler = challenging(bench.pbx, kind, "evil")
    bench.add(register=True, realm="pbx")
    bench.robot.do(SendRequest(2, "pbx", "MESSAGE", "7000"))
    bench.robot.do(Subscribe(3, "pbx", "1001", "presence"))
    bench.robot.do(Invite(4, "pbx", "7000", body=SDP))
    bench.wire.run(40)
    assert not answered(bench)
    assert "evil" in bench.robot.of(RegistrationLost)[0].reason


def test_the_realm_once_named_is_the_realm() -> None:
    """Without a configured realm the first one named holds; another one is a stranger's behind the PBX."""
    bench = Bench()
    realm = "pbx"

    def pbx(request: Request) -> list[bytes]:
        if not any(each.params.get("realm") == realm for each in request.authorizations):
            value = f'Digest realm="{realm}", nonce="{realm}", qop="auth"'
            return [bench.pbx.reply(request, 401, ("WWW-Authenticate", value))]
        return [bench.pbx.reply(request, 200, CONTACT, ("Expires", "300"))]

    bench.pbx.handler = transaction_free(pbx)
    bench.add(register=True)
    first = len(answered(bench))
    assert first == 1
    realm = "gateway.example"
    bench.robot.do(Subscribe(3, "pbx", "1001", "presence"))
    bench.wire.run(1)
    assert "gateway.example" in bench.robot.of(SubscriptionEnded)[0].reason
    assert not [data for data in answered(bench) if b"gateway.example" in data]


def test_a_forged_challenge_is_no_answer_at_all() -> None:
    """A 401 from elsewhere, with the right branch, is nobody's (robustness 10), so it is not answered either."""
    bench = Bench().add(register=True)
    request = bench.pbx.requests("REGISTER")[0]
    value = 'Digest realm="pbx", nonce="evil"'
    forged = bench.pbx.reply(request, 401, ("WWW-Authenticate", value))
    Peer(bench.wire, STRANGER)
    for source in ((STRANGER, 5060), (SERVER, 5061)):
        bench.wire.inject(bench.robot, forged, source=source)
        bench.wire.run(0.1)
    assert not answered(bench)


def test_credentials_remembered_from_the_pbx_do_not_follow_a_dialog_elsewhere() -> None:
    """Once the PBX took our credentials they go out unasked; not to where a dialog leads."""
    bench = Bench()
    stranger = Peer(bench.wire, STRANGER)

    def pbx(request: Request) -> list[bytes]:
        if request.method == "ACK":
            return []
        if not request.authorizations:
            value = 'Digest realm="pbx", nonce="n", qop="auth"'
            return [bench.pbx.reply(request, 401, ("WWW-Authenticate", value))]
        expires = str(request.expires or 0)
        return [bench.pbx.reply(request, 200, ("Contact", f"<sip:x@{STRANGER}>"), ("Expires", expires))]

    bench.pbx.handler = transaction_free(pbx)
    bench.add(register=True)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    bench.robot.do(Offer(1, SDP))
    bench.robot.do(Hangup(1))
    bench.wire.run(1)
    assert stranger.requests("ACK")
    assert stranger.requests("BYE")
    assert not [raw for raw in stranger.raw if b"response=" in raw]
