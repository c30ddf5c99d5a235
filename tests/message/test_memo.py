"""What was read is remembered, within bounds, and says the same as when it is read anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipclient.errors import MalformedMessage
from sipclient.message import check, parse
from sipclient.message.headers import GOOD_LINES
from sipclient.message.memo import LONGEST, MOST, Memo

TORTURE = Path(__file__).parent / "torture"


def test_a_text_is_read_once() -> None:
    met: list[str] = []
    memo = Memo(lambda text: met.append(text) or len(text))
    assert [memo["presence"], memo["dialog"], memo["presence"]] == [8, 6, 8]
    assert met == ["presence", "dialog"]


def test_no_more_than_so_many_texts_are_kept() -> None:
    memo = Memo(int)
    for number in range(3 * MOST):
        assert memo[str(number)] == number
        assert len(memo) <= MOST


def test_a_long_text_is_read_and_not_kept() -> None:
    memo = Memo(len)
    assert (memo["x" * LONGEST], memo["x" * (LONGEST + 1)]) == (LONGEST, LONGEST + 1)
    assert len(memo) == 1


def test_what_is_malformed_is_refused_each_time_and_not_kept() -> None:
    text = b"OPTIONS sip:a@example.com SIP/2.0\r\nCSeq: 4294967296 OPTIONS\r\n\r\n"
    for _ in range(2):
        with pytest.raises(MalformedMessage, match="CSeq is above"):
            _ = parse(text).cseq


def test_two_lines_of_contact_are_not_taken_for_one() -> None:
    text = b"SIP/2.0 200 OK\r\nContact: <sip:a@192.0.2.1>\r\n%bContent-Length: 0\r\n\r\n"
    assert parse(text % b"").contact_uri == "sip:a@192.0.2.1"
    assert parse(text % b"Contact: <sip:b@192.0.2.1>\r\n").contact_uri == "sip:a@192.0.2.1"
    with pytest.raises(MalformedMessage):
        _ = parse(text % b"Contact: *\r\n").contact_uri


NOTIFY = (
    b"NOTIFY sip:robot@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK%d\r\n"
    b"From: <sip:1001@192.0.2.10>;tag=a\r\nTo: <sip:robot@192.0.2.7>;tag=b\r\nCall-ID: one\r\nCSeq: %d NOTIFY\r\n%b\r\n"
)


@pytest.fixture(autouse=True)
def nothing_met() -> None:
    GOOD_LINES.clear()


def _verdict(data: bytes, *, deciding: bool = True) -> tuple[object, ...]:
    try:
        message = parse(data)
        check(message, deciding=deciding)
    except MalformedMessage as error:
        return error.status, error.reason
    return bytes(message), list(message.headers), message.headers.index, message.headers.repeats, message.hop


def test_a_line_that_was_met_says_the_same_in_every_message() -> None:
    more = b"Event: presence\r\nX-Own: 1\r\nSubscription-State: active;expires=60\r\n"
    first, again = _verdict(NOTIFY % (1, 1, more)), _verdict(NOTIFY % (1, 1, more))
    assert first == again
    assert "X-Own: 1" in GOOD_LINES
    assert not any(line.startswith("Via") for line in GOOD_LINES)
    later = parse(NOTIFY % (2, 7, more))
    assert (later.hop.branch, later.cseq.number, later.headers.get("x-own")) == ("z9hG4bK2", 7, "1")
    assert dict(later.headers.fresh or {}) == {
        "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK2": "via",
        "CSeq: 7 NOTIFY": "cseq",
    }


MALFORMED = (
    "Subscription-State: ;, Event: ;, Content-Type: nonsense, Supported: a b, Expires: soon, Contact: <, "
    "Max-Forwards: 256, RAck: 1, CSeq: 2 NOTIFY, X-Own: a\rb, Content-Length: 10"
)


@pytest.mark.parametrize("line", [each.strip() for each in MALFORMED.encode().split(b",")])
def test_a_malformed_line_is_refused_as_often_as_it_comes(line: bytes) -> None:
    data = NOTIFY % (1, 1, line + b"\r\n")
    first = _verdict(data)
    assert len(first) == 2
    assert _verdict(data) == _verdict(data) == first


def test_what_passes_in_one_kind_of_message_is_read_in_the_other() -> None:
    data = NOTIFY % (1, 1, b"Event: ;\r\nSubscription-State: ;\r\nRAck: 1\r\n")
    answer = b"SIP/2.0 200 OK\r\n" + data.partition(b"\r\n")[2].replace(b"Event: ;\r\n", b"")
    assert len(_verdict(answer)) > 2
    assert len(_verdict(data, deciding=False)) > 2
    assert _verdict(data) == (400, "Event does not begin with a token")
    assert _verdict(data.replace(b"Event: ;\r\n", b"")) == (400, "Subscription-State does not begin with a token")


def test_lines_that_were_met_once_may_not_be_there_twice() -> None:
    _verdict(NOTIFY % (1, 1, b"X-Own: 1\r\n"))
    assert _verdict(NOTIFY % (1, 1, b"To: <sip:robot@192.0.2.7>;tag=b\r\n")) == (400, "there is more than one to")
    twice = parse(NOTIFY % (1, 1, b"X-Own: 1\r\nX-Own: 1\r\nX-Own: 2\r\n"))
    assert twice.headers.all("X-Own") == ["1", "1", "2"]


def test_what_was_added_to_a_message_is_checked() -> None:
    data = NOTIFY % (1, 1, b"Event: presence\r\n")
    check(parse(data), deciding=True)
    longer, other = parse(data), parse(data)
    longer.headers.add("Content-Type", "x")
    other.headers.set("Event", ";")
    for message in (longer, other):
        with pytest.raises(MalformedMessage):
            check(message, deciding=True)


def test_no_more_than_so_many_lines_are_kept() -> None:
    for number in range(MOST + 9):
        _verdict(NOTIFY % (number, number, b"X-Own: %d\r\nX-Long: %b\r\n" % (number, b"x" * LONGEST)))
        assert len(GOOD_LINES) <= MOST
    assert not any(len(line) > LONGEST for line in GOOD_LINES)


@pytest.mark.parametrize("path", sorted(TORTURE.iterdir()), ids=lambda path: path.stem)
def test_what_was_met_changes_no_verdict(path: Path) -> None:
    data = path.read_bytes()
    first = _verdict(data)
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        _verdict(NOTIFY % (1, 1, line + b"\r\n"))
        _verdict((NOTIFY % (1, 1, line + b"\r\n")).replace(b"NOTIFY sip:robot@192.0.2.7 SIP/2.0", b"SIP/2.0 200 OK"))
    assert _verdict(data) == first
