"""Any packets at any time: an engine in the middle of everything survives them, and forgets them in the end.

The engine is registered, watches, and is in calls both ways; the input is a list of packets, each a message that
means something there, changed as the input says, or bytes of its own.

Run: python tests/fuzz/fuzz_agent.py -max_total_time=60
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

_TESTS = str(Path(__file__).resolve().parent.parent)
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

with atheris.instrument_imports(include=["sipclient"]):
    from robustness.busy import Busy
    from robustness.common import SERVER, STRANGER

    from sipclient.protocol.events import Flow, Packet, RemoveAccount

_SOURCES = ((SERVER, 5060), (SERVER, 5060), (SERVER, 5999), (STRANGER, 5060))
MOST = 12  # packets


class Input:
    """Numbers and bytes, drawn from the input until it is used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def __bool__(self) -> bool:
        return self._place < len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._place : self._place + count]
        self._place += count
        return taken

    def number(self, most: int) -> int:
        size = 1 if most < 256 else 2
        return int.from_bytes(self.take(size), "big") % (most + 1)


def packet(input: Input, seeds: list[bytes]) -> bytes:
    """A seed with up to three splices, or (one kind in sixteen) bytes as they come."""
    kind = input.number(255)
    if kind < 16:
        return input.take(input.number(600))
    data = bytearray(seeds[input.number(len(seeds) - 1)])
    for _ in range(kind % 4):
        place = input.number(max(len(data) - 1, 0))
        data[place : place + input.number(12)] = input.take(input.number(12))
    return bytes(data)


def one(data: bytes) -> None:
    """Packets, with time between them; then the account leaves, and nothing may be left of it."""
    input, busy = Input(data), Busy(seed=1)
    seeds = busy.seeds()
    for _ in range(MOST):
        if not input:
            break
        host, port = _SOURCES[input.number(3)]
        flow = Flow(("udp", "udp", "udp", "tcp")[input.number(3)], busy.robot.host, 5060, host, port)
        agent = busy.robot.agent
        busy.wire.perform(busy.robot, agent.receive(Packet(flow, packet(input, seeds)), busy.wire.now))
        busy.wire.run(input.number(255) / 50)
    busy.robot.do(RemoveAccount("pbx"))
    busy.wire.run(300)
    if not busy.robot.agent.idle:
        raise RuntimeError(f"something is left: {busy.robot.agent!r}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
