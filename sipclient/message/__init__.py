"""What a SIP message is: bytes to Request or Response and back, with the headers read on demand."""

from __future__ import annotations

from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.message.address import NameAddr, parse_name_addr, parse_name_addrs
from sipclient.message.check import check
from sipclient.message.framer import PING, PONG, Framer, FramingLost
from sipclient.message.headers import Headers
from sipclient.message.limits import DEFAULT, Limits
from sipclient.message.message import Message, Request, Response
from sipclient.message.names import canonical, check_call_id, check_header_name, check_header_value, is_token
from sipclient.message.parser import parse, salvage
from sipclient.message.reasons import REASONS, reason_phrase
from sipclient.message.text import Params, quote, split_commas, unquote
from sipclient.message.uri import OtherUri, SipUri, TelUri, Uri, parse_uri
from sipclient.message.values import Challenge, Credentials, RAck, Reason, Replaces, parse_replaces
from sipclient.message.via import CSeq, Via, parse_cseq, parse_via

__all__ = [
    "DEFAULT",
    "PING",
    "PONG",
    "REASONS",
    "CSeq",
    "Challenge",
    "Credentials",
    "Framer",
    "FramingLost",
    "Headers",
    "InvalidValue",
    "Limits",
    "MalformedMessage",
    "Message",
    "NameAddr",
    "OtherUri",
    "Params",
    "RAck",
    "Reason",
    "Replaces",
    "Request",
    "Response",
    "SipUri",
    "TelUri",
    "Uri",
    "Via",
    "canonical",
    "check",
    "check_call_id",
    "check_header_name",
    "check_header_value",
    "is_token",
    "parse",
    "parse_cseq",
    "parse_name_addr",
    "parse_name_addrs",
    "parse_replaces",
    "parse_uri",
    "parse_via",
    "quote",
    "reason_phrase",
    "salvage",
    "split_commas",
    "unquote",
]
