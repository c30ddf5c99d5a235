"""Who is shown to talk: what is read of a far end, what another is told of it, and that it comes to an end."""

from __future__ import annotations

from typing import Any

import pytest

from sipclient.face.connected_line import MOST, ConnectedLine, Party, identity_of, party_of
from sipclient.message import Request, parse
from sipclient.protocol.events import InCallRequest, Refresh

ANN = Party(('"Ann" <sip:1001@pbx>',))
HIDDEN = Party(('"Ann" <sip:1001@pbx>',), private=True)


def update(*headers: str) -> Request:
    text = "\r\n".join(
        (
            "UPDATE sip:a@b SIP/2.0",
            "Via: SIP/2.0/UDP h;branch=z9hG4bKx",
            "From: <sip:a@b>;tag=1",
            "To: <sip:c@d>;tag=2",
            "Call-ID: i",
            "CSeq: 2 UPDATE",
            *headers,
            "Content-Length: 0",
            "",
            "",
        )
    )
    request = parse(text.encode())
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("headers", "party"),
    [
        ((), None),
        (('P-Asserted-Identity: "Ann" <sip:1001@pbx>;x=y',), ANN),
        (("P-Asserted-Identity: Ann <sip:1001@pbx>", "Privacy: none"), ANN),
        (("P-Asserted-Identity: Ann <sip:1001@pbx>", "Privacy: critical; id"), HIDDEN),
        (("P-Asserted-Identity: Ann <sip:1001@pbx>", "Privacy: user"), HIDDEN),
        (
            ("P-Asserted-Identity: <sip:1@pbx>, <tel:+1>", "Remote-Party-ID: <sip:2@pbx>"),
            Party(("<sip:1@pbx>", "<tel:+1>")),
        ),
        (("P-Asserted-Identity: <sip:1@a>,<sip:2@a>,<sip:3@a>",), Party(("<sip:1@a>", "<sip:2@a>"))),
        (('Remote-Party-ID: "Ann" <sip:1001@pbx>;party=called;privacy=off',), ANN),
        (('Remote-Party-ID: "Ann" <sip:1001@pbx>;privacy=full;party=called',), HIDDEN),
        (("P-Asserted-Identity: <<<",), None),
        (('P-Asserted-Identity: "\\\a" <sip:x@y>', "Remote-Party-ID: <sip:x@y>"), Party(("<sip:x@y>",))),
        ((f"P-Asserted-Identity: <sip:{'1' * 600}@pbx>",), None),
    ],
)
def test_who_a_message_says_to_be_there(headers: tuple[str, ...], party: Party | None) -> None:
    """RFC 3325 §9.1, RFC 3323 §4.2."""
    assert party_of(update(*headers)) == party


PAI = ("P-Asserted-Identity", '"Ann" <sip:1001@pbx>')
RPID = "Remote-Party-ID"
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>;party=called;privacy=full;screen=no'


@pytest.mark.parametrize(
    ("party", "identity", "headers"),
    [
        (ANN, ("from",), ()),
        (ANN, ("from", "ppi"), ()),
        (ANN, ("from", "pai"), (PAI,)),
        (ANN, ("rpid",), ((RPID, '"Ann" <sip:1001@pbx>;party=called;privacy=off;screen=no'),)),
        (HIDDEN, ("from",), ()),
        (HIDDEN, ("pai",), (PAI, ("Privacy", "id"))),
        (HIDDEN, ("rpid",), ((RPID, ANONYMOUS),)),
        (
            HIDDEN,
            ("pai", "rpid"),
            (PAI, ("Privacy", "id"), (RPID, '"Ann" <sip:1001@pbx>;party=called;privacy=full;screen=no')),
        ),
    ],
)
def test_an_account_is_told_as_its_identity_has_it(party: Party, identity: Any, headers: Any) -> None:
    """RFC 3325 §5: an identity that asked for privacy leaks to nobody who may not know it."""
    assert identity_of(party, identity, "called") == headers


class Wire:
    """What each far end is told, and, where `peer` is set, a B2BUA that passes it on to the other."""

    def __init__(self) -> None:
        self.sent: list[Refresh] = []
        self.lines: dict[int, ConnectedLine] = {}
        self.echo = ""

    def do(self, command: Any) -> None:
        self.sent.append(command)
        if len(self.sent) > 500:
            raise AssertionError("it never ends")
        who = dict(command.headers).get("P-Asserted-Identity", "")
        if self.echo == "back":
            self.lines[command.id].heard(said(command.id, who))
        elif self.echo == "across":
            self.lines[3 - command.id].heard(said(3 - command.id, who))
        elif self.echo == "changed":
            self.lines[3 - command.id].heard(said(3 - command.id, f"<sip:{len(self.sent)}@pbx>"))


def said(call: int, who: str) -> InCallRequest:
    return InCallRequest(call, "UPDATE", update(f"P-Asserted-Identity: {who}"))


def pair(identity: tuple[str, ...] = ("from", "pai")) -> tuple[Wire, ConnectedLine, ConnectedLine]:
    wire = Wire()
    a, b = (ConnectedLine(call, wire) for call in (1, 2))  # type: ignore[arg-type]
    wire.lines = {1: a, 2: b}
    a.identity = b.identity = identity
    a.carried, b.carried = b, a
    return wire, a, b


def test_the_other_side_is_told_once_and_of_every_change() -> None:
    wire, a, _ = pair()
    for who in ("<sip:1@pbx>", "<sip:1@pbx>", "<sip:2@pbx>", "<sip:1@pbx>"):
        a.heard(said(1, who))
    a.heard(InCallRequest(1, "UPDATE", update()))
    a.heard(InCallRequest(1, "INFO", update("P-Asserted-Identity: <sip:3@pbx>")))
    told = [dict(each.headers)["P-Asserted-Identity"] for each in wire.sent]
    assert told == ["<sip:1@pbx>", "<sip:2@pbx>", "<sip:1@pbx>"]
    assert {each.id for each in wire.sent} == {2}


def test_an_account_that_shows_nobody_is_told_nothing_and_tells_all_the_same() -> None:
    wire, a, b = pair(("from",))
    b.identity = ("pai",)
    a.heard(said(1, "<sip:1@pbx>"))
    b.heard(said(2, "<sip:2@pbx>"))
    assert [each.id for each in wire.sent] == [2]


@pytest.mark.parametrize(("echo", "most"), [("back", 1), ("across", 2), ("changed", 2 * MOST)])
def test_two_that_echo_each_other_come_to_an_end(echo: str, most: int) -> None:
    wire, a, _ = pair()
    wire.echo = echo
    a.heard(said(1, "<sip:9@pbx>"))
    assert 1 <= len(wire.sent) <= most


def test_what_a_response_told_is_not_told_again() -> None:
    wire, _, b = pair()
    assert b.told(ANN) == (PAI,)
    b.show(ANN)
    assert wire.sent == []
    assert ConnectedLine(-1, wire).party_is == "called"  # type: ignore[arg-type]
