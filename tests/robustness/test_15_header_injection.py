"""Robustness 15, header injection.

CR, LF, NUL, controls, quotes, angle brackets, 10 KiB values in caller ID, names, headers, variables, targets: refused
or escaped; no extra header on the wire in 1,000 random strings, by our own parser and by a plain splitting of lines.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from robustness.common import CONTACT, ROBOT, SDP, SERVER, Bench, share
from support.peer import transaction_free

from sipclient.config.templates import CallerId, Template
from sipclient.errors import InvalidValue
from sipclient.message import Request, Response, SipUri, TelUri, check, parse
from sipclient.protocol.events import (
    AcceptSubscription,
    AddAccount,
    Answer,
    AnswerOffer,
    Command,
    Follow,
    Hangup,
    IncomingCall,
    Invite,
    Notify,
    Offer,
    Redirect,
    Reject,
    Respond,
    Ring,
    SendInCall,
    SendRequest,
    Subscribe,
    Watch,
)

PIECES = (
    "\r\n", "\r", "\n", "\0", "\t", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\udc80",
    '"', '\\"', "\\", "<", ">", "<>", ";", ";tag=evil", ",", ", <sip:evil@x>", ":", "@", "?", "&", "=", "%0d%0a", "%00",
    "\r\nX-Evil: 1", "\nX-Evil: 1\r\n", "\r\n\r\nINVITE sip:x SIP/2.0", " ", "\r\n ", "é", "漢", "🙂", "'", "`",
    "{", "}", "sip:", "sips:", "tel:", "7000", "a", "[::1]", "]", "[", "?X-Evil=1", ";lr", "%",
    ">\r\nX-Evil: 1\r\nX: <",
)  # fmt: skip
OURS = {
    "via", "max-forwards", "from", "to", "call-id", "cseq", "contact", "allow", "supported", "session-expires",
    "user-agent", "content-type", "content-length", "p-asserted-identity", "expires", "event", "accept", "route",
    "reason", "remote-party-id", "p-preferred-identity", "privacy", "subscription-state", "record-route", "warning",
    "x-ours", "require", "rseq", "min-se", "refer-to", "retry-after", "allow-events", "accept-encoding",
}  # fmt: skip
ONCE = {"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "via"}


def strings(seed: int) -> list[str]:
    """Random strings of what hurts; one in fifty is 10 KiB long."""
    rng = random.Random(seed)
    made = []
    for _ in range(share(200, 5_000)):
        pieces = [rng.choice(PIECES) for _ in range(rng.randint(1, 6))]
        made.append("".join(pieces) * (1 if rng.randrange(50) else 10_240 // max(1, sum(map(len, pieces)))))
    return made


def assert_no_extra_header(data: bytes, named: str = "") -> None:
    """No line that is neither ours nor named by the user, none of ours twice, and our own parser sees what a
    splitting of lines sees."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")[1:]
    assert not re.search(rb"[\r\n\0]", b"".join(lines)), data
    assert not any(line[:1] in (b" ", b"\t") for line in lines), data
    names = [line.partition(b":")[0].decode().lower() for line in lines]
    assert set(names) <= OURS | {named.lower()}, set(names) - OURS
    counts = Counter(names)
    assert all(counts[name] <= 1 for name in ONCE), counts
    message = parse(data)
    check(message)
    assert [name.lower() for name, _ in message.headers] == names
    assert message.body == body
    assert len(message.from_.params) <= 1  # a tag, and nothing that was slipped in behind it
    assert len(message.to.params) <= 1
    if isinstance(message, Request):
        assert head.count(b"\r\n", 0, head.index(b"SIP/2.0")) == 0
        _ = message.uri
        assert len(message.contacts) <= 1


