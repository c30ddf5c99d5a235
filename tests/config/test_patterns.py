"""Patterns: what they match, what they stand for, which of them overlap."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config import Mistake, Pattern
from sipclient.config.patterns import overlapping

MATCHES = [
    # pattern, what it matches, what it does not
    ("1001", ["1001"], ["", "100", "10011", "sip:1001@a"]),
    ("boss", ["boss"], ["Boss", "bos"]),
    ("*", ["", "1", "sip:a@b", "any thing"], []),
    ("20*", ["20", "2001", "20*"], ["2", "120", "sip:20@a"]),
    ("*20", ["20", "120"], ["201"]),
    ("1?1", ["101", "1x1", "1?1"], ["11", "1001", "102"]),
    ("1*2*3", ["123", "1223", "1x2y3"], ["13", "132", "1233x", "23"]),
    ("*1*1*", ["11", "0101"], ["1", "010"]),
    ("a**b", ["ab", "axb"], ["a", "b"]),
    ("1?*?2", ["1002", "10002", "1xx2"], ["102", "12"]),
    ("2000-2999", ["2000", "2500", "2999"], ["1999", "3000", "200", "20000", "2x00", "²000", "2000-2999"]),
    ("007-012", ["007", "010", "012"], ["7", "006", "013"]),
    ("5-5", ["5"], ["5-5", "6"]),
    ("sip:boss@Other.Example.com", ["sip:boss@other.example.com", "SIP:boss@OTHER.example.com"],
     ["sip:Boss@other.example.com"]),
    ("sip:*@pbx.example.com", ["sip:7000@pbx.example.com", "sip:@pbx.example.com"],
     ["sip:7@pbx.example.com:5070", "7000"]),
    ("sip:10-19@a", ["sip:10@a", "sip:15@A"], ["sip:20@a", "sip:15@b", "15", "sip:1x@a", "sips:15@a"]),
    ("sip:555-1234@a", ["sip:555-1234@a"], ["sip:600@a"]),
    ("tel:+49*", ["tel:+4930", "TEL:+4930"], ["tel:+44", "+49"]),
    ("sip:pbx.example.com", ["sip:PBX.example.com"], []),
    ("a-b", ["a-b"], ["a"]),
    ("12@34", ["12@34"], ["12"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "yes", "no"), MATCHES)
def test_matches(text: str, yes: list[str], no: list[str]) -> None:
    pattern = Pattern.from_toml(text)
    assert [each for each in yes if not pattern.matches(each)] == []
    assert [each for each in no if pattern.matches(each)] == []


ALPHABET = st.text(alphabet="01?*ab", min_size=1, max_size=8)


@given(ALPHABET, st.text(alphabet="01ab", max_size=10))
def test_wildcards_mean_what_the_regular_expression_means(text: str, candidate: str) -> None:
    expression = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    assert Pattern(text).matches(candidate) == (re.fullmatch(expression, candidate) is not None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1 to 256"),
        ("1" * 257, "1 to 256"),
        ("100-20", "is no range"),
        ("20-10", "is no range"),
        ("1-100", "is no range"),
    ],
)
def test_no_patterns(text: str, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        Pattern(text)


EXPANSIONS = [
    ("1001", ["1001"]),
    ("boss", ["boss"]),
    ("098-102", ["098", "099", "100", "101", "102"]),
    ("sip:9-9@A", ["sip:9@a"]),
    ("08-08", ["08"]),
    ("sip:08-10@A", ["sip:08@a", "sip:09@a", "sip:10@a"]),
    ("sip:boss@A", ["sip:boss@a"]),
    ("tel:10-11", ["tel:10", "tel:11"]),
]


@pytest.mark.parametrize(("text", "texts"), EXPANSIONS)
def test_expansion(text: str, texts: list[str]) -> None:
    pattern = Pattern(text)
    assert list(pattern.expand()) == texts and pattern.count == len(texts)
    assert all(pattern.matches(each) for each in texts)


def test_what_cannot_be_expanded() -> None:
    for text in ("1*", "1??"):
        assert Pattern(text).count == 0
        with pytest.raises(Mistake, match="cannot be watched"):
            Pattern(text).expand()
    with pytest.raises(Mistake, match="is 1000 extensions; at most 999"):
        Pattern("0000-0999").expand(limit=999)
    assert Pattern("0000000000-9999999999").count == 10**10


OVERLAPS = [
    ("1001", "1001", True),
    ("1001", "1002", False),
    ("1001", "1000-1999", True),
    ("1000-1999", "1999-2999", True),
    ("1000-1999", "2000-2999", False),
    ("100-199", "1000-1999", False),
    ("boss", "boss", True),
    ("boss", "1000-1999", False),
    ("sip:10-19@a", "sip:15@A", True),
    ("sip:10-19@a", "sip:15@b", False),
    ("sip:10-19@a", "15", False),
    ("10*", "1000-1999", True),
    ("30*", "1000-1999", False),
    ("10*", "1001", True),
    ("*", "*", False),
]


@pytest.mark.parametrize(("first", "second", "expected"), OVERLAPS)
def test_overlaps(first: str, second: str, expected: bool) -> None:
    assert Pattern(first).overlaps(Pattern(second)) is expected
    assert Pattern(second).overlaps(Pattern(first)) is expected


RANGES = st.tuples(st.integers(0, 60), st.integers(0, 6)).map(lambda pair: f"{pair[0]:02d}-{pair[0] + pair[1]:02d}")
SOME = st.lists(
    RANGES | st.integers(0, 60).map(lambda number: f"{number:02d}") | st.sampled_from(["a", "b", "3*"]), max_size=12
)


@given(SOME)
def test_some_overlap_is_found_where_there_is_one(texts: list[str]) -> None:
    """Each pair told overlaps; and leaving out the later of each pair told leaves none that do."""
    patterns = [Pattern(text) for text in texts]
    pairs = list(overlapping(patterns))
    assert all(early < late and patterns[early].overlaps(patterns[late]) for early, late in pairs)
    listed = [pattern for pattern in patterns if not pattern.wild]
    assert bool(pairs) == any(first.overlaps(second) for first, second in combinations(listed, 2))


def test_many_extensions_are_compared_quickly() -> None:
    patterns = [Pattern(f"{number:05d}") for number in range(20_000)]
    assert list(overlapping(patterns)) == []


def test_equality_and_appearance() -> None:
    pattern = Pattern("SIP:a@HOST")
    assert pattern == Pattern("sip:a@host") != Pattern("sip:A@host")
    assert pattern != "sip:a@host"
    assert (str(pattern), repr(pattern), len({pattern, Pattern("sip:a@host")})) == (
        "sip:a@host",
        "Pattern('sip:a@host')",
        1,
    )
