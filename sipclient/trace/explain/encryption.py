"""Offers refused for their profile or keys: RTP/AVP against SAVPF, DTLS, SDES. RFC 3711, RFC 4568, RFC 5764."""

from __future__ import annotations

from sipclient.sdp.sdes import keys_of
from sipclient.trace.explain.finding import Confidence, Finding, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.refused import Refused
from sipclient.trace.explain.said import said
from sipclient.trace.vendors import ASTERISK, BROWSERS, FREESWITCH


def profile(case: Refused) -> Finding | None:
    """RTP/AVP against SAVPF: the profile must be what the other side is set to."""
    audio, request = case.audio, case.request
    if audio is None or request is None or case.vendor.name == FREESWITCH:
        return None
    spoken = _profiles(case)
    named = said(case) == "profile-mismatch"
    secure = audio.proto.startswith("UDP/TLS") or audio.proto.endswith("F")
    if audio.proto in spoken or not (secure or spoken or named or case.vendor.name == ASTERISK):
        return None
    confidence: Confidence = "high" if named else "medium" if secure or spoken else "low"
    if spoken:
        more = f"the same host speaks {', '.join(sorted(spoken))} elsewhere in the trace"
    elif case.vendor.name == ASTERISK:
        more = "Asterisk takes only the endpoint's own (use_avpf, media_encryption), and does not say so"
    else:
        more = "a PBX that is not set to WebRTC for this account refuses it"
    title = "The profile of the audio is not the endpoint's"
    return on(request, request.sdp_line(audio.line), "profile-mismatch", title, confidence,
              f"the offer is {audio.proto}; {more}", fix("profile-mismatch", case.vendor),
              "the endpoint's settings (use_avpf, media_encryption) fit this profile")  # fmt: skip


def _profiles(case: Refused) -> set[str]:
    """The profiles of the audio that the refusing host speaks elsewhere in the trace."""
    found = (media for entry in case.theirs if entry.sdp for media in entry.sdp.media)
    return {media.proto for media in found if media.kind == "audio" and media.port}


def mandatory(case: Refused) -> Finding | None:
    """FreeSWITCH with rtp_secure_media=mandatory refuses what is not encrypted."""
    audio, request = case.audio, case.request
    if audio is None or request is None or case.vendor.name != FREESWITCH or audio.proto in _profiles(case):
        return None
    if "SAVP" in audio.proto or audio.all("crypto") or audio.inherited("fingerprint"):
        return None
    return on(request, request.sdp_line(audio.line), "srtp-mismatch", "The server may insist on encryption", "low",
              f"the offer is {audio.proto} without keys; FreeSWITCH refuses it where rtp_secure_media is mandatory",
              fix("srtp-mismatch", case.vendor), "rtp_secure_media is not mandatory for this call")  # fmt: skip


def fingerprint(case: Refused) -> Finding | None:
    """DTLS-SRTP by its profile, and no certificate."""
    audio, request = case.audio, case.request
    if audio is None or request is None or case.repaired or case.vendor.name == FREESWITCH:  # there: 200 with port 0
        return None
    if audio.inherited("fingerprint") or audio.all("crypto"):
        return None
    if not (audio.proto.startswith("UDP/TLS") or audio.proto == "RTP/SAVPF"):
        return None
    return on(
        request,
        request.sdp_line(audio.line),
        "fingerprint-missing",
        "The audio is to be encrypted by DTLS, and no certificate is named",
        "high",
        f"the m-line is {audio.proto} and there is no a=fingerprint",
        fix("fingerprint-missing", case.vendor),
        "an a=fingerprint in the offer as it was sent",
    )


def srtp(case: Refused) -> Finding | None:
    """Keys where none belong, none where they must be, or suites that nobody else has."""
    audio, request = case.audio, case.request
    if audio is None or request is None or audio.inherited("fingerprint"):
        return None
    doubt = "the other side's log names another cause"
    keys, reasons = keys_of(audio)
    line = case.line("crypto")
    if audio.all("crypto") and "SAVP" not in audio.proto:
        confidence: Confidence = "high" if case.vendor.name == FREESWITCH else "medium"
        return on(
            request,
            line,
            "srtp-mismatch",
            "Keys are offered under an unencrypted profile",
            confidence,
            f"a=crypto stands under {audio.proto}, which {case.vendor} refuses",
            fix("srtp-mismatch", case.vendor),
            doubt,
        )
    if audio.proto == "RTP/SAVP" and not audio.all("crypto") and not case.repaired:
        return on(
            request,
            line,
            "srtp-mismatch",
            "The audio is to be encrypted, and no key is offered",
            "medium",
            f"the m-line is {audio.proto} without a=crypto or a=fingerprint",
            fix("srtp-mismatch", case.vendor),
            doubt,
        )
    if audio.all("crypto") and not keys:
        words = str(reasons[0].text) if reasons else "no suite is known"
        return on(
            request,
            line,
            "srtp-mismatch",
            "No SRTP suite that is in use",
            "medium",
            words,
            fix("srtp-mismatch", case.vendor),
            doubt,
        )
    secured = [
        entry.number for entry in case.theirs if entry.sdp
        for media in entry.sdp.media if media.kind == "audio" and "SAVP" in media.proto
    ]  # fmt: skip
    if said(case) == "srtp-mismatch" or ("SAVP" not in audio.proto and secured):
        where = f"; in message {secured[0]} the same host speaks SRTP" if secured else ""
        return on(
            request,
            request.sdp_line(audio.line),
            "srtp-mismatch",
            "One side encrypts, the other does not",
            "high" if said(case) == "srtp-mismatch" else "medium",
            f"the offer is {audio.proto}{where}{'; it says: ' + shown(case.said) if case.said else ''}",
            fix("srtp-mismatch", case.vendor),
            doubt,
        )
    return None


def rtcp_mux(case: Refused) -> Finding | None:
    """Browsers demand a=rtcp-mux."""
    audio, request = case.audio, case.request
    if audio is None or request is None or case.repaired or audio.first("rtcp-mux"):
        return None
    if not audio.proto.endswith("SAVPF") and case.vendor.name not in BROWSERS:
        return None
    confidence: Confidence = "medium" if case.vendor.name in BROWSERS else "low"
    return on(
        request,
        request.sdp_line(audio.line),
        "rtcp-mux-missing",
        "The offer lacks a=rtcp-mux",
        confidence,
        f"the m-line is {audio.proto} without a=rtcp-mux; browsers refuse that",
        fix("rtcp-mux-missing", case.vendor),
        "the other side's policy is 'negotiate'",
    )
