"""Several m-lines on one transport: which of them says where it is. RFC 9143."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sipclient.sdp.agreement import Capabilities
from sipclient.sdp.description import MediaDescription, SessionDescription
from sipclient.sdp.ice import Ice


def carrier_of(media: MediaDescription, description: SessionDescription) -> MediaDescription:
    """The m-line whose address, keys and candidates hold for this one: its own, unless it shares those of the first
    of its group from the start (RFC 9143 §7.1.3, §7.3.2; browsers under max-bundle).

    Then it has the other's credentials and no candidates of its own, or no address at all (`a=bundle-only`).
    """
    mid, first = media.value("mid"), _first(media, description)
    if first is None or not first.port or first.value("mid") == mid:
        return media
    if media.port == 0:
        return first if media.first("bundle-only") is not None else media
    ufrag = media.value("ice-ufrag")
    shares = bool(ufrag) and first.value("ice-ufrag") == ufrag and media.first("candidate") is None
    return first if shares else media


def _first(media: MediaDescription, description: SessionDescription) -> MediaDescription | None:
    """The tagged m-line of the group this one is in: RFC 9143 §7.1.1."""
    mid = media.value("mid")
    tag = next((bundle[0] for bundle in description.bundles if mid in bundle), "") if mid else ""
    return next((other for other in description.media if tag and other.value("mid") == tag), None)


def carriers(description: SessionDescription) -> list[MediaDescription]:
    """Of each audio that is on, the m-line that says where it is."""
    audio = ((media, carrier_of(media, description)) for media in description.media if media.kind == "audio")
    return [carrier for media, carrier in audio if media.port or carrier is not media]


def told_once(able: Capabilities) -> Capabilities:
    """For an m-line after the one that says where we are: its candidates are in that one only (RFC 9143 §7.1.3)."""
    if able.ice is None:
        return able
    return msgspec.structs.replace(able, ice=Ice(able.ice.ufrag, able.ice.pwd))


def idle_lines(media: MediaDescription, port: int, more: Sequence[str]) -> list[str]:
    """An m-line that is taken for its transport alone, on which nothing of its own ever travels: `more` says what
    transport that is."""
    kind, _, proto, *formats = media.lines[0][2:].split()
    lines = [f"m={kind} {port} {proto} {formats[0] if formats else '0'}"]
    lines += [f"a=rtpmap:{each.value}" for each in media.all("rtpmap") if each.value.split()[:1] == formats[:1]][:1]
    mid = media.value("mid")
    return [*lines, "a=inactive", *([f"a=mid:{mid}"] if mid else []), *more]
