"""Any bytes are an RTP packet or MalformedPacket, and a packet's bytes are that packet.

Run: python tests/fuzz/fuzz_rtp.py -max_total_time=60
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from sipclient.media.rtp import MalformedPacket, parse_rtp


def one(data: bytes) -> None:
    """One datagram: parsed, written, parsed again."""
    try:
        packet = parse_rtp(data)
    except MalformedPacket:
        return
    if parse_rtp(bytes(packet)) != packet:
        raise RuntimeError("the round trip loses something")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
