"""Registration: made, refreshed, refused, lost, ended (RFC 3261 §10, RFC 7616)."""

from __future__ import annotations

import pytest
from support.peer import transaction_free
from support.wire import Wire

from sipclient.message import Request
from sipclient.protocol.events import AccountRemoved, AddAccount, Registered, RegistrationLost, RemoveAccount


def test_registers_with_digest_and_refreshes_before_expiry(bench) -> None:
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add(expires=300.0)
    first, second = bench.pbx.requests("REGISTER")
    assert first.cseq.number == 1
    assert second.cseq.number == 2
    assert first.call_id == second.call_id
    assert first.via.branch != second.via.branch
    assert second.authorizations[0].params["uri"] == "sip:pbx.test"
    (registered,) = bench.robot.of(Registered)
    assert registered.expires == 300
    bench.wire.run(300)
    refreshes = bench.pbx.requests("REGISTER")[2:]
    assert len(refreshes) == 1
    assert refreshes[0].authorizations[0].params["nc"] == "00000002"
    assert bench.wire.now - 300.5 + 180 <= bench.pbx.at[-1] <= bench.wire.now - 300.5 + 280


def test_a_wrong_password_ends_after_one_answered_challenge(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda request: [
            bench.pbx.reply(request, 401, ("WWW-Authenticate", f'Digest realm="pbx", nonce="{len(bench.pbx.inbox)}"'))
        ]
    )
    bench.add()
    assert len([r for r in bench.pbx.requests("REGISTER") if r.authorizations]) == 1
    (lost,) = bench.robot.of(RegistrationLost)
    assert lost.status == 401
    assert "password" in lost.reason
    assert "secret" not in lost.reason
    assert lost.retry_in >= 45
    bench.wire.run(40)
    assert len(bench.pbx.requests("REGISTER")) == 2


