"""What was read is remembered, within bounds, and says the same as when it is read anew."""

from __future__ import annotations

import pytest

from sipclient.errors import MalformedMessage
from sipclient.message import parse
from sipclient.message.memo import LONGEST, MOST, Memo


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
