"""Read an offer and answer it, against the reading alone of aiosipua and sdp-transform."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from procs import spread

from sipclient.sdp import Answer, Capabilities, negotiate, parse

ROWS = Path(__file__).resolve().parent.parent / "tests" / "sdp" / "rows"
# Offers as captured: a telephone's side of Asterisk's queue, and Chromium's with all its candidates.
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)
OFFERS = {
    "Asterisk, plain RTP": ("asterisk.txt", "an INVITE to an agent of a queue", Capabilities("192.0.2.9", 5000)),
    "Chromium, WebRTC": (
        "chromium.txt",
        "audio, all candidates gathered",
        Capabilities.webrtc("192.0.2.9", 5000, 1, FINGERPRINT, "ours", "ourpasswordourpassword"),
    ),
}


def offer(file: str, name: str) -> str:
    """The offer of a row of tests/sdp/rows."""
    text = (ROWS / file).read_text(encoding="utf-8")
    row = text.split(f"\n== {name}\n", 1)[1]
    return row.split("-- offer\n", 1)[1].split("\n-- ", 1)[0].replace("\n", "\r\n") + "\r\n"


def readers(text: str, able: Capabilities) -> dict[str, Callable[[], object]]:
    """What is compared, on one offer. Ours reads the lines, and what they say when somebody asks."""
    import sdp_transform
    from aiosipua import parse_sdp

    def answered() -> Answer:
        result = negotiate(parse(text), able)
        if not isinstance(result, Answer):
            raise ValueError(str(result))
        return result

    return {
        "sipclient, read and answered": answered,
        "sipclient, read": lambda: parse(text),
        "aiosipua, read": lambda: parse_sdp(text),
        "sdp-transform, read": lambda: sdp_transform.parse(text),
    }


def report(count: int = 2000, rounds: int = 5) -> dict[str, float]:
    """Measure and print; gives the CPU µs of answering each offer."""
    costs = {}
    for name, (file, row, able) in OFFERS.items():
        print(f"\n{name}: CPU µs ({rounds} rounds of {count})")
        for what, run in readers(offer(file, row), able).items():
            values = [_cost(run, count) for _ in range(rounds)]
            print(f"  {what:<30} {median(values):8.1f}   ({spread(values)})")
            if what == "sipclient, read and answered":
                costs[name] = median(values)
    return costs


def _cost(run: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        run()
    return (time.process_time() - began) / count * 1e6


if __name__ == "__main__":
    report(*(int(argument) for argument in sys.argv[1:]))
