"""Bodies that were read lately are not read again, and what is kept of them is bounded."""

from __future__ import annotations

import pytest

from sipclient.errors import MalformedBody
from sipclient.protocol.documents import LARGEST, MOST, Documents

PIDF = '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{}@pbx"><note>{}</note></presence>'
TYPE = "application/pidf+xml"


def test_a_body_again_is_the_value_again() -> None:
    documents = Documents()
    body = PIDF.format(1, "Ready").encode()
    assert documents.read(TYPE, body) is documents.read(TYPE, bytes(body))
    assert documents.read(TYPE + ";charset=utf-8", body) is not documents.read(TYPE, body)


@pytest.mark.parametrize(
    ("content_type", "note"), [(TYPE, "x" * LARGEST), (f'{TYPE};x="{"y" * 990}"', "Ready")], ids=["body", "type"]
)
def test_what_is_large_is_read_each_time(content_type, note) -> None:
    documents = Documents()
    body = PIDF.format(1, note).encode()
    assert documents.read(content_type, body) is not documents.read(content_type, body)


def test_no_more_than_so_many_are_kept() -> None:
    documents = Documents()
    first = documents.read(TYPE, PIDF.format(0, "Ready").encode())
    for number in range(1, MOST + 1):
        documents.read(TYPE, PIDF.format(number, "Ready").encode())
    assert documents.read(TYPE, PIDF.format(0, "Ready").encode()) is not first
    assert len(documents._known) <= MOST


def test_what_cannot_be_read_is_not_kept() -> None:
    documents = Documents()
    for _ in range(2):
        with pytest.raises(MalformedBody):
            documents.read(TYPE, b"<presence")
