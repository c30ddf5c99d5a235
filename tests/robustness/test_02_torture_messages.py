"""Robustness 2, torture messages: RFC 4475 and RFC 5118, each file to a live agent.

What must be accepted is; what must be rejected gets the status the RFC names, or is dropped; where the RFC is liberal,
the row says which choice is made. That accepted ones parse to the right fields is in tests/message/test_torture.py.
"""

from __future__ import annotations

import pytest
from robustness.common import SERVER, Bench
from robustness.mutations import TORTURE

from sipclient.message import Response, parse
from sipclient.protocol.events import IncomingCall, MessageReceived, RequestReceived

CALL, ASKED, MESSAGE, DROPPED = "a call", "handed to the application", "a message", "dropped"

# Name, what becomes of it, and where the RFC speaks of it.
ROWS: list[tuple[str, int | str, str]] = [
    ("wsinv", 481, "RFC 4475 §3.1.1.1: it names a dialog there is not"),
    ("intmeth", 405, "RFC 4475 §3.1.1.2"),
    ("esc01", CALL, "RFC 4475 §3.1.1.3"),
    ("escnull", ASKED, "RFC 4475 §3.1.1.4"),
    ("esc02", 405, "RFC 4475 §3.1.1.5: RE%47IST%45R is not REGISTER"),
    ("lwsdisp", 200, "RFC 4475 §3.1.1.6"),
    ("longreq", CALL, "RFC 4475 §3.1.1.7"),
    ("dblreq", ASKED, "RFC 4475 §3.1.1.8: a datagram holds one message; what follows does not count"),
    ("semiuri", 200, "RFC 4475 §3.1.1.9"),
    ("transports", 200, "RFC 4475 §3.1.1.10"),
    ("mpart01", MESSAGE, "RFC 4475 §3.1.1.11"),
    ("unreason", DROPPED, "RFC 4475 §3.1.1.12: a response nobody waits for"),
    ("noreason", DROPPED, "RFC 4475 §3.1.1.13: a response nobody waits for"),
    ("badinv01", DROPPED, "RFC 4475 §3.1.2.1: an answer would need its broken Via"),
    ("clerr", 400, "RFC 4475 §3.1.2.2"),
    ("ncl", 400, "RFC 4475 §3.1.2.3"),
    ("scalar02", DROPPED, "RFC 4475 §3.1.2.4: an answer would need its CSeq, which is out of range"),
    ("scalarlg", DROPPED, "RFC 4475 §3.1.2.5"),
    ("quotbal", DROPPED, "RFC 4475 §3.1.2.6: an answer would need its broken To"),
    ("ltgtruri", 400, "RFC 4475 §3.1.2.7"),
    ("lwsruri", 400, "RFC 4475 §3.1.2.8"),
    ("lwsstart", 400, "RFC 4475 §3.1.2.9"),
    ("trws", 400, "RFC 4475 §3.1.2.10"),
    ("escruri", 400, "RFC 4475 §3.1.2.11"),
    ("baddate", CALL, "RFC 4475 §3.1.2.12: nothing depends on Date, so it is not read"),
    ("regbadct", 400, "RFC 4475 §3.1.2.13"),
    ("badaspec", 200, "RFC 4475 §3.1.2.14: blanks in a From's URI are passed over, as the RFC allows"),
    ("baddn", DROPPED, "RFC 4475 §3.1.2.15: an answer would need its broken From"),
    ("badvers", 505, "RFC 4475 §3.1.2.16"),
    ("mismatch01", 400, "RFC 4475 §3.1.2.17"),
    ("mismatch02", 400, "RFC 4475 §3.1.2.18: 400 rather than 501"),
    ("bigcode", DROPPED, "RFC 4475 §3.1.2.19"),
    ("badbranch", 200, "RFC 4475 §3.2.1: matched as RFC 2543 says, see below"),
    ("insuf", DROPPED, "RFC 4475 §3.3.1: no From, no answer"),
    ("unkscm", 416, "RFC 4475 §3.3.2"),
    ("novelsc", 416, "RFC 4475 §3.3.3"),
    ("unksm2", ASKED, "RFC 4475 §3.3.4: a registrar decides what it binds"),
    ("bext01", 420, "RFC 4475 §3.3.5"),
    ("invut", 415, "RFC 4475 §3.3.6"),
    ("regaut01", ASKED, "RFC 4475 §3.3.7: a registrar decides what credentials it takes"),
    ("multi01", 400, "RFC 4475 §3.3.8"),
    ("mcl01", 400, "RFC 4475 §3.3.9"),
    ("bcast", DROPPED, "RFC 4475 §3.3.10: a response nobody waits for"),
    ("zeromf", 200, "RFC 4475 §3.3.11: it is for us, so Max-Forwards 0 does not matter"),
    ("cparam01", ASKED, "RFC 4475 §3.3.12"),
    ("cparam02", ASKED, "RFC 4475 §3.3.13"),
    ("regescrt", ASKED, "RFC 4475 §3.3.14"),
    ("sdp01", CALL, "RFC 4475 §3.3.15: what its Accept wants is the application's to weigh"),
    ("inv2543", 400, "RFC 4475 §3.4.1: read, but refused, since without Contact a dialog has no target"),
    ("ipv6-good", ASKED, "RFC 5118 §4.1"),
    ("ipv6-bad", 400, "RFC 5118 §4.2"),
    ("port-ambiguous", ASKED, "RFC 5118 §4.3: 5070 is part of the address"),
    ("port-unambiguous", ASKED, "RFC 5118 §4.4"),
    ("via-received-param-with-delim", 481, "RFC 5118 §4.5: a BYE for a dialog there is not"),
    ("via-received-param-no-delim", 200, "RFC 5118 §4.5"),
    ("ipv6-in-sdp", CALL, "RFC 5118 §4.6"),
    ("mult-ip-in-header", 481, "RFC 5118 §4.7: a BYE for a dialog there is not"),
    ("mult-ip-in-sdp", CALL, "RFC 5118 §4.8"),
    ("ipv4-mapped-ipv6", CALL, "RFC 5118 §4.9"),
    ("ipv6-bug-abnf-3-colons", 200, "RFC 5118 §4.10: three colons are tolerated"),
    ("ipv6-correct-abnf-2-colons", 200, "RFC 5118 §4.10"),
]
WHAT = {IncomingCall: CALL, RequestReceived: ASKED, MessageReceived: MESSAGE}


