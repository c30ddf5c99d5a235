"""What encryption costs: CPU for each packet and suite, a DTLS handshake, a WebRTC call up to its first sound."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime

from sipclient.media import RtpEngine, RtpSession
from sipclient.media.certificate import Certificate
from sipclient.media.handshake import Handshake
from sipclient.media.rtp import Packetizer
from sipclient.media.suites import SUITES, Suite, open_context


def packets(count: int) -> list[bytes]:
    """As G.711 at 20 ms makes them."""
    made = Packetizer(77, 1, 1)
    return [bytes(made.packet(0, b"\x55" * 160, 160, 0.02 * each)) for each in range(count)]


def suite_cost(suite: Suite, count: int) -> tuple[float, float]:
    """Microseconds of CPU to protect a packet, and to unprotect it."""
    key = bytes(range(suite.key + suite.salt))
    sender, taker, plain = open_context(suite, key, True), open_context(suite, key, False), packets(count)
    began = time.process_time()
    sealed = [sender.protect(each) for each in plain]
    between = time.process_time()
    for each in sealed:
        taker.unprotect(each)
    return (between - began) / count * 1e6, (time.process_time() - between) / count * 1e6


def handshake_cost(certificate: Certificate) -> float:
    """Milliseconds of CPU for one handshake, both ends together."""
    began = time.process_time()
    ours, theirs = (Handshake(certificate, active, (certificate.fingerprint,)) for active in (True, False))
    out, sides = ours.begin(), (theirs, ours)
    while out:
        out = [answer for each in out for answer in sides[0].receive(each)]
        sides = sides[::-1]
    if ours.keys is None or theirs.keys is None:
        raise SystemExit("the handshake failed")
    return (time.process_time() - began) * 1000


async def set_up(engine: RtpEngine) -> float:
    """Milliseconds from an offer to the first packet heard on both sides: ICE, DTLS, and 20 ms of ticker."""
    began = time.perf_counter()
    a, b = (RtpSession("127.0.0.1", kind="webrtc", engine=engine) for _ in range(2))
    await a.apply(await b.answer(await a.offer()))
    while not (a.stream and b.stream and a.stream.stats.received and b.stream.stats.received):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    took = (time.perf_counter() - began) * 1000
    await a.close()
    await b.close()
    return took


async def set_ups(count: int) -> float:
    """The median of so many."""
    engine = RtpEngine(asyncio.get_running_loop())
    return statistics.median([await set_up(engine) for _ in range(count)])


def report(count: int = 20000, rounds: int = 5) -> dict[str, float]:
    """Measure and print; medians."""
    found = {}
    for name, suite in SUITES.items():
        costs = [suite_cost(suite, count) for _ in range(rounds)]
        protect, unprotect = (statistics.median(each) for each in zip(*costs, strict=True))
        print(f"  {name:<26}{protect:6.1f} µs to protect{unprotect:8.1f} µs to unprotect")
        found[name] = protect + unprotect
    certificate = Certificate(datetime.now(UTC))
    found["handshake"] = statistics.median(handshake_cost(certificate) for _ in range(max(3, count // 200)))
    print(f"  DTLS handshake, both ends {found['handshake']:6.1f} ms of CPU")
    found["set-up"] = asyncio.run(set_ups(max(2, count // 1000)))
    print(f"  WebRTC call to first sound{found['set-up']:6.0f} ms on loopback")
    return found


if __name__ == "__main__":
    report()
