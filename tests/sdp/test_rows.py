"""Offers of phones, PBXs and browsers, a row each, against what must become of them. RFC 3264 §6."""

from __future__ import annotations

import pytest

from sipclient.sdp import Answer, negotiate, parse
from tests.sdp.able import SETS
from tests.sdp.legal import assert_legal
from tests.sdp.rows import Row, rows

ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_becomes_of_an_offer(row: Row) -> None:
    offer = parse(row.offer)
    result = negotiate(offer, SETS[row.able])
    if isinstance(result, Answer):
        assert result.description.lines == row.answer
        assert_legal(offer, result.description)
    else:
        assert tuple(f"{reason.code} {reason}" for reason in result.reasons) == row.refused


def test_there_are_a_hundred_rows_and_each_names_its_origin() -> None:
    assert len(ROWS) >= 100
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.origin.startswith(("captured from ", "composed from ")) for row in ROWS)
    assert all(bool(row.answer) != bool(row.refused) for row in ROWS)
