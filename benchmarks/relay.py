"""Bridged calls: CPU time of the bridging process for each packet, relayed and transcoded, against the floor.

Arguments: calls at once, seconds of each measurement, contestants (all, if none is named).
"""

from __future__ import annotations

import json
import math
import socket
import sys
import time
from array import array
from contextlib import suppress

from procs import script
from pylibsrtp import Policy, Session
from relay_server import CODECS, HOST, KEY

from sipclient.media.codecs import encoder
from sipclient.media.rtp import pack_header

INTERVAL = 0.02
SLICES = 20  # of an interval: packets do not come all at once
WARM = 1.0  # seconds
RELAYED = (
    ("floor", "uvloop"),
    ("floor", "asyncio"),
    ("PCMU-PCMU", "uvloop"),
    ("PCMU-PCMU", "asyncio"),
    ("PCMU-PCMA", "uvloop"),
    ("srtp:PCMU-PCMU", "uvloop"),
)
TRANSCODED = (("PCMU-L16", "uvloop"), ("PCMU-G722", "uvloop"), ("PCMU-opus", "uvloop"))
FEW = 30  # calls that are transcoded: fewer fit


class Phones:
    """The far ends of all calls: each sends a packet every 20 ms, and counts what comes."""

    def __init__(self, calls: int, names: list[str], encrypted: bool) -> None:
        self.sockets = [self._socket() for _ in range(2 * calls)]
        self.ports: list[int] = [bound.getsockname()[1] for bound in self.sockets]
        self.sent = self.heard = 0
        self._payloads = [payloads(name) for name in names]
        self._numbers = [CODECS[name][0] for name in names]
        self._ticks = [CODECS[name][1].clock // 50 for name in names]
        self._turn = 0
        self._sessions = [_session() for _ in range(calls)] if encrypted else []

    @staticmethod
    def _socket() -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((HOST, 0))
        bound.setblocking(False)
        return bound

    def talk(self, ports: list[int], seconds: float) -> None:
        """So long, in real time."""
        share = math.ceil(len(ports) / SLICES)
        at = time.monotonic()
        for _ in range(round(seconds / INTERVAL)):
            self._turn += 1
            for first in range(0, len(ports), share):
                for n in range(first, min(first + share, len(ports))):
                    self._say(n, ports[n])
                at += INTERVAL * share / len(ports)
                time.sleep(max(0.0, at - time.monotonic()))

    def _say(self, n: int, port: int) -> None:
        turn, side = self._turn, n % 2
        said = self._payloads[side]
        head = pack_header(0x80, self._numbers[side], turn & 0xFFFF, turn * self._ticks[side] & 0xFFFFFFFF, n + 1)
        packet = head + said[turn % len(said)]
        if self._sessions and not side:
            packet = self._sessions[n // 2].protect(packet)
        self.sockets[n].sendto(packet, (HOST, port))
        self.sent += 1
        with suppress(BlockingIOError):
            while True:
                self.sockets[n].recv(2048)
                self.heard += 1

    def close(self) -> None:
        for bound in self.sockets:
            bound.close()


def _session() -> Session:
    return Session(Policy(KEY.key, Policy.SSRC_ANY_OUTBOUND, Policy.SRTP_PROFILE_AES128_CM_SHA1_80))


def payloads(name: str) -> list[bytes]:
    """A second of a tone."""
    coder = encoder(CODECS[name][1])
    rate = coder.rate
    pcm = array("h", [round(8000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)]).tobytes()
    step = 2 * rate // 50
    return [coder.encode(pcm[at : at + step]) for at in range(0, len(pcm), step)]


def measure(contestant: str, loop: str, calls: int, seconds: float) -> tuple[float, float]:
    """CPU µs for each packet that was bridged, and the share of packets that arrived."""
    secured, _, names = contestant.rpartition(":")
    phones = Phones(calls, ["PCMU", "PCMU"] if contestant == "floor" else names.split("-"), bool(secured))
    try:
        with script("relay_server.py", contestant, loop) as server:
            ports: list[int] = json.loads(server.ask(json.dumps(phones.ports), "ports"))
            phones.talk(ports, WARM)
            heard, sent, before = phones.heard, phones.sent, server.cpu()
            phones.talk(ports, seconds)
            used, bridged = server.cpu() - before, phones.heard - heard
            return used / bridged * 1e6, bridged / (phones.sent - sent)
    finally:
        phones.close()


def report(calls: int = 200, seconds: float = 5.0, *contestants: str) -> dict[str, float]:
    """Measure, print, and give the µs of each."""
    print(f"\nBridged calls, CPU µs of the process for each packet ({seconds:.0f} s, 100 packets a second and call)")
    found = {}
    for contestant, loop in RELAYED + TRANSCODED:
        if contestants and contestant not in contestants:
            continue
        many = calls if (contestant, loop) in RELAYED else min(calls, FEW)
        cost, arrived = measure(contestant, loop, many, seconds)
        found[f"{contestant} {loop}"] = cost
        print(
            f"  {contestant:<14} {loop:<8} {many:4d} calls  {cost:7.1f} µs  {1e6 / cost / 100:6.0f} calls a core"
            f"   {100 * arrived:5.1f} % arrived",
            flush=True,
        )
    return found


if __name__ == "__main__":
    numbers = [float(each) for each in sys.argv[1:3]]
    report(int(numbers[0]) if numbers else 200, numbers[1] if len(numbers) > 1 else 5.0, *sys.argv[3:])
