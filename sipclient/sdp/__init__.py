"""What a session description is: text to SessionDescription and back, and offers and answers. No I/O."""

from sipclient.errors import MalformedDescription
from sipclient.sdp.agreement import WEBRTC_CODECS, Accepted, Answer, AudioStream, Capabilities, Wants
from sipclient.sdp.codecs import CN, G722, L16, OPUS, PCMA, PCMU, TELEPHONE_EVENT, Codec, codec_named
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
from sipclient.sdp.ice import Candidate, Ice
from sipclient.sdp.lint import lint
from sipclient.sdp.negotiate import negotiate, wants
from sipclient.sdp.offer import accept, make_offer
from sipclient.sdp.parse import parse
from sipclient.sdp.reasons import Reason, Refusal
from sipclient.sdp.security import CryptoKey, Dtls, Fingerprint, Security, Setup

__all__ = [
    "CN",
    "G722",
    "L16",
    "OPUS",
    "PCMA",
    "PCMU",
    "TELEPHONE_EVENT",
    "WEBRTC_CODECS",
    "Accepted",
    "Answer",
    "Attribute",
    "AudioStream",
    "Candidate",
    "Capabilities",
    "Codec",
    "Connection",
    "CryptoKey",
    "Direction",
    "Dtls",
    "Fingerprint",
    "Ice",
    "MalformedDescription",
    "MediaDescription",
    "Origin",
    "Payload",
    "Reason",
    "Refusal",
    "Rtcp",
    "Security",
    "SessionDescription",
    "Setup",
    "Wants",
    "accept",
    "codec_named",
    "lint",
    "make_offer",
    "negotiate",
    "parse",
    "revise",
    "wants",
]
