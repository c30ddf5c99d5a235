"""Offers as real PBXs make them, and short ways to one of our own making and to what becomes of it."""

from __future__ import annotations

import msgspec

from sipclient.sdp import Answer, Capabilities, Refusal, SessionDescription, negotiate, parse

OURS = Capabilities("192.0.2.9", 5000, session_id=42)
OURS6 = msgspec.structs.replace(OURS, address="2001:db8::9")
HEAD = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0")

# Asterisk 22.10.1, an INVITE to a queue's agent, as captured.
ASTERISK = (
    "v=0",
    "o=- 581682313 581682313 IN IP4 127.0.0.1",
    "s=Asterisk",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=audio 20492 RTP/AVP 0 8 101",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
    "a=maxptime:140",
    "a=sendrecv",
)
# FreeSWITCH 1.10.12, an INVITE to an agent, as captured.
FREESWITCH = (
    "v=0",
    "o=FreeSWITCH 1795375645 1795375646 IN IP4 127.0.0.1",
    "s=FreeSWITCH",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=audio 21460 RTP/AVP 0 101 13",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=rtpmap:13 CN/8000",
    "a=ptime:20",
)


def text(*lines: str) -> SessionDescription:
    return parse("\r\n".join((*lines, "")))


def offer(*lines: str) -> SessionDescription:
    return text(*HEAD, *lines)


def answered(description: SessionDescription, capabilities: Capabilities = OURS) -> Answer:
    result = negotiate(description, capabilities)
    assert isinstance(result, Answer), result
    return result


def refused(description: SessionDescription, capabilities: Capabilities = OURS) -> Refusal:
    result = negotiate(description, capabilities)
    assert isinstance(result, Refusal), result
    return result
