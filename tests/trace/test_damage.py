"""Pastes that a forum, a mail or a logger damaged: what is mended, what is said of it, what stays unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipclient import sdp
from sipclient.message import Request, Response, parse
from sipclient.trace import Record, read

DAMAGED = Path(__file__).parents[2] / "sip_traces" / "damaged"
INVITE = """INVITE sip:7000@pbx.example.com SIP/2.0
Via: SIP/2.0/WSS a1b2.invalid;branch=z9hG4bK-1
Max-Forwards: 70
From: "Ext 1001" <sip:1001@pbx.example.com>;tag=a6c85cf
To: <sip:7000@pbx.example.com>
Call-ID: 38482762@192.0.2.10
CSeq: 1 INVITE
Contact: <sip:1001@a1b2.invalid;transport=ws>
Content-Type: application/sdp
Content-Length: 199

v=0
o=- 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/AVP 0
a=sendrecv
"""


def only(text: str) -> Record:
    (record,) = read(text.encode()).records
    return record


RIGHT = INVITE.replace("Length: 199", f"Length: {len(INVITE.partition(chr(10) * 2)[2].replace(chr(10), '..'))}")
WHOLE = only(RIGHT)


def test_the_undamaged_one_has_no_repairs() -> None:
    assert WHOLE.repairs == () and WHOLE.missing == () and WHOLE.other == b""
    assert WHOLE.data == RIGHT.replace("\n", "\r\n").encode()


DAMAGE = [
    ("a wrong length", INVITE, "Content-Length said 199, the body has 99 bytes here"),
    ("curly quotes", INVITE.replace('"Ext 1001"', "“Ext 1001”"), "curly quotes made straight"),
    ("quoting", "".join(f"> {line}\n" for line in INVITE.split("\n")),
     "quotation marks (>) before the lines taken off"),
    ("entities", INVITE.replace("<", "&lt;").replace(">", "&gt;"), "HTML entities written as their characters"),
    ("hard blanks", INVITE.replace(": ", ":\u00a0"), "non-breaking and invisible blanks taken for plain ones"),
    ("links", INVITE.replace("<sip:7000@pbx.example.com>", "<[sip:7000@pbx.example.com](sip:7000@pbx.example.com)>"),
     "links taken for the text they show"),
    ("bold", INVITE.replace("1001@a1b2", "**1001**@a1b2"), "asterisks of bold text taken off"),
    ("escapes", INVITE.replace("\n", "\\r\\n"), "line breaks that were written out are line breaks again"),
    ("syslog", INVITE.replace("\n", "#015#012"), "line breaks that were written out are line breaks again"),
    ("one line", INVITE.replace("\n", " "), "lines that were joined by blanks are apart again"),
    ("blank lines", INVITE.replace("\n", "\n\n"), "empty lines between the headers left out"),
    ("no blank line", INVITE.replace("\n\nv=0", "\nv=0"), "the empty line before the body put back"),
    ("glued SDP", INVITE.replace("0 0\nm=", "0 0m=").replace("0\na=send", "0a=send"),
     "SDP lines that were glued together are apart again"),
    ("prose before it", INVITE.replace("INVITE sip", "so I am sending INVITE sip", 1),
     "a message that began within a line stands on its own"),
    ("stripped brackets", INVITE.replace("<", "").replace(">", ""), "<> put back round the address in From"),
    ("no v= and s=", INVITE.replace("v=0\n", "").replace("s=-\n", ""), "v=0 put back before the SDP"),
    ("a broken header", INVITE.replace("a1b2.invalid;branch", "a1b2.invalid;\nbranch"),
     "a header that was broken over two lines joined"),
]  # fmt: skip


@pytest.mark.parametrize("row", DAMAGE, ids=[row[0] for row in DAMAGE])
def test_damage_is_undone_and_said(row: tuple[str, str, str]) -> None:
    _, text, words = row
    record = only(text)
    assert words in record.repairs
    assert record.data.replace(b";\x20branch", b";branch").replace(b" ;", b";") == WHOLE.data
    assert "1 repaired" in read(text.encode()).format


def test_an_address_that_was_hidden_stays_unknown() -> None:
    record = only(INVITE.replace("sip:1001@pbx.example.com", "sip:[email\u00a0protected]"))
    message = parse(record.data)
    assert str(message.from_.uri) == "sip:unknown@unknown.invalid"
    assert any("[email protected]" in words for words in record.repairs)


def test_windows_quotes_that_are_no_utf8() -> None:
    text = INVITE.encode().replace(b'"Ext 1001"', b"\x93Ext 1001\x94")
    (record,) = read(text).records
    assert b'"Ext 1001" <sip:' in record.data


def test_an_apostrophe_in_a_name_is_no_damage() -> None:
    record = only(RIGHT.replace("Ext 1001", "Joe’s Café"))
    assert record.repairs == () and "Joe’s Café".encode() in record.data


def test_parameters_whose_place_is_lost_are_kept_in_both_readings() -> None:
    text = INVITE.replace("<", "").replace(">", "").replace("transport=ws", "transport=ws;ob;x-y=1;expires=60")
    record = only(text)
    assert b"Contact: <sip:1001@a1b2.invalid;transport=ws;ob;x-y=1>;expires=60\r\n" in record.data
    assert b"Contact: <sip:1001@a1b2.invalid>;transport=ws;ob;x-y=1;expires=60\r\n" in record.other
    assert any("Contact" in words and "both are kept" in words for words in record.repairs)


def test_a_plain_address_with_a_tag_is_no_damage() -> None:
    record = only(RIGHT.replace('"Ext 1001" <sip:1001@pbx.example.com>;tag', "sip:1001@pbx.example.com;tag"))
    assert record.repairs == ()


def test_routes_are_bracketed_again() -> None:
    bare = (
        INVITE.replace("<", "")
        .replace(">", "")
        .replace("Max-", "Route: sip:p1.example.com;lr, sip:p2.example.com;lr\nMax-")
    )
    record = only(bare)
    assert b"Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n" in record.data
    assert b"Route: <sip:p1.example.com>;lr, <sip:p2.example.com>;lr\r\n" in record.other


def test_three_messages_glued_together() -> None:
    plain = RIGHT
    bye = "BYE sip:a@b.example SIP/2.0\nVia: SIP/2.0/UDP b.example;branch=z9hG4bK2\nCall-ID: 2\nCSeq: 2 BYE\n"
    ok = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP b.example;branch=z9hG4bK2\nCall-ID: 2\nCSeq: 2 BYE\n"
    for glue in ("", " ", "\n"):
        records = read((plain.rstrip("\n") + glue + bye.rstrip("\n") + glue + ok).encode()).records
        assert [parse(record.data).call_id for record in records] == ["38482762@192.0.2.10", "2", "2"], glue


def test_messages_without_content_length() -> None:
    text = INVITE.replace("Content-Length: 199\n", "")
    record = only(text + "\nSome words after it.\n")
    assert record.repairs == () and parse(record.data).body.endswith(b"a=sendrecv\r\n")


def test_the_seed() -> None:
    """The 488 and the INVITE it answers, tangled in one line of a forum's page."""
    trace = read(DAMAGED / "forum-thread.txt")
    assert trace.format == "bare SIP messages, 2 messages, 2 repaired"
    refusal, invite = trace.records
    assert (refusal.line, invite.line) == (172, 183)
    answer, request = parse(refusal.data), parse(invite.data)
    assert isinstance(answer, Response) and answer.status == 488
    assert isinstance(request, Request) and request.method == "INVITE"
    assert answer.call_id == request.call_id == "dd1dgrkbk1g37cba4t75"
    assert answer.via.branch == request.via.branch and answer.to_tag == "9tpHyKFamt2ap"
    assert answer.headers.get("Reason") == 'Q.850;cause=88;text="INCOMPATIBLE_DESTINATION"'
    assert answer.headers.get("Remote-Party-ID") == (
        '"12987021726666" <sip:12987021726666@x.x.x.x.>;party=calling;privacy=off;screen=no'
    )
    assert "the header From" in refusal.missing and "the header CSeq" in invite.missing
    assert {"the host of the Request-URI", "the address of c=", "the address of a=candidate:1852297919"} <= set(
        invite.missing
    )
    assert "Content-Length said 1736, the body has 1524 bytes here" in invite.repairs
    assert b"transport=ws;ob>" in invite.data and b"invalid>;transport=ws;ob" in invite.other
    offer = sdp.parse(request.body.decode())
    assert len(offer.media) == 1


def test_what_looks_like_damage_in_a_body_that_fits_is_meant() -> None:
    body = (
        '<?xml version="1.0"?>\r\n<presence entity="sip:a@b">\r\n<note>“Back” soon – Tom &amp; Jerry &lt;3</note>\r\n'
        "  &lt;kept&gt; **bold** \u00a0\r\n> quoted\r\n</presence>\r\n"
    ).encode()
    sip = (
        b"NOTIFY sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\nCall-ID: 1\r\n"
        b"Content-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    (record,) = read(sip).records
    assert (record.data, record.repairs) == (sip, ())


def test_each_message_has_its_own_repairs() -> None:
    trace = read(DAMAGED / "forum-thread.txt")
    refusal, invite = trace.records
    assert "curly quotes made straight" in refusal.repairs and "curly quotes made straight" not in invite.repairs
    assert any("'For Invite'" in words for words in refusal.repairs)
    assert not any("'For Invite'" in words for words in invite.repairs)