# What a user may fill in, and the command it goes out with.
FIELDS: dict[str, Callable[[str], Command]] = {
    "caller ID": lambda s: Invite(1, "pbx", "7000", caller_id=s, body=SDP),
    "caller ID's name": lambda s: Invite(1, "pbx", "7000", caller_id=f'"{s}" <1001>', body=SDP),
    "caller ID's name, bare": lambda s: Invite(1, "pbx", "7000", caller_id=f"{s} <1001>", body=SDP),
    "caller ID's user": lambda s: Invite(1, "pbx", "7000", caller_id=f'"Queue" <{s}>', body=SDP),
    "target": lambda s: Invite(1, "pbx", s, body=SDP),
    "target's user": lambda s: Invite(1, "pbx", f"sip:{s}@{SERVER}", body=SDP),
    "target's host": lambda s: Invite(1, "pbx", f"sip:7000@{s}", body=SDP),
    "header value": lambda s: Invite(1, "pbx", "7000", headers=(("X-Ours", s),), body=SDP),
    "header name": lambda s: Invite(1, "pbx", "7000", headers=((s, "1"),), body=SDP),
    "content type": lambda s: Invite(1, "pbx", "7000", body=SDP, content_type=s),
    "reason": lambda s: Hangup(2, reason=s),
    "header of a hang-up": lambda s: Hangup(2, headers=(("X-Ours", s),)),
    "watched extension": lambda s: Watch(5, "pbx", s),
    "subscription's target": lambda s: Subscribe(5, "pbx", s, "presence"),
    "subscription's package": lambda s: Subscribe(5, "pbx", "1001", s),
    "subscription's accept": lambda s: Subscribe(5, "pbx", "1001", "presence", accept=s),
    "request's method": lambda s: SendRequest(6, "pbx", s, "1001"),
    "request's target": lambda s: SendRequest(6, "pbx", "MESSAGE", s),
    "request's header": lambda s: SendRequest(6, "pbx", "MESSAGE", "1001", headers=(("X-Ours", s),)),
    "request's content type": lambda s: SendRequest(6, "pbx", "MESSAGE", "1001", body=b"x", content_type=s),
    "REFER's target": lambda s: SendInCall(2, 6, "REFER", headers=(("Refer-To", s),)),
    "method in a call": lambda s: SendInCall(2, 6, s),
    "content type in a call": lambda s: SendInCall(2, 6, "INFO", body=b"x", content_type=s),
    "offer's content type": lambda s: Offer(4, SDP, content_type=s),
    "where a redirect is followed": lambda s: Follow(3, s),
    "reason phrase": lambda s: Reject(-1, 486, s),
    "header of a refusal": lambda s: Reject(-1, 486, headers=(("X-Ours", s),)),
    "ringing's phrase": lambda s: Ring(-1, 183, s),
    "header of an answer": lambda s: Answer(-1, headers=(("X-Ours", s),), body=SDP),
    "answer's content type": lambda s: Answer(-1, body=SDP, content_type=s),
    "redirect's contact": lambda s: Redirect(-1, (s,)),
    "warning": lambda s: AnswerOffer(2, status=488, warnings=((399, s),)),
    "answered offer's content type": lambda s: AnswerOffer(2, SDP, content_type=s),
    "phrase of a response": lambda s: Respond(-2, 200, s),
    "header of a response": lambda s: Respond(-2, 200, headers=(("X-Ours", s),)),
    "content type of a response": lambda s: Respond(-2, 200, body=b"x", content_type=s),
    "state of a NOTIFY": lambda s: Notify(-3, state=s),
    "reason of a NOTIFY": lambda s: Notify(-3, state="terminated", reason=s),
    "content type of a NOTIFY": lambda s: Notify(-3, b"x", s),
}
ACCOUNT_FIELDS = ["address", "username", "realm", "display_name", "user_agent", "public_address", "server", "name"]


