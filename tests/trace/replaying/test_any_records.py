"""Whatever the records hold, a replay says what it makes of them, soon."""

from __future__ import annotations

import time
from random import Random

import msgspec
import pytest

from sipclient.trace import Record, TraceError, read, replay
from tests.trace.replaying.golden import TRACES

SAMPLES = [
    TRACES / "asterisk" / "register-digest.pcap",
    TRACES / "asterisk" / "subscribe-notify.pcap",
    TRACES / "freeswitch" / "02-queue-echo-refer.pcap",
    TRACES / "freeswitch" / "03-wss-opus.txt",
]
SPOILT = [b"", b" ;;;", b' "', b" <", b" 99999999999999999999", b" \xff\xfe", b" Digest ", b" *"]


def spoilt(record: Record, others: list[Record], dice: Random) -> Record:
    """The record with one thing wrong."""
    data = bytearray(record.data)
    lines = record.data.split(b"\r\n")
    place = dice.randrange(len(lines))
    match dice.randrange(7):
        case 0:
            data[dice.randrange(len(data))] = dice.randrange(256)
        case 1:
            start = dice.randrange(len(data))
            del data[start : start + dice.randint(1, 40)]
        case 2:
            data = bytearray(b"\r\n".join(lines[:place] + lines[place + 1 :]))
        case 3:
            head, colon, _ = lines[place].partition(b":")
            data = bytearray(b"\r\n".join([*lines[:place], head + colon + dice.choice(SPOILT), *lines[place + 1 :]]))
        case 4:
            return msgspec.structs.replace(record, at=dice.choice([0.0, -1e9, 1e18, float("inf"), float("nan")]))
        case 5:
            return msgspec.structs.replace(record, source=record.destination, destination=record.source)
        case 6:
            return dice.choice(others)
    return msgspec.structs.replace(record, data=bytes(data))


@pytest.mark.parametrize("seed", range(40))
def test_records_with_something_wrong_replay_or_are_refused_in_a_sentence(seed: int) -> None:
    dice = Random(seed)
    records = list(read(SAMPLES[seed % len(SAMPLES)]).records[:60])
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(records))
        records[place] = spoilt(records[place], records, dice)
    began = time.process_time()
    try:
        outcome = replay(records)
    except TraceError as error:
        assert "\n" not in str(error)
    else:
        assert str(outcome) == str(replay(records)) and outcome.objects()[-1]["kind"] == "summary"
    assert time.process_time() - began < 10


def test_a_silence_of_years_is_cut() -> None:
    first, *rest = read(SAMPLES[0]).records
    outcome = replay([first, *(msgspec.structs.replace(each, at=each.at + 1e9) for each in rest)])
    assert "1 silences of more than 2 hours are cut to that" in outcome.summary.inferred