def test_every_message_has_its_row() -> None:
    assert sorted(name for name, _, _ in ROWS) == sorted(path.stem for path in TORTURE.glob("*.dat"))


@pytest.mark.parametrize(("name", "expected", "where"), ROWS)
def test_a_torture_message_to_a_live_agent(name: str, expected: int | str, where: str) -> None:
    bench = Bench().add(handles=frozenset({"REGISTER"}))
    events, sent = len(bench.robot.events), len(bench.robot.sent)
    bench.wire.inject(bench.robot, (TORTURE / f"{name}.dat").read_bytes(), source=(SERVER, 5060))
    answers = [parse(data) for _, data in bench.robot.sent[sent:]]
    assert all(isinstance(answer, Response) for answer in answers)
    finals = [answer.status for answer in answers if isinstance(answer, Response) and answer.status > 100]
    told = [WHAT[type(event)] for event in bench.robot.events[events:] if type(event) in WHAT]
    if isinstance(expected, int):
        assert (finals, told) == ([expected], [])
    elif expected == DROPPED:
        assert (finals, told) == ([], [])
    else:
        assert told == [expected]
    assert bench.options() == 200


def test_a_branch_of_nothing_but_the_cookie_does_not_make_two_requests_one() -> None:
    """RFC 4475 §3.2.1: such a branch identifies nothing, so RFC 2543's way of matching takes its place."""
    bench = Bench().add()
    for number in (1, 2):
        data = bench.pbx.request("MESSAGE", "sip:robot@10.0.0.2", call_id=f"call-{number}", branch="z9hG4bK", cseq=1)
        assert [answer.call_id for answer in bench.send(data)] == [f"call-{number}"]
        assert len(bench.send(data)) == 1
    assert len(bench.robot.of(MessageReceived)) == 2
