"""The system's randomness: shape and range."""

from __future__ import annotations

import re

from sipclient.face.identifiers import SystemIdentifiers


def test_tokens_are_long_hexadecimal_and_never_the_same() -> None:
    ours, others = SystemIdentifiers(), SystemIdentifiers()
    tokens = {each.token("tag") for each in (ours, others) for _ in range(1000)}
    assert len(tokens) == 2000
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in tokens)


def test_spread_stays_in_its_bounds_and_fills_them() -> None:
    draws = [SystemIdentifiers().spread("refresh", 10.0, 20.0) for _ in range(2000)]
    assert all(10.0 <= draw < 20.0 for draw in draws)
    assert min(draws) < 11.0 and max(draws) > 19.0