class Scene:
    """A robot with two calls (2 with an offer of the peer's, 4), a redirected
    call (3), an incoming call (-1), a request (-2), a subscriber (-3)."""

    def __init__(self) -> None:
        bench = self.bench = Bench().obliging()
        bench.add(handles=frozenset({"REGISTER", "SUBSCRIBE"}), identity=("from", "pai", "rpid", "ppi"))
        bench.robot.do(Invite(2, "pbx", "7000", body=SDP))
        bench.robot.do(Invite(4, "pbx", "7000", body=SDP))
        bench.wire.run(0.1)
        bench.pbx.handler = transaction_free(
            lambda r: [bench.pbx.reply(r, 302, CONTACT)] if r.method == "INVITE" else []
        )
        bench.robot.do(Invite(3, "pbx", "7000", body=SDP))
        bench.wire.run(0.1)
        bench.obliging()
        self._arrive("INVITE", CONTACT, body=SDP, call_id="theirs")
        self._arrive("REGISTER", CONTACT, call_id="register")
        self._arrive("SUBSCRIBE", CONTACT, ("Event", "presence"), call_id="subscribe")
        invite = bench.pbx.requests("INVITE")[0]
        to = f"<sip:robot@pbx.test>;tag={invite.from_tag}"
        self._arrive("INVITE", CONTACT, body=SDP, call_id=invite.call_id, to=to)
        bench.robot.do(AcceptSubscription(-3, 300))
        bench.wire.run(0.1)

    def _arrive(self, method: str, *headers: tuple[str, str], **more: Any) -> None:
        bench = self.bench
        bench.wire.inject(
            bench.robot, bench.pbx.request(method, f"sip:robot@{ROBOT}", *headers, **more), source=(SERVER, 5060)
        )

    def sent_by(self, command: Command) -> list[bytes] | None:
        """What a command put on the wire, within a second; None where it was refused, and then nothing was."""
        bench = self.bench
        before = len(bench.robot.sent)
        try:
            bench.robot.do(command)
        except InvalidValue:
            assert len(bench.robot.sent) == before
            return None
        bench.wire.run(1)
        return [data for _, data in bench.robot.sent[before:]]


def test_the_scene_is_what_the_commands_need() -> None:
    """Each command with a sane value puts something on the wire: otherwise the random ones would prove nothing."""
    sane = {"header name": "X-Ours", "where a redirect is followed": "sip:7000@10.0.0.1", "reason": "SIP;cause=200"}
    sane |= {"redirect's contact": "sip:7000@10.0.0.1", "REFER's target": "<sip:7000@10.0.0.1>"}
    sane |= {"request's method": "OPTIONS", "method in a call": "INFO", "state of a NOTIFY": "active"}
    sane |= {name: "text/plain" for name in FIELDS if "content type" in name}
    for name, command in FIELDS.items():
        sent = Scene().sent_by(command(sane.get(name, "1001")))
        assert sent, name
        for data in sent:
            assert_no_extra_header(data)


ESCAPED = {"warning"}  # what is said of the peer's own description is made harmless, not refused


@pytest.mark.parametrize("name", FIELDS)
def test_no_random_string_makes_a_header(name: str) -> None:
    scene, refused = Scene(), 0
    for number, text in enumerate(strings(sum(map(ord, name)))):
        sent = scene.sent_by(FIELDS[name](text))
        refused += sent is None
        for data in sent or ():
            assert_no_extra_header(data, text if name == "header name" else "")
        if sent or number % 100 == 0:
            scene = Scene()
    assert refused or name in ESCAPED


SLOTS = ("extension", "note", "caller_name", "variables.ticket")
CALLER_IDS = ('"{note}" <{extension}>', "{note} <{extension}>", "{variables.ticket}", '"Ext {caller_name}" <1001>')


@pytest.mark.parametrize("form", CALLER_IDS)
def test_no_random_string_in_a_rules_variables_makes_a_header(form: str) -> None:
    """What a template is filled with comes from NOTIFYs, callers and HTTP: a caller ID keeps the form it was given."""
    caller_id, header = CallerId.parse(form), Template.parse("{note};{variables.ticket}")
    sent = 0
    for text in strings(len(form)):
        bench = Bench().add(identity=("from", "pai", "rpid", "ppi"))
        values = dict.fromkeys(SLOTS, text)
        try:
            shown = caller_id.render(values if "<{" not in form else values | {"extension": "1001"})
            headers = (("X-Ours", header.render(values)),)
            bench.robot.do(Invite(1, "pbx", "7000", caller_id=shown, headers=headers, body=SDP))
        except InvalidValue:
            assert not bench.robot.sent
            continue
        bench.wire.run(0.1)
        for _, data in bench.robot.sent:
            assert_no_extra_header(data)
            uri = parse(data).from_.uri
            assert isinstance(uri, SipUri | TelUri)
            if "<" in form and isinstance(uri, SipUri):
                assert (uri.user, uri.host) == ("1001", "pbx.test")
        sent += bool(bench.robot.sent)
    assert sent > 10


