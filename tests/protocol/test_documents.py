"""Bodies that were read are remembered, within bounds; what is malformed is refused each time."""

from __future__ import annotations

import pytest

from sipclient.errors import MalformedBody
from sipclient.presence import Presence, State
from sipclient.protocol.documents import LARGEST, MOST, Documents

KIND = "application/pidf+xml"


def body(extension: str, note: str = "Ready", padding: str = "") -> bytes:
    return (
        f'<presence entity="sip:{extension}@pbx"><note>{note}</note>{padding}<tuple id="x"><status>'
        "<basic>open</basic></status></tuple></presence>"
    ).encode()


def test_the_same_bytes_are_read_once() -> None:
    documents = Documents()
    first = documents.read(KIND, body("1001"))
    assert isinstance(first, Presence)
    assert first.state is State.READY
    assert documents.read(KIND, body("1001")) is first
    assert documents.read(KIND, body("1001", "On the phone")) is not first
    assert documents.read(f"{KIND};charset=utf-8", body("1001")) == first


def test_large_bodies_are_not_kept() -> None:
    documents = Documents()
    large = body("1001", padding=f"<!--{'x' * LARGEST}-->")
    first = documents.read(KIND, large)
    assert documents.read(KIND, large) == first
    assert documents.read(KIND, large) is not first


def test_no_more_than_so_many_are_kept() -> None:
    documents = Documents()
    first = documents.read(KIND, body("0"))
    for number in range(1, MOST):
        documents.read(KIND, body(str(number)))
    assert documents.read(KIND, body("0")) is first
    documents.read(KIND, body("one more"))
    assert documents.read(KIND, body("0")) is not first


def test_a_malformed_body_is_refused_again() -> None:
    documents = Documents()
    for _ in range(2):
        with pytest.raises(MalformedBody):
            documents.read(KIND, b"<presence>")
