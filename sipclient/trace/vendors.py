"""Whose software wrote a message: by its Server or User-Agent, else by habits that no setting hides."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from sipclient.trace.entry import Entry

FREESWITCH, ASTERISK = "FreeSWITCH", "Asterisk"
_NAMED = (
    (re.compile(r"freeswitch|fusionpbx|signalwire", re.I), FREESWITCH),
    (re.compile(r"asterisk|fpbx|freepbx|issabel|sangoma|vitalpbx", re.I), ASTERISK),
    (re.compile(r"kamailio|openser", re.I), "Kamailio"),
    (re.compile(r"opensips", re.I), "OpenSIPS"),
    (re.compile(r"3cx", re.I), "3CX"),
    (re.compile(r"cisco|cucm", re.I), "Cisco"),
    (re.compile(r"audiocodes", re.I), "AudioCodes"),
    (re.compile(r"sip\.js", re.I), "SIP.js"),
    (re.compile(r"jssip", re.I), "JsSIP"),
    (re.compile(r"baresip", re.I), "baresip"),
    (re.compile(r"linphone|belle-sip", re.I), "linphone"),
    (re.compile(r"pjsua|pjsip", re.I), "pjsip"),
    (re.compile(r"yealink", re.I), "Yealink"),
    (re.compile(r"grandstream", re.I), "Grandstream"),
    (re.compile(r"polycom", re.I), "Poly"),
    (re.compile(r"snom", re.I), "snom"),
)
BROWSERS = frozenset({"SIP.js", "JsSIP"})
_PJSIP_NONCE = re.compile(r'nonce="\d{10}/[0-9a-f]{32}"')
_SOFIA_PARTY = re.compile(r";party=calling;(?:privacy=\w+;)?screen=\w+")
_HANGUP = re.compile(r"Q\.850;cause=\d+;text=\"[A-Z]+(?:_[A-Z]+)+\"")


class Vendor(msgspec.Struct, frozen=True):
    """A name, "" where nothing tells it, and what tells it."""

    name: str = ""
    because: str = ""
    called: str = ""  # what it calls itself

    def __str__(self) -> str:
        return self.name or self.called or "the peer"


def vendor_of(entry: Entry, others: Iterable[Entry] = ()) -> Vendor:
    """Who wrote this message; `others` are more messages of the same host."""
    called = entry.header("Server") or entry.header("User-Agent")
    for each in (entry, *others):
        text = each.header("Server") or each.header("User-Agent")
        called = called or text
        for pattern, name in _NAMED:
            if pattern.search(text):
                return Vendor(name, f"it calls itself {text[:60]}", text)
    for each in (entry, *others):
        name, habit = _habit(each)
        if name:
            also = f", though it calls itself {called[:60]}" if called else ""
            return Vendor(name, f"{habit}{also}", called)
    return Vendor(called=called[:60])


def _habit(entry: Entry) -> tuple[str, str]:
    session = entry.sdp_text[:400]
    if b"s=FreeSWITCH" in session or b"o=FreeSWITCH" in session:
        return FREESWITCH, "its SDP says FreeSWITCH"
    if b"s=Asterisk" in session:
        return ASTERISK, "its SDP says Asterisk"
    if entry.status:
        if _HANGUP.search(entry.header("Reason")):
            return FREESWITCH, "its Reason header names a hangup cause as FreeSWITCH does"
        if "talk, hold, conference" in entry.header("Allow-Events"):
            return FREESWITCH, "its Allow-Events are FreeSWITCH's"
        if _SOFIA_PARTY.search(entry.header("Remote-Party-ID")):
            return FREESWITCH, "its Remote-Party-ID is written as FreeSWITCH does"
        if _PJSIP_NONCE.search(entry.header("WWW-Authenticate")):
            return ASTERISK, "its nonce is made as Asterisk makes them"
    return "", ""
