"""Descriptions of our own: the lines, in the order RFC 8866 §5 gives them, and their o= version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sipclient.sdp.agreement import Capabilities
from sipclient.sdp.codecs import Codec
from sipclient.sdp.description import Direction, MediaDescription, SessionDescription

_VERSION = re.compile(r"\d{1,20}", re.ASCII)


def describe(
    capabilities: Capabilities, timing: str, media: Iterable[Sequence[str]], bundled: str = ""
) -> SessionDescription:
    """A description with these m-lines, each with the lines that belong to it. `bundled` is the mid of the one
    that is taken into a BUNDLE group (RFC 9143 §7.3)."""
    where = f"IN {capabilities.family} {capabilities.address}"
    session = [
        "v=0",
        f"o=- {capabilities.session_id} {capabilities.version} {where}",
        "s=-",
        f"c={where}",
        f"t={timing}",
    ]
    if bundled:
        session.append(f"a=group:BUNDLE {bundled}")
    return SessionDescription((*session, *(line for section in media for line in section)))


def audio_lines(
    capabilities: Capabilities,
    proto: str,
    payloads: Sequence[tuple[int, Codec]],
    direction: Direction,
    ptime: int,
    more: Sequence[str] = (),
) -> list[str]:
    """Our audio m-line with its attributes, `more` of them at the end. Each payload type has its rtpmap, the
    static ones too."""
    numbers = " ".join(str(number) for number, _ in payloads)
    lines = [f"m=audio {capabilities.port} {proto} {numbers}"]
    for number, codec in payloads:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(f"a=rtpmap:{number} {codec.name}/{codec.clock}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{number} {codec.fmtp}")
    if capabilities.rtcp_port not in (0, capabilities.port + 1):
        lines.append(f"a=rtcp:{capabilities.rtcp_port}")
    return [*lines, f"a=ptime:{ptime}", f"a={direction}", *more]


def source_lines(capabilities: Capabilities) -> list[str]:
    """Who sends, in the words of WebRTC: RFC 5576 §4.1, RFC 8830 §2."""
    lines = []
    if capabilities.stream_id:
        lines.append(f"a=msid:{capabilities.stream_id} audio")
    if capabilities.ssrc:
        lines.append(f"a=ssrc:{capabilities.ssrc} cname:{capabilities.cname or '-'}")
    return lines


def refused_lines(media: MediaDescription) -> list[str]:
    """An m-line kept in its place, and under its name, with port 0: how a stream is refused or ended
    (RFC 3264 §6, §8.2; RFC 5888 §9.1)."""
    kind, _, proto, *formats = media.lines[0][2:].split()
    mid = media.value("mid")
    line = f"m={kind} 0 {proto} {formats[0] if formats else '0'}"
    return [line, f"a=mid:{mid}"] if mid else [line]


def revise(previous: SessionDescription, description: SessionDescription) -> SessionDescription:
    """Our next description after `previous`, which we sent: the same session, and a version one higher if
    anything else changed; `previous` itself if nothing did (RFC 3264 §8)."""
    if _without_origin(previous) == _without_origin(description):
        return previous
    before, now = previous.origin, description.origin
    if before is None or now is None or _VERSION.fullmatch(before.version) is None:
        return description
    origin = f"o={before.username} {before.session_id} {int(before.version) + 1} IN {now.family} {now.address}"
    return SessionDescription(tuple(origin if line.startswith("o=") else line for line in description.lines))


def _without_origin(description: SessionDescription) -> list[str]:
    return [line for line in description.lines if not line.startswith("o=")]
