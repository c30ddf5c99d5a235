"""Why an offer was refused with 488, 606 or 415: one function a cause, in the order in which they are likely.

Each takes a refusal and gives a finding or None. RFC 3261 §21.4.26, §20.43; RFC 3264 §6.
"""

from __future__ import annotations

import ipaddress

from sipclient.sdp import lint
from sipclient.trace.explain.candidates import ice_candidates, mdns_only, no_candidates
from sipclient.trace.explain.codecs import codec, event_clock
from sipclient.trace.explain.encryption import fingerprint, mandatory, profile, rtcp_mux, srtp
from sipclient.trace.explain.finding import Confidence, Finding, counted, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.refused import Refused
from sipclient.trace.explain.said import said
from sipclient.trace.vendors import ASTERISK, FREESWITCH

_LARGE_MESSAGE = 4000  # bytes: a pjsip as it comes reads no larger packet
_MANY_ATTRIBUTES = 68  # lines of an m-line: PJMEDIA_MAX_SDP_ATTR as it comes


def no_offer(case: Refused) -> Finding | None:
    """The INVITE carries no SDP: a late offer."""
    request = case.request
    if request is None or request.method != "INVITE" or request.sdp_text or request.message.body:
        return None
    evidence = f"the INVITE has no session description, and {case.vendor} answered {case.answer.title}"
    return on(
        request,
        0,
        "no-offer",
        "The INVITE carries no offer",
        "high",
        evidence,
        fix("no-offer", case.vendor),
        "the same INVITE with an SDP is refused as well",
    )


def unsupported_body(case: Refused) -> Finding | None:
    """415: the body is of a type that the other side does not read. RFC 3261 §21.4.13."""
    request = case.request
    if request is None or case.answer.status != 415:
        return None
    accepted = case.answer.header("Accept")
    evidence = f"the body is {request.message_type or 'of no named type'}, and the answer is 415" + (
        f"; it takes {shown(accepted)}" if accepted else ""
    )
    return on(
        request,
        request.line_of("Content-Type"),
        "unsupported-body",
        "The type of the body is not accepted",
        "high",
        evidence,
        fix("unsupported-body", case.vendor),
        "the Accept header names this type",
    )


def malformed(case: Refused) -> Finding | None:
    """A description that cannot be read, or numbers in o= that do not fit in 64 bits."""
    request = case.request
    if request is None or not request.sdp_text or case.repaired:
        return None
    if case.offer is None:
        return on(
            request,
            0,
            "malformed-description",
            "The offer is no session description",
            "high",
            "the body cannot be read as SDP",
            fix("malformed-description", case.vendor),
            "the same body is accepted elsewhere",
        )
    reason = next((each for each in lint(case.offer) if "o= line" in each.text), None)
    if reason is None:
        return None
    return on(
        request,
        request.sdp_line(reason.line),
        "malformed-description",
        "The o= line is not what RFC 8866 says",
        "medium",
        reason.text,
        fix("malformed-description", case.vendor),
        "the same o= line is accepted in another call",
    )


def bundle(case: Refused) -> Finding | None:
    """A BUNDLE group that names streams which are not there, or are refused."""
    offer, request = case.offer, case.request
    if offer is None or request is None or case.repaired:
        return None
    ports = {media.value("mid"): media.port for media in offer.media}
    wrong = [mid for group in offer.bundles for mid in group if not ports.get(mid)]
    only = {media.value("mid") for media in offer.media if media.first("bundle-only")}
    wrong = [mid for mid in wrong if mid not in only]
    if not wrong:
        return None
    line = offer.session.first("group")
    return on(
        request,
        request.sdp_line(line.line if line else 0),
        "bundle-broken",
        "The BUNDLE group names a stream that is not there",
        "medium",
        f"a=group:BUNDLE names {shown(' '.join(wrong))}, which no m-line with a port has as its a=mid",
        fix("bundle-broken", case.vendor),
        "another INVITE of the same kind is accepted",
    )


def extra_media(case: Refused) -> Finding | None:
    """Lines besides audio, or no audio at all."""
    offer, request = case.offer, case.request
    if offer is None or request is None:
        return None
    others = [media for media in offer.media if media.kind != "audio" and media.port]
    if not others or (case.audio is not None and said(case) != "extra-media" and case.vendor.name == FREESWITCH):
        return None
    kinds = ", ".join(dict.fromkeys(shown(media.kind, 20) for media in others))
    confidence: Confidence = "high" if said(case) == "extra-media" else "medium" if case.audio is None else "low"
    more = "and no audio" if case.audio is None else "besides the audio"
    return on(
        request,
        request.sdp_line(others[0].line),
        "extra-media",
        "The offer has a stream the other side lacks",
        confidence,
        f"offered is {kinds} {more}",
        fix("extra-media", case.vendor),
        "the same offer without that m-line is refused as well",
    )