def test_a_stale_nonce_is_answered_once_more(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        if not request.authorizations:
            return [bench.pbx.reply(request, 401, ("WWW-Authenticate", 'Digest realm="pbx", nonce="a"'))]
        if request.authorizations[0].params["nonce"] == "a":
            stale = ("WWW-Authenticate", 'Digest realm="pbx", nonce="b", stale=TRUE')
            return [bench.pbx.reply(request, 401, stale)]
        return bench.answer_register(request)

    bench.pbx.handler = transaction_free(handler)
    bench.add()
    assert bench.robot.of(Registered)
    assert len(bench.pbx.requests("REGISTER")) == 3


def test_endless_stale_nonces_end(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: [
            bench.pbx.reply(
                r, 401, ("WWW-Authenticate", f'Digest realm="pbx", nonce="{len(bench.pbx.inbox)}", stale=true')
            )
        ]
    )
    bench.add()
    assert len(bench.pbx.requests("REGISTER")) == 3
    assert bench.robot.of(RegistrationLost)


def test_423_is_answered_with_the_time_it_asks_for(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        if request.expires is not None and request.expires < 600:
            return [bench.pbx.reply(request, 423, ("Min-Expires", "600"))]
        return bench.answer_register(request)

    bench.pbx.handler = transaction_free(handler)
    bench.add(expires=60.0)
    assert bench.robot.of(Registered)[0].expires == 600


def test_a_shorter_expiry_granted_is_obeyed(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        if not request.authorizations:
            return bench.answer_register(request)
        contact = (request.headers.get("Contact") or "").replace("expires=300", "expires=59")
        return [bench.pbx.reply(request, 200, ("Contact", contact), ("Expires", "300"))]

    bench.pbx.handler = transaction_free(handler)
    bench.add(expires=300.0)
    assert bench.robot.of(Registered)[0].expires == 59
    bench.wire.run(30)
    assert len(bench.pbx.requests("REGISTER")) == 3


def test_an_unreachable_server_is_told_and_tried_again_with_backoff(bench) -> None:
    bench.add()
    bench.wire.run(400)
    lost = bench.robot.of(RegistrationLost)
    assert len(lost) >= 5
    assert all("no answer" in each.reason for each in lost)
    waits = [each.retry_in for each in lost]
    assert waits[0] < 1.01
    assert max(waits) <= 30
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.wire.run(35)
    assert bench.robot.of(Registered)


def test_behind_nat_the_contact_moves_to_what_the_registrar_saw(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        return [
            data.replace(b";branch", b";rport=7777;received=198.51.100.7;branch", 1)
            for data in bench.answer_register(request)
        ]

    bench.pbx.handler = transaction_free(handler)
    bench.add()
    last = bench.pbx.requests("REGISTER")[-1]
    contacts = last.headers.all("Contact")
    assert "198.51.100.7:7777" in contacts[0]
    assert "10.0.0.2:5060" in contacts[1]
    assert "expires=0" in contacts[1]
    bench.wire.run(10)
    assert len(bench.pbx.requests("REGISTER")) == 3  # and no more: it settles


def test_leaving_unregisters(bench) -> None:
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add()
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(1)
    assert bench.pbx.requests("REGISTER")[-1].expires == 0
    assert bench.robot.of(AccountRemoved)
    bench.wire.run(40)
    assert bench.robot.agent.idle


def test_leaving_a_dead_server_takes_four_seconds_at_most(bench) -> None:
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add()
    bench.pbx.handler = lambda message, flow: ()
    before = bench.wire.now
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(5)
    assert bench.robot.of(AccountRemoved)
    assert bench.robot.times[-1] - before <= 4.0


def test_a_challenge_by_a_stranger_is_not_answered(bench) -> None:
    """Robustness 7: credentials answer only for the realm and the server they belong to."""
    bench.pbx.handler = transaction_free(
        lambda r: [bench.pbx.reply(r, 401, ("WWW-Authenticate", 'Digest realm="evil", nonce="1"'))]
    )
    bench.add(realm="pbx")
    assert not [r for r in bench.pbx.requests("REGISTER") if r.authorizations]
    assert "evil" in bench.robot.of(RegistrationLost)[0].reason


def test_no_gruu_is_asked_for(bench) -> None:
    """A registrar that hands out GRUUs (Kamailio does, unless told not to) need not route to them: its presence server
    looks the name up in DNS, and its stock route block answers an in-dialog NOTIFY to itself with 404."""
    bench.add()
    assert "gruu" not in bench.pbx.requests("REGISTER")[0].supported


def test_service_route_and_gruu_are_used(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        if not request.authorizations:
            return bench.answer_register(request)
        contact = (request.headers.get("Contact") or "") + ';pub-gruu="sip:robot@pbx.test;gr=urn:x"'
        route = ("Service-Route", "<sip:10.0.0.1;lr>")
        return [bench.pbx.reply(request, 200, ("Contact", contact), ("Expires", "300"), route)]

    bench.pbx.handler = transaction_free(handler)
    bench.add()
    from sipclient.protocol.events import Invite

    bench.robot.do(Invite(1, "pbx", "7000"))
    bench.wire.run(0.1)
    (invite,) = bench.pbx.requests("INVITE")
    assert invite.headers.get("Route") == "<sip:10.0.0.1;lr>"
    assert invite.headers.get("Contact") == "<sip:robot@pbx.test;gr=urn:x>"


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_by_name_is_not_hammered(bench, status: int) -> None:
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, status)])
    bench.add()
    bench.wire.run(44)
    assert len(bench.pbx.requests("REGISTER")) == 1


def test_fail_over_to_the_next_target_on_silence_and_503() -> None:
    from support.peer import Peer

    from sipclient.protocol.account import Account
    from sipclient.protocol.events import Target

    for first_says in (None, 503):
        wire = Wire()
        robot = wire.node("10.0.0.2")
        one, two = Peer(wire, "10.0.0.1"), Peer(wire, "10.0.0.3")
        wire.names["sip:robot@pbx.test"] = (Target("udp", "10.0.0.1", 5060), Target("udp", "10.0.0.3", 5060))
        if first_says:
            one.handler = transaction_free(lambda r, p=one: [p.reply(r, 503)])
        two.handler = transaction_free(lambda r, p=two: [p.reply(r, 200, ("Expires", "60"))])
        robot.do(AddAccount(Account("sip:robot@pbx.test", keepalive=0.0)))
        wire.run(33)
        assert robot.of(Registered), first_says
        assert one.requests("REGISTER")[0].via.branch != two.requests("REGISTER")[0].via.branch


# --- what registrars answer -------------------------------------------------------------------------


def answering(bench, status: int, *headers: tuple[str, str]) -> None:
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, status, *headers)])


