"""What a session description is: text to SessionDescription and back, and offers and answers. No I/O."""

from sipclient.errors import MalformedDescription
from sipclient.sdp.agreement import Accepted, Answer, AudioStream, Capabilities, Reason, Refusal
from sipclient.sdp.codecs import PCMA, PCMU, TELEPHONE_EVENT, Codec, codec_named
from sipclient.sdp.compose import revise
from sipclient.sdp.description import (
    Attribute,
    Connection,
    Direction,
    MediaDescription,
    Origin,
    Payload,
    Rtcp,
    SessionDescription,
)
from sipclient.sdp.negotiate import negotiate
from sipclient.sdp.offer import accept, make_offer
from sipclient.sdp.parse import parse

__all__ = [
    "PCMA",
    "PCMU",
    "TELEPHONE_EVENT",
    "Accepted",
    "Answer",
    "Attribute",
    "AudioStream",
    "Capabilities",
    "Codec",
    "Connection",
    "Direction",
    "MalformedDescription",
    "MediaDescription",
    "Origin",
    "Payload",
    "Reason",
    "Refusal",
    "Rtcp",
    "SessionDescription",
    "accept",
    "codec_named",
    "make_offer",
    "negotiate",
    "parse",
    "revise",
]
