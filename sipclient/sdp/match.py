"""What must hold of the peer's audio m-line, in an offer and in an answer alike."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sipclient.sdp.codecs import Codec
from sipclient.sdp.description import Connection, Direction, MediaDescription, Payload
from sipclient.sdp.reasons import OTHER, Reason

_SHOWN = 60  # characters of the peer's own that a reason repeats
_OPUS_TIMES = (60, 40, 20, 10)  # milliseconds that one opus frame can last: RFC 6716 §2.1.4


def address_fault(media: MediaDescription, family: str) -> Reason | None:
    """Why packets of our `family` (`IP4`, `IP6`) cannot go to where this m-line says, None where they can."""
    connection = media.connection
    if connection is None:
        return no_address(media)
    text = shown(connection.address)
    if connection.family != family:
        ours, theirs = family.replace("IP", "IPv"), connection.family.replace("IP", "IPv")
        return Reason(
            f"the audio is to go to an {theirs} address ({text}), and this side has {ours} only", connection.line
        )
    address = ip_address(connection.address, connection.family)
    if address is None:
        return Reason(f"{text} is no IP address: a name cannot be used here", connection.line)
    if address.is_multicast:
        return Reason(f"{text} is a multicast address: a call goes to one place", connection.line)
    return None


def no_address(media: MediaDescription) -> Reason:
    """The c= line is missing, or its address is."""
    for section in (media, media.session):
        for number, line in enumerate(section.lines, section.line):
            if line.startswith("c="):
                return Reason(f"the c= line has no address ({shown(line)})", number, OTHER)
    return Reason("there is no c= line with an address for the audio", media.line, OTHER)


def ip_address(text: str, family: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of this family that `text` is (no scope), None where it is none."""
    try:
        return ipaddress.IPv4Address(text) if family == "IP4" else ipaddress.IPv6Address(text.replace("%", "!"))
    except ValueError:
        return None


def their_direction(media: MediaDescription, ice: bool = False) -> Direction:
    """What the peer will do; with c=0.0.0.0 it wants to hear nothing (RFC 3264 §8.4), unless ICE is to find
    the address (RFC 8839 §4.2.1)."""
    direction = media.direction
    if ice:
        return direction
    connection = media.connection
    if connection is not None and connection.nowhere:
        return Direction.of(direction.sends, False)
    return direction


def our_direction(theirs: Direction, wanted: Direction) -> Direction:
    """What we will do of what we want, given what the peer does (RFC 3264 §6.1)."""
    return Direction.of(wanted.sends and theirs.receives, wanted.receives and theirs.sends)


def packet_time(media: MediaDescription, wanted: int, codec: Codec) -> int:
    """Milliseconds of sound in our packets: what the peer prefers, if it is 10 to 60 in whole tens, else
    `wanted`; never more than its maxptime, but for 10, below which nobody goes. Opus takes what one of its
    frames can last."""
    preferred = media.ptime or 0
    time = preferred if 10 <= preferred <= 60 and preferred % 10 == 0 else wanted
    most = media.maxptime
    if most is not None and time > most:
        time = max(10, most // 10 * 10)
    if codec.name == "opus":
        return next((lasting for lasting in _OPUS_TIMES if lasting <= time), 10)
    return time


def rtcp_destination(media: MediaDescription, host: str) -> tuple[str, int]:
    """Where RTCP goes: the rtcp attribute (RFC 3605), or the port above RTP's; port 0 where it goes nowhere."""
    rtcp = media.rtcp
    if rtcp is None:
        port = 0 if _unspecified(host) else (media.port + 1) % 65536
        return host, port
    usable = ip_address(rtcp.address, "IP6" if ":" in host else "IP4")
    to = rtcp.address if usable is not None and not usable.is_multicast else host
    return to, 0 if _unspecified(to) else rtcp.port


def _unspecified(host: str) -> bool:
    return Connection("", host, 0).nowhere


def codec_of(payload: Payload, codecs: Iterable[Codec]) -> Codec | None:
    """Which of these codecs a payload type of the peer's means."""
    for codec in codecs:
        if codec.is_called(payload.name, payload.clock, payload.channels):
            return codec
    return None


def named(payloads: Iterable[Payload]) -> str:
    """The codecs of an m-line in words: `G729 (18), opus (111)`."""
    words = [f"{payload.name or 'unknown'} ({payload.number})" for payload in payloads]
    return shown(", ".join(words)) if words else "none"


def shown(text: str) -> str:
    """The peer's own words, cut and without anything that could harm a terminal, a log or a header."""
    cut = text[: _SHOWN + 1]
    plain = "".join(character if " " <= character <= "~" and character not in '"\\' else "?" for character in cut)
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 3]}..."