def test_a_503_says_when_to_try_again(bench) -> None:
    answering(bench, 503, ("Retry-After", "20"))
    bench.add()
    (lost,) = bench.robot.of(RegistrationLost)
    assert (lost.status, lost.retry_in) == (503, 20.0)
    bench.wire.run(19)
    assert len(bench.pbx.requests("REGISTER")) == 1
    bench.wire.run(2)
    assert len(bench.pbx.requests("REGISTER")) == 2


def test_a_registrar_that_grants_no_time_is_no_registrar(bench) -> None:
    answering(bench, 200, ("Expires", "0"))
    bench.add()
    assert not bench.robot.of(Registered)
    assert "no time" in bench.robot.of(RegistrationLost)[0].reason


def contacts(own: str) -> str:
    return f"<sip:robot@10.0.0.77>;expires=10, {own}, <sip:robot@10.0.0.78>;expires=20"


@pytest.mark.parametrize("instance", [True, False])
def test_among_several_bindings_ours_is_found(bench, instance) -> None:
    def handler(request: Request) -> list[bytes]:
        own = request.headers.get("Contact") or ""
        own = own if instance else own.partition(";+sip")[0]
        return [bench.pbx.reply(request, 200, ("Contact", contacts(own.replace("expires=300", "expires=120"))))]

    bench.pbx.handler = transaction_free(handler)
    bench.add(expires=300.0)
    assert bench.robot.of(Registered)[0].expires == 120


@pytest.mark.parametrize(
    "written",
    [
        "<sip:robot@10.0.0.2:5060;ob>;expires=120",
        "<SIP:%72obot@10.0.0.2:5060;rinstance=1f>;expires=120",
        '"Robot" <sip:robot@10.0.0.2:5060;transport=udp;fs_nat=yes>;expires=120',
        "sip:robot@10.0.0.2:5060;expires=120",
    ],
)
def test_ours_is_found_however_the_registrar_writes_it(bench, written) -> None:
    """RFC 3261 §10.2.4: bindings are compared as URIs are (§19.1.4), and some registrars add parameters of theirs."""
    answering(bench, 200, ("Contact", contacts(written)))
    bench.add(expires=300.0)
    assert bench.robot.of(Registered)[0].expires == 120


@pytest.mark.parametrize(
    "foreign",
    [
        "<sip:phone@[fe80::1%eth0]:5060>;expires=9",
        "<sip:a phone@10.0.0.9>",
        "",
        "Phone, the",
        '"Phone <sip:x@y>',
        "<sip:x",
    ],
)
def test_what_another_device_bound_is_no_fault_of_ours(bench, foreign) -> None:
    """RFC 3261 §10.3: the answer lists the bindings of every device of the user, readable or not."""
    own = "<sip:robot@10.0.0.2:5060>;expires=120"
    answering(bench, 200, ("Contact", f"{own}, {foreign}"), ("Date", "now"), ("m", foreign))
    bench.add(expires=300.0)
    assert bench.robot.of(Registered)[0].expires == 120


@pytest.mark.parametrize("header", [("Contact", "*, <sip:x@y>"), ("Expires", "soon")])
def test_an_answer_without_any_sense_is_a_failure_with_words(bench, header) -> None:
    answering(bench, 200, ("Service-Route", "<nonsense>"), header)
    bench.add()
    assert not bench.robot.of(Registered)
    assert "malformed" in bench.robot.of(RegistrationLost)[0].reason


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ((), 300),
        ((("Contact", contacts("<sip:robot@10.0.0.79>")),), 300),
        ((("Contact", contacts("<sip:robot@10.0.0.79>")), ("Expires", "90")), 90),
        ((("Contact", "<sip:robot@10.0.0.2:5060>"), ("Expires", "90")), 90),
        ((("Contact", "<tel:+1>;expires=10, <sip:phone@10.0.0.2:5060>;expires=20"), ("Expires", "90")), 90),
    ],
)
def test_what_was_granted_where_our_binding_does_not_say(bench, headers, granted) -> None:
    """RFC 3261 §10.2.4: else the Expires header, else what we asked for."""
    answering(bench, 200, *headers)
    bench.add(expires=300.0)
    assert bench.robot.of(Registered)[0].expires == granted


