"""What a description lacks that its kind must have: named one by one, for whoever has lost lines on the way."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.sdp.bundle import carrier_of
from sipclient.sdp.description import MediaDescription, SessionDescription
from sipclient.sdp.ice import broken_candidates, credential
from sipclient.sdp.match import no_address, shown
from sipclient.sdp.reasons import ATTRIBUTE, FORMAT, Reason

_ORDER = "vosiuepcbtrzkam"


def missing(description: SessionDescription) -> list[Reason]:
    """Every line that is missing, or has lost a part. RFC 8866 §5 for the session; what ICE and DTLS need
    (RFC 8839 §5.4, RFC 8842 §5.1) where an audio m-line uses them."""
    reasons = list(_of_session(description))
    for media in description.media:
        if media.kind == "audio":
            reasons += _of_way(carrier_of(media, description))
            reasons += _of_labels(media, description)
    return reasons


def _of_session(description: SessionDescription) -> Iterator[Reason]:
    lines = description.session.lines
    if not lines or not lines[0].startswith("v="):
        yield Reason("the v=0 line is missing: it begins a description", 1)
    origin = next((number for number, line in enumerate(lines, 1) if line.startswith("o=")), 0)
    if not origin:
        yield Reason("the o= line (whose session this is) is missing before this line", _place(description, "o"))
    elif description.origin is None:
        yield Reason(f"the o= line lacks a field, its address most likely ({shown(lines[origin - 1])})", origin)
    if not any(line.startswith("s=") for line in lines):
        text = "the s= line (the name of the session, s=-) is missing before this line"
        yield Reason(text, _place(description, "s"))
    if not any(line.startswith("t=") for line in lines):
        yield Reason("the t= line (the time, t=0 0) is missing before this line", _place(description, "t"))


def _place(description: SessionDescription, letter: str) -> int:
    """The line before which a line that is missing belongs: the first that comes after it (RFC 8866 §5)."""
    later = _ORDER[_ORDER.index(letter) + 1 :]
    numbers = (number for number, line in enumerate(description.lines, 1) if line[0] in later)
    return next(numbers, len(description.lines))


def _of_way(media: MediaDescription) -> Iterator[Reason]:
    """What the line that says where the audio is must say of it."""
    if media.connection is None:
        yield no_address(media)
    rtcp = media.first("rtcp")
    if rtcp is not None and len(rtcp.value.split()) not in (1, 4):
        yield Reason(f"the a=rtcp line has no address ({shown(rtcp.value)})", rtcp.line, ATTRIBUTE)
    candidates = media.first("candidate") is not None
    dtls = asks_dtls(media)
    if candidates or media.inherited("ice-ufrag") or media.inherited("ice-pwd"):
        yield from missing_credentials(media)
        for attribute in broken_candidates(media):
            text = f"the candidate has no address, or is none ({shown(attribute.value)})"
            yield Reason(text, attribute.line, ATTRIBUTE)
        if dtls and media.first("rtcp-mux") is None:
            yield Reason("the a=rtcp-mux line is missing: RTCP would need a path of its own", media.line, ATTRIBUTE)
    if dtls:
        if media.inherited("fingerprint") is None:
            yield no_fingerprint(media)
        if media.inherited("setup") is None:
            text = "the a=setup line is missing: nobody knows who begins the DTLS handshake"
            yield Reason(text, media.line, ATTRIBUTE)


def _of_labels(media: MediaDescription, description: SessionDescription) -> Iterator[Reason]:
    named = {other.value("mid") for other in description.media}
    lost = [mid for bundle in description.bundles for mid in bundle if mid not in named]
    if lost and not media.value("mid"):
        text = f"the a=mid line is missing: a=group:BUNDLE names {shown(' '.join(lost))}"
        yield Reason(text, media.line, ATTRIBUTE)
    for attribute in media.all("extmap"):
        words = attribute.value.split()
        if len(words) < 2 or ":" not in words[1]:
            text = f"the a=extmap line has lost the URI of its extension ({shown(attribute.value)})"
            yield Reason(text, attribute.line, ATTRIBUTE)
    unknown = [str(payload.number) for payload in media.payloads if not payload.name]
    if unknown:
        text = f"no a=rtpmap line says what {shown(', '.join(unknown))} means"
        yield Reason(text, media.line, FORMAT)


def asks_dtls(media: MediaDescription) -> bool:
    """Whether its writer wants DTLS-SRTP, by its profile or by its certificate."""
    return "TLS" in media.proto or media.inherited("fingerprint") is not None


def no_fingerprint(media: MediaDescription) -> Reason:
    """The certificate that nobody can check."""
    text = "the a=fingerprint line is missing: without it the certificate of DTLS-SRTP cannot be checked"
    return Reason(text, media.line, ATTRIBUTE)


def missing_credentials(media: MediaDescription) -> list[Reason]:
    """The credentials of ICE that are not there."""
    return [
        Reason(f"the a={name} line is missing: ICE cannot check any path", media.line, ATTRIBUTE)
        for name in ("ice-ufrag", "ice-pwd")
        if not credential(media, name)
    ]