@pytest.mark.parametrize("field", ACCOUNT_FIELDS)
def test_no_random_string_in_an_account_makes_a_header(field: str) -> None:
    for text in strings(len(field)):
        bench = Bench().obliging()
        value = f"sip:{text}@pbx.test" if field == "address" else text
        try:
            bench.robot.do(AddAccount(bench.account(register=True, **{field: value})))
        except InvalidValue:
            continue
        bench.wire.run(0.1)
        if bench.account(**{field: value}).key in bench.robot.agent._stations:
            bench.robot.do(Invite(1, bench.account(**{field: value}).key, "7000", body=SDP))
        bench.wire.run(0.1)
        for _, data in bench.robot.sent:
            assert_no_extra_header(data)


def test_what_the_network_says_is_not_sent_on_as_a_header() -> None:
    """Tags, nonces, contacts, routes and phrases of a hostile PBX come back in our requests: as values only."""
    rng = random.Random(15)
    pieces = [each for each in PIECES if not set(each) & set("\r\n\0")] + ["\r\n "]
    for _ in range(share(1_000, 20_000)):
        bench = Bench()
        text = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 5))).encode("utf-8", "surrogatepass")

        def pbx(request: Request, text: bytes = text, bench: Bench = bench) -> list[bytes]:
            if request.method == "ACK":
                return []
            if request.method == "INVITE" and not request.authorizations and rng.randrange(2):
                header = ("WWW-Authenticate", 'Digest realm="pbx@@", nonce="@@", opaque="@@", qop="auth"')
                return [bench.pbx.reply(request, 401, header).replace(b"@@", text)]
            headers = [("Contact", "<sip:@@@10.0.0.1:5060;x=@@>"), ("Record-Route", "<sip:10.0.0.1;lr;x=@@>")]
            headers += [("RSeq", "1"), ("Require", "100rel")] if rng.randrange(2) else []
            reply = bench.pbx.reply(request, rng.choice((200, 183)), *headers, tag="peer@@")
            return [reply.replace(b"@@", text)]

        bench.pbx.handler = transaction_free(pbx)
        bench.add(register=False).robot.do(Invite(1, "pbx", "7000", body=SDP))
        bench.wire.run(0.1)
        bench.robot.do(Hangup(1))
        bench.wire.run(0.1)
        for _, data in bench.robot.sent:
            head = data.partition(b"\r\n\r\n")[0]
            lines = head.split(b"\r\n")[1:]
            assert not re.search(rb"[\r\n\0]", b"".join(lines)), data
            names = {line.partition(b":")[0].decode().lower() for line in lines}
            assert names <= OURS | {"authorization", "rack"}, names


def test_an_answer_repeats_what_was_asked_and_no_more() -> None:
    """Via, From, To, Call-ID and CSeq of a request are copied into its responses: as they are, and once."""
    rng = random.Random(16)
    for number in range(share(1_000, 20_000)):
        bench = Bench().add()
        text = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 4))).encode("utf-8", "surrogatepass")
        data = bench.pbx.request(
            rng.choice(("INVITE", "OPTIONS", "MESSAGE", "FROB")),
            f"sip:robot@{ROBOT}",
            CONTACT,
            ("Require", rng.choice(("100rel", "@@"))),
            call_id=f"call{number}@@",
            from_='"@@" <sip:1001@pbx.test;x=@@>;tag=peer@@',
            to="<sip:robot@pbx.test>;x=@@",
            branch="z9hG4bKfixed@@",
        ).replace(b"@@", text)
        bench.wire.inject(bench.robot, data, source=(SERVER, 5060))
        for _, sent in bench.robot.sent:
            response = parse(sent)
            assert isinstance(response, Response)
            names = {name.lower() for name, _ in response.headers}
            assert names <= OURS | {"unsupported"} | {name.lower() for name, _ in _asked(data)}


def _asked(data: bytes) -> list[tuple[str, str]]:
    """The header lines of a request as a lenient reader sees them."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    return [(line.partition(":")[0].strip(), line) for line in head.split("\r\n")[1:]]


def test_incoming_calls_are_what_the_engine_says() -> None:
    assert Scene().bench.robot.of(IncomingCall)[0].id == -1
