"""What redaction takes out, what stands in its place, and what stays."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from sipclient import sdp
from sipclient.message import SipUri, parse
from sipclient.trace import Address, Record, read, redacted

TRACES = Path(__file__).parents[2] / "sip_traces"
INVITE = (
    b"INVITE sip:+4930123456@pbx.acme-corp.de;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.7.20:5060;branch=z9hG4bK1;received=85.31.193.210\r\n"
    b"Record-Route: <sip:85.31.193.211;lr>\r\n"
    b'From: "Jane Roe" <sip:jane.roe:secret@acme-corp.de>;tag=1\r\n'
    b"To: <sip:+4930123456@pbx.acme-corp.de>\r\n"
    b"Call-ID: 99@192.168.7.20\r\n"
    b"CSeq: 200 INVITE\r\n"
    b"Contact: <sip:200@192.168.7.20:5060>\r\n"
    b'P-Asserted-Identity: "Jane Roe" <tel:+4930123456>\r\n'
    b"X-Customer: +4915112345678 jane.roe acme-corp.de\r\n"
    b"Subject: about Jane\r\n"
    b"User-Agent: Phone 85.31.193.210\r\n"
    b'Authorization: Digest username="jane.roe", realm="acme-corp.de", nonce="abcdef", uri="sip:acme-corp.de", '
    b'response="0123456789abcdef0123456789abcdef", cnonce="xyz", opaque="oo", qop=auth, nc=00000001\r\n'
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n"
)
SDP = (
    b"v=0\r\no=jane 1 1 IN IP4 192.168.7.20\r\ns=Jane at home\r\nc=IN IP4 85.31.193.210\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\r\n"
    b"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    b"a=candidate:1 1 udp 1 2001:db8:aaaa::7 4000 typ host\r\na=candidate:2 1 udp 1 fd12::7 4000 typ host\r\n"
)
WHOLE = INVITE % len(SDP) + SDP
LEAKS = ("Jane", "jane", "acme", "4930123456", "4915112345678", "192.168.7.20", "193.211", "secret", "abcdef", "WVNf")


def names(data: bytes) -> list[bytes]:
    """The names of the header lines."""
    head = data.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]


def one(data: bytes) -> bytes:
    return redacted([Record(data)])[0].data


def test_nothing_that_names_anybody_is_left() -> None:
    text = one(WHOLE).decode()
    assert [leak for leak in LEAKS if leak in text] == []
    assert "Phone 85.31.193.210" in text  # the make of a telephone is what a diagnosis needs


def test_the_message_is_still_one_and_says_the_same() -> None:
    after = parse(one(WHOLE))
    assert names(one(WHOLE)) == names(WHOLE)
    assert after.headers.get("CSeq") == "200 INVITE" and after.headers.get("Content-Length") == str(len(after.body))
    to = after.to.uri  # it is the number of the Request-URI still
    assert isinstance(to, SipUri)
    number = re.search(rb"INVITE sip:(\+\d+)@", one(WHOLE))
    assert number is not None and to.user_text == number[1].decode() and len(number[1]) == len("+4930123456")
    assert f"<tel:{to.user_text}>" in (after.headers.get("P-Asserted-Identity") or "")
    offer = sdp.parse(after.body.decode())
    assert str(offer.media[0].lines[0]) == "m=audio 4000 RTP/AVP 8 101"
    assert b"a=rtpmap:101 telephone-event/8000" in after.body


def test_addresses_stay_of_their_kind() -> None:
    text = one(WHOLE).decode()
    local, public = re.search(r"UDP ([\d.]+):5060", text), re.search(r"received=([\d.]+)", text)
    assert local is not None and public is not None
    assert local[1].startswith("192.168.") and not ip_address(public[1]).is_loopback
    assert f"Call-ID: 99@{local[1]}\r\n" in text and f"IN IP4 {public[1]}\r\n" in text
    assert re.search(r"a=candidate:1 1 udp 1 2001:db8:[0-9a-f:]+ 4000", text) and "udp 1 fd00::" in text
    assert redacted([Record(b"", source=Address("10.1.2.3", 5))])[0].source.host.startswith("10.0.0.")
    for kept in ("127.0.0.1", "0.0.0.0", "::1", "224.0.0.1"):
        assert redacted([Record(b"", source=Address(kept, 5))])[0].source.host == kept


def test_the_same_is_replaced_by_the_same_all_through_a_trace() -> None:
    records = redacted(read(TRACES / "asterisk" / "register-digest.pcap").records)
    users = {bytes(match) for record in records for match in re.findall(rb"username=\"([^\"]*)\"", record.data)}
    assert users and not any(b"robot" in user for user in users)
    for record in records:
        message = parse(record.data)
        assert record.data.count(b"\0") == 0 and message.call_id
    challenges = {m for r in records for m in re.findall(rb"Authenticate:.*?nonce=\"([^\"]*)\"", r.data)}
    answers = {m for r in records for m in re.findall(rb"uthorization:.*?nonce=\"([^\"]*)\"", r.data)}
    assert answers <= challenges


def test_nothing_is_replaced_twice() -> None:
    """The number that stands for one extension may be another's own."""
    first = b"INVITE sip:1001@a.example SIP/2.0\r\nFrom: <sip:5001@a.example>\r\nTo: <sip:5002@a.example>\r\n\r\n"
    users = re.findall(rb"sip:(\d+)@", one(first))
    assert len(set(users)) == 3 and all(len(user) == 4 for user in users)


def test_presence_bodies_keep_their_states() -> None:
    records = redacted(read(TRACES / "asterisk" / "notify-pidf.txt").records)
    text = b"".join(record.data for record in records)
    assert b"1001" not in text and b"On the phone" in text and b"<basic>open</basic>" in text


@pytest.mark.parametrize("path", sorted(TRACES.glob("*/*.pcap")), ids=lambda path: path.stem)
def test_whole_captures_parse_as_before(path: Path) -> None:
    before = read(path).records
    for record, hidden in zip(before, redacted(before), strict=True):
        shown, other = parse(record.data), parse(hidden.data)
        assert names(record.data) == names(hidden.data)
        assert (shown.cseq, type(shown)) == (other.cseq, type(other))
        assert (hidden.at, hidden.line, hidden.source.port) == (record.at, record.line, record.source.port)


def test_many_numbers_and_addresses_stay_distinct() -> None:
    data = [
        Record(
            b"OPTIONS sip:%d@h.example SIP/2.0\r\n\r\n" % number,
            source=Address(f"8.{number % 250}.{number // 250}.1", 1),
        )
        for number in range(100, 3000)
    ]
    hidden = redacted(data)
    assert len({record.data for record in hidden}) == len({record.source for record in hidden}) == 2900
