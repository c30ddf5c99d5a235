"""Descriptions of our own: the lines, in the order RFC 8866 §5 gives them, and their o= version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sipclient.sdp.agreement import Capabilities
from sipclient.sdp.codecs import Codec
from sipclient.sdp.description import Direction, MediaDescription, SessionDescription

_VERSION = re.compile(r"\d{1,20}", re.ASCII)


def describe(capabilities: Capabilities, timing: str, media: Iterable[Sequence[str]]) -> SessionDescription:
    """A description with these m-lines, each with the lines that belong to it."""
    where = f"IN {capabilities.family} {capabilities.address}"
    session = (
        "v=0",
        f"o=- {capabilities.session_id} {capabilities.version} {where}",
        "s=-",
        f"c={where}",
        f"t={timing}",
    )
    return SessionDescription((*session, *(line for section in media for line in section)))


def audio_lines(
    capabilities: Capabilities,
    proto: str,
    payloads: Sequence[tuple[int, Codec]],
    direction: Direction,
    ptime: int,
) -> list[str]:
    """Our audio m-line with its attributes. Each payload type has its rtpmap, the static ones too."""
    numbers = " ".join(str(number) for number, _ in payloads)
    lines = [f"m=audio {capabilities.port} {proto} {numbers}"]
    for number, codec in payloads:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(f"a=rtpmap:{number} {codec.name}/{codec.clock}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{number} {codec.fmtp}")
    if capabilities.rtcp_port not in (0, capabilities.port + 1):
        lines.append(f"a=rtcp:{capabilities.rtcp_port}")
    return [*lines, f"a=ptime:{ptime}", f"a={direction}"]


def refused_lines(media: MediaDescription) -> list[str]:
    """An m-line kept in its place with port 0: how a stream is refused or ended (RFC 3264 §6, §8.2)."""
    kind, _, proto, *formats = media.lines[0][2:].split()
    return [f"m={kind} 0 {proto} {formats[0] if formats else '0'}"]


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