def address(case: Refused) -> Finding | None:
    """Where the audio is to go: nowhere, to the offerer's own loopback, or to the other family."""
    audio, request = case.audio, case.request
    if audio is None or request is None or case.repaired:
        return None
    connection = audio.connection
    if connection is None:
        return on(
            request,
            request.sdp_line(audio.line),
            "no-media-address",
            "The offer names no address for the audio",
            "high",
            "there is no c= line with an address",
            fix("no-media-address", case.vendor),
            "a c= line in the offer as it was sent",
        )
    line, ice = request.sdp_line(connection.line), bool(audio.inherited("ice-ufrag"))
    try:
        place = ipaddress.ip_address(connection.address)
    except ValueError:
        return on(
            request,
            line,
            "no-media-address",
            "The address for the audio is no IP address",
            "medium",
            f"c= says {shown(connection.address)}",
            fix("no-media-address", case.vendor),
            "the server resolves that name",
        )
    elsewhere = not request.target.startswith(("127.", "::1", "localhost", "?")) and not ice
    if elsewhere and (place.is_loopback or (place.is_unspecified and not case.in_dialog)):
        return on(
            request,
            line,
            "no-media-address",
            "The audio is to go to an address that is none",
            "medium",
            f"c= says {place}",
            fix("no-media-address", case.vendor),
            "the server accepts it elsewhere",
        )
    families = {
        each.family for entry in case.theirs if entry.sdp for media in entry.sdp.media if (each := media.connection)
    }  # fmt: skip
    if connection.family == "IP6" and not ice and "IP6" not in families:
        known = f"; the other side speaks {' and '.join(sorted(families))}" if families else ""
        return on(
            request,
            line,
            "address-family",
            "The audio is to go to an IPv6 address",
            "medium" if families or said(case) == "address-family" else "low",
            f"c= is {connection.family}{known}",
            fix("address-family", case.vendor),
            "the server has IPv6 for sound",
        )
    return None


def too_large(case: Refused) -> Finding | None:
    """More than the other side's parser holds."""
    audio, request = case.audio, case.request
    if audio is None or request is None:
        return None
    size, attributes = len(request.record.data), sum(line.startswith("a=") for line in audio.lines)
    if size <= _LARGE_MESSAGE and attributes <= _MANY_ATTRIBUTES:
        return None
    confidence: Confidence = "medium" if case.vendor.name in (ASTERISK, "pjsip") else "low"
    return on(
        request,
        request.sdp_line(audio.line),
        "description-too-large",
        "The offer may be larger than its reader",
        confidence,
        f"the message has {size} bytes, the audio {counted(attributes, 'attribute')}",
        fix("description-too-large", case.vendor),
        "an offer of that size is accepted",
    )


def required(case: Refused) -> Finding | None:
    """Require with something the other side has not."""
    request = case.request
    needed = request.header("Require") if request is not None else ""
    if request is None or not needed:
        return None
    return on(
        request,
        request.line_of("Require"),
        "extension-required",
        "The request demands an extension",
        "low",
        f"Require: {shown(needed)}",
        fix("extension-required", case.vendor),
        "the other side's Supported names it",
    )


def reinvite(case: Refused) -> Finding | None:
    """A change of a session that stands already (hold, video, T.38) was refused; the old one goes on."""
    if not case.in_dialog or case.request is None:
        return None
    evidence = "the request has a To tag: the session stood already, and goes on as it was (RFC 3261 §14.1)"
    return on(
        case.request,
        case.request.line_of("To"),
        "reinvite-refused",
        "A change within the call was refused",
        "medium",
        evidence,
        fix("reinvite-refused", case.vendor),
        "the call ended with the refusal",
    )


CHECKS = (
    no_offer,
    unsupported_body,
    malformed,
    ice_candidates,
    mdns_only,
    no_candidates,
    codec,
    profile,
    fingerprint,
    rtcp_mux,
    bundle,
    srtp,
    mandatory,
    extra_media,
    address,
    event_clock,
    too_large,
    required,
    reinvite,
)
