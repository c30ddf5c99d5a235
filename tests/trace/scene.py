"""Traces told in a few lines: who sends what to whom, and when."""

from __future__ import annotations

from sipclient.trace import Address, Record, Trace
from sipclient.trace.record import MediaStream

PLACES = {"phone": "192.0.2.1", "pbx": "192.0.2.2", "trunk": "192.0.2.3", "nat": "203.0.113.9", "home": "192.168.1.20"}


def say(
    at: float,
    way: str,
    start: str,
    *headers: str,
    call: str = "c1",
    cseq: str = "",
    branch: str = "",
    tags: str = "f",
    sdp: str = "",
    body: str = "",
    via: str = "",
) -> Record:
    """One message: `way` is `phone>pbx` (names of PLACES, a port may follow), `tags` the From tag and, after a comma,
    the To tag."""
    (source, sport), (target, tport) = (_end(each) for each in way.split(">"))
    method = start.split()[0]
    cseq = cseq or f"1 {method if method != 'SIP/2.0' else 'INVITE'}"
    response = start.startswith("SIP/2.0")
    sender = (target, tport) if response else (source, sport)
    branch = branch or f"{call}.{cseq}".replace(" ", "")
    from_tag, _, to_tag = tags.partition(",")
    text = sdp.strip().replace("\n", "\r\n") + "\r\n" if sdp else body
    kind = ["Content-Type: application/sdp"] if sdp else []
    lines = [
        start if response or "SIP/2.0" in start else f"{start} SIP/2.0",
        f"Via: SIP/2.0/UDP {via or f'{sender[0]}:{sender[1]};rport'};branch=z9hG4bK{branch}",
        f"From: <sip:1001@pbx.example.com>;tag={from_tag}",
        f"To: <sip:7000@pbx.example.com>{f';tag={to_tag}' if to_tag else ''}",
        f"Call-ID: {call}",
        f"CSeq: {cseq}",
        *headers,
        *kind,
        f"Content-Length: {len(text.encode())}",
    ]
    data = ("\r\n".join(lines) + "\r\n\r\n" + text).encode()
    return Record(data, at, "wall", "", "UDP", Address(source, sport), Address(target, tport), line=1)


def _end(text: str) -> tuple[str, int]:
    name, _, port = text.partition(":")
    return PLACES.get(name, name), int(port or 5060)


def again(record: Record, at: float) -> Record:
    """The same packet, later."""
    return Record(record.data, at, record.clock, record.direction, record.transport, record.source, record.destination)


def trace(*records: Record, streams: tuple[MediaStream, ...] = ()) -> Trace:
    """Of these messages."""
    return Trace("pcap", records, (), streams)


def audio(*lines: str, proto: str = "RTP/AVP", formats: str = "0 8 101", address: str = "192.0.2.1", port: int = 4000,
          connection: str = "") -> str:  # fmt: skip
    """A description with one audio line."""
    maps = {"0": "PCMU/8000", "8": "PCMA/8000", "18": "G729/8000", "101": "telephone-event/8000", "111": "opus/48000/2",
            "110": "telephone-event/48000", "9": "G722/8000", "97": "iLBC/8000"}  # fmt: skip
    family = "IP6" if ":" in address else "IP4"
    return "\n".join([
        "v=0", f"o=- 4711 1 IN {family} {address}", "s=-", connection or f"c=IN {family} {address}", "t=0 0",
        f"m=audio {port} {proto} {formats}", *(f"a=rtpmap:{each} {maps[each]}" for each in formats.split()), *lines,
    ])  # fmt: skip
