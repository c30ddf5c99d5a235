"""The E-model's figures."""

from __future__ import annotations

import pytest

from sipclient.media.quality import mos, r_factor


@pytest.mark.parametrize(
    ("r", "score"),
    [
        (-1, 1.0),
        (0, 1.0),
        (50, 2.58),
        (60, 3.10),
        (70, 3.60),
        (80, 4.02),
        (90, 4.34),
        (93.2, 4.41),
        (100, 4.5),
        (101, 4.5),
    ],
)
def test_the_score_of_a_rating(r: float, score: float) -> None:
    """ITU-T G.107 annex B, table B.1: 90, 80, 70, 60, 50 are 4.34, 4.03, 3.60, 3.10, 2.58."""
    assert mos(r) == pytest.approx(score, abs=0.01)


def test_the_score_only_rises_with_the_rating() -> None:
    scores = [mos(r / 10) for r in range(65, 1001)]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("codec", "loss", "delay", "r"),
    [
        ("PCMU", 0, 0, 93.2),
        ("pcma", 0, 0.1, 93.2),
        ("PCMU", 0, 0.15, 93.2 - 0.16),
        ("PCMU", 0, 0.4, 93.2 - 24.07),
        ("PCMU", 0.05, 0.05, 93.2 - 95 * 5 / 30.1),
        ("G729", 0, 0, 82.2),
        ("opus", 1, 0, 93.2 - 95 * 100 / 120),
        ("PCMU", 2, 9, 0),
        ("PCMU", -1, -1, 93.2),
    ],
)
def test_the_rating_of_a_call(codec: str, loss: float, delay: float, r: float) -> None:
    assert r_factor(codec, loss, delay) == pytest.approx(r, abs=0.01)
