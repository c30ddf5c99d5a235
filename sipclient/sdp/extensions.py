"""RTP header extensions an m-line names: `a=extmap`. RFC 8285 §5."""

from __future__ import annotations

from sipclient.sdp.description import MediaDescription

# RFC 6464 §4. That of the m-line's mid (RFC 9143 §15.1) is declined: we would have to put it on our packets, for a
# browser that was promised it drops those without. With one stream a payload type says as much.
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

_OPPOSITE = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}


def extension_id(media: MediaDescription, uri: str) -> int | None:
    """The id under which this extension travels, None where it does not, or is switched off."""
    found = _extension(media, uri)
    return found[0] if found is not None and found[1] != "inactive" else None


def extension_line(media: MediaDescription, uri: str) -> list[str]:
    """Our answer to the m-line's use of this extension: the same id, the other direction."""
    found = _extension(media, uri)
    if found is None:
        return []
    number, direction = found
    return [f"a=extmap:{number}{f'/{_OPPOSITE[direction]}' if direction else ''} {uri}"]


def _extension(media: MediaDescription, uri: str) -> tuple[int, str] | None:
    for attribute in media.inherited_all("extmap"):
        words = attribute.value.split()
        if len(words) < 2 or words[1] != uri:
            continue
        number, _, direction = words[0].partition("/")
        # 1 to 14 fit the one-byte header, which every peer reads: RFC 8285 §4.2.
        if number.isascii() and number.isdigit() and 0 < int(number[:4]) < 15 and direction in ("", *_OPPOSITE):
            return int(number[:4]), direction
    return None
