"""Parse a message and read five typed headers: ours against aiosipua's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from procs import spread

from sipclient.message import parse

# What one peer sends: its addresses are the same in each, whatever identifies a message is not.
DIFFERENT = 2000
INVITE = (
    b"INVITE sip:robot@192.0.2.7:5062;transport=udp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKPjf223abb-7ea3-40c4-9269-%012d\r\n"
    b'From: "Ext 1001 is free" <sip:1001@192.0.2.10>;tag=95bc6b45-4ba3-4931-afae-%012d\r\n'
    b"To: <sip:robot@192.0.2.7;ob>\r\n"
    b"Contact: <sip:asterisk@192.0.2.10:5060>\r\n"
    b"Call-ID: 8a7d9c34-8d0c-4b5c-9d0e-%012d\r\n"
    b"CSeq: %d INVITE\r\n"
    b"Allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, MESSAGE\r\n"
    b"Supported: 100rel, timer, replaces, norefersub, histinfo\r\n"
    b"Session-Expires: 1800\r\n"
    b"Min-SE: 90\r\n"
    b'P-Asserted-Identity: "Ext 1001 is free" <sip:1001@192.0.2.10>\r\n'
    b"Max-Forwards: 70\r\n"
    b"User-Agent: Asterisk PBX 22.10.1\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 0\r\n\r\n"
)
INVITES = [INVITE % (number, number, number, 17098 + number) for number in range(DIFFERENT)]


def ours(data: bytes) -> tuple[Any, ...]:
    message = parse(data)
    return message.via, message.from_, message.to, message.cseq, message.contacts


def theirs() -> Callable[[bytes], tuple[Any, ...]]:
    from aiosipua import SipMessage

    def read(data: bytes) -> tuple[Any, ...]:
        message = SipMessage.parse(data)
        return message.via, message.from_addr, message.to_addr, message.cseq, message.contact

    return read


def cost(read: Callable[[bytes], tuple[Any, ...]], count: int) -> float:
    """CPU µs a message."""
    messages = (INVITES * (count // DIFFERENT + 1))[:count]
    before = time.process_time()
    for message in messages:
        read(message)
    return (time.process_time() - before) / count * 1e6


def report(count: int = 5000, rounds: int = 5) -> float:
    """Measure, print, and give the ratio."""
    other = theirs()
    for read in (ours, other):
        if any(value is None for value in read(INVITES[0])):
            raise ValueError("a header was not read")
        cost(read, count // 10 + 1)
    found = {"sipclient": [0.0] * rounds, "aiosipua": [0.0] * rounds}
    for index in range(rounds):
        found["sipclient"][index] = cost(ours, count)
        found["aiosipua"][index] = cost(other, count)
    ratio = median(found["aiosipua"]) / median(found["sipclient"])
    print(f"\nParse an INVITE and read Via, From, To, CSeq, Contact, CPU µs ({rounds} rounds of {count})")
    for name, values in found.items():
        print(f"  {name:<18} {median(values):8.1f}   ({spread(values)})")
    print(f"  {'ratio':<18} {ratio:8.2f} × aiosipua")
    return ratio


if __name__ == "__main__":
    report(*map(int, sys.argv[1:]))
