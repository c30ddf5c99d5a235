"""Either side of a capture can be ours."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sipclient.trace import read, replay
from tests.trace.replaying.golden import CAPTURES

PCAPS = [path for path in CAPTURES if path.suffix == ".pcap"]


@pytest.mark.parametrize("path", PCAPS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_pbx_can_be_us_too(path: Path) -> None:
    trace = read(path)
    talks = Counter(record.source for record in trace.records)
    pbx, _ = talks.most_common(1)[0]
    outcome = replay(trace, us=str(pbx))
    assert outcome.summary.we == (str(pbx),)
    assert str(outcome) == str(replay(trace, us=str(pbx)))
    print(path.name, outcome.summary.verdicts)
