"""Any bytes give a message or MalformedMessage, as a datagram and as a stream, and every header is read.

Run: python tests/fuzz/fuzz_message.py -max_total_time=60 "$(mktemp -d)" tests/message/torture
(what it finds goes to the first directory, the second only gives it a start).
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from sipclient import message as sip

_PROPERTIES = [name for name, value in vars(sip.Message).items() if isinstance(value, property)]


def one(data: bytes) -> None:
    """One input: parsed, checked, each header read, written, parsed again; and framed whole and in halves."""
    sip.salvage(data)
    try:
        framed = sip.Framer().feed(data)
    except sip.MalformedMessage:
        pass
    else:
        halves = sip.Framer()
        middle = len(data) // 2
        again = halves.feed(data[:middle]) + halves.feed(data[middle:])
        if [frame for frame in again if frame.strip()] != [frame for frame in framed if frame.strip()]:
            raise RuntimeError("framing depends on where the stream is cut")
    try:
        message = sip.parse(data)
    except sip.MalformedMessage:
        return
    for read in (sip.check, *(lambda message, name=name: getattr(message, name) for name in _PROPERTIES)):
        try:
            read(message)
        except sip.MalformedMessage:
            continue
    if sip.parse(bytes(message)) != message:
        raise RuntimeError("the round trip loses something")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