def test_a_keepalive_that_fails_during_a_refresh_tells_the_loss_once(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 200)]
    )
    bench.add(keepalive=10.0, expires=300.0)
    silent = transaction_free(lambda r: [] if r.method == "REGISTER" else [bench.pbx.reply(r, 200)])
    bench.pbx.handler = silent
    count = len(bench.pbx.requests("REGISTER"))
    while len(bench.pbx.requests("REGISTER")) == count:
        bench.wire.run(1)
    bench.pbx.handler = lambda message, flow: ()
    bench.wire.run(20)
    (lost,) = bench.robot.of(RegistrationLost)
    assert (lost.retry_in, lost.reason) == (0.0, "the server does not answer")
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 200)]
    )
    bench.wire.run(20)
    assert len(bench.robot.of(Registered)) == 2


def test_a_keepalive_that_fails_before_the_registration_is_made_tells_nothing_more(bench) -> None:
    """The registration itself keeps trying."""
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add(keepalive=5.0)
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 403)] if r.method == "REGISTER" else [])
    bench.robot.agent._stations["pbx"].registration.start()
    bench.wire.run(30)
    assert [lost.status for lost in bench.robot.of(RegistrationLost)] == [403]


def test_leaving_while_the_way_to_the_server_breaks_ends_all_the_same(bench) -> None:
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add(server="tcp:10.0.0.1:5060")
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(0.1)
    bench.wire.power_off(bench.pbx.node)
    bench.wire.run(0.1)
    assert bench.robot.of(AccountRemoved)
    assert not bench.robot.of(RegistrationLost)
    bench.wire.run(70)
    assert bench.robot.agent.idle


def test_a_first_register_whose_server_dies_under_it_goes_to_the_next_and_nothing_was_lost() -> None:
    from support.peer import Peer

    from sipclient.protocol.account import Account
    from sipclient.protocol.events import Target

    wire = Wire()
    robot, one, two = wire.node("10.0.0.2"), Peer(wire, "10.0.0.1"), Peer(wire, "10.0.0.3")
    wire.names["sip:robot@pbx.test"] = (Target("tcp", "10.0.0.1", 5060), Target("tcp", "10.0.0.3", 5060))
    two.handler = transaction_free(lambda r: [two.reply(r, 200, ("Expires", "60"))])
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", keepalive=5.0)))
    wire.run(0.1)
    wire.power_off(one.node)
    wire.run(1)
    assert len(one.requests("REGISTER")) == len(two.requests("REGISTER")) == 1
    assert robot.of(Registered)
    assert not robot.of(RegistrationLost)


def test_a_439_is_followed_by_a_registration_without_outbound(bench) -> None:
    """RFC 5626 §4.2.1: the first proxy does not know outbound."""

    def handler(request: Request) -> list[bytes]:
        if "outbound" in request.supported:
            return [bench.pbx.reply(request, 439)]
        return bench.answer_register(request)

    bench.pbx.handler = transaction_free(handler)
    bench.add(server="tcp:10.0.0.1:5060")
    assert bench.robot.of(Registered)
    assert not bench.robot.of(RegistrationLost)
    assert "reg-id" in bench.pbx.requests("REGISTER")[0].contacts[0].params
    last = bench.pbx.requests("REGISTER")[-1]
    assert "reg-id" not in last.contacts[0].params
    assert last.supported == ("path",)


def test_a_registrar_that_says_439_to_that_too_is_left_for_a_while(bench) -> None:
    bench.pbx.handler = transaction_free(lambda request: [bench.pbx.reply(request, 439)])
    bench.add(server="tcp:10.0.0.1:5060")
    assert len(bench.pbx.requests("REGISTER")) == 2
    assert bench.robot.of(RegistrationLost)[0].status == 439
