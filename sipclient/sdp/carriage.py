"""How one stream travels: plain, with keys in the description, or with DTLS; by ICE or straight to its address."""

from __future__ import annotations

import msgspec

from sipclient.sdp.agreement import Capabilities
from sipclient.sdp.description import MediaDescription
from sipclient.sdp.dtls import dtls_lines, fingerprints_of, role_for_answer, role_for_offer, setup_of
from sipclient.sdp.ice import Ice, ice_lines, ice_of
from sipclient.sdp.match import address_fault, shown
from sipclient.sdp.missing import asks_dtls, missing_credentials, no_fingerprint
from sipclient.sdp.reasons import ATTRIBUTE, Reason
from sipclient.sdp.sdes import choose, crypto_line, keys_of, paired, written_suite
from sipclient.sdp.security import CryptoKey, Dtls, Setup

PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})  # feedback (AVPF) changes when RTCP is sent, not what RTP looks like
# RTP/SAVP(F) stands for either kind of encryption: FreeSWITCH and old browsers write it for DTLS too.
PROFILES = PLAIN | {"RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"}


class Carriage(msgspec.Struct, frozen=True):
    """What both sides agreed on, below the sound: see AudioStream. `mismatch` says that the peer's ICE was left
    aside, because somebody on the way has changed the address without knowing of ICE (RFC 8839 §4.2.5)."""

    crypto: tuple[CryptoKey, CryptoKey] | None = None
    dtls: Dtls | None = None
    ice: Ice | None = None
    mismatch: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False


def for_offer(media: MediaDescription, able: Capabilities) -> Carriage | list[Reason]:
    """How we can take what this m-line of an offer asks for, or everything that stands in the way."""
    protection = _protection(media, able)
    dtls = asks_dtls(media) if isinstance(protection, list) else protection.dtls is not None
    ice = _ice(media, able, dtls)
    reasons = [*(protection if isinstance(protection, list) else ()), *(ice if isinstance(ice, list) else ())]
    if ice is None and (fault := address_fault(media, able.family)):
        reasons.append(fault)
    if isinstance(protection, list) or isinstance(ice, list) or reasons:
        return reasons
    if protection is _NONE and ice is None and able.ice is None and not _offers_mux(media):
        return _STRAIGHT
    return Carriage(
        protection.crypto,
        protection.dtls,
        ice,
        ice is None and able.ice is not None and ice_of(media) is not None,
        able.rtcp_mux and _offers_mux(media),
        protection.dtls is not None and media.first("rtcp-rsize") is not None,
    )


class _Protection(msgspec.Struct, frozen=True):
    crypto: tuple[CryptoKey, CryptoKey] | None = None
    dtls: Dtls | None = None


_NONE, _STRAIGHT = _Protection(), Carriage()  # plain RTP straight to its address: what most offers want


def _protection(media: MediaDescription, able: Capabilities) -> _Protection | list[Reason]:
    """DTLS before SDES before none: whatever the profile says, the attributes decide (RFC 8643 for AVP)."""
    if media.proto not in PROFILES:
        return [
            Reason(
                f"the audio is to travel as {shown(media.proto)}, which this side does not speak; it speaks RTP/AVP",
                media.line,
            )
        ]
    if able.dtls is not None and (fingerprints := fingerprints_of(media)[0]):
        role = role_for_offer(setup_of(media), able.dtls.setup)
        if role is not Setup.HOLDCONN:
            return _Protection(dtls=Dtls(role, tuple(fingerprints)))
    if able.crypto:
        pair = choose(keys_of(media)[0], able.crypto)
        if pair is not None:
            return _Protection(crypto=pair)
    if media.proto in PLAIN and not able.encrypt:
        return _NONE
    return _no_protection(media, able)


def _no_protection(media: MediaDescription, able: Capabilities) -> list[Reason]:
    proto = shown(media.proto)
    fingerprints, weak = fingerprints_of(media)
    keys, unusable = keys_of(media)
    if media.proto in PLAIN and not (fingerprints or weak or keys or unusable):
        text = f"the audio would travel unencrypted ({proto}), and this side insists on encryption: "
        return [Reason(f"{text}let the phone or the PBX offer SRTP", media.line)]
    if able.dtls is None and not able.crypto:
        how = "DTLS-SRTP" if "TLS" in proto or media.inherited("fingerprint") else "SRTP"
        return [
            Reason(
                f"the audio is to be encrypted ({proto}, {how}), and this side speaks plain RTP only: "
                "let the phone or the PBX offer RTP/AVP",
                media.line,
            )
        ]
    reasons = [*weak, *unusable]
    if fingerprints and able.dtls is None:
        text = f"the audio is to be encrypted by DTLS-SRTP ({proto}), and this side has keys by SDES (a=crypto) only"
        reasons.append(Reason(text, media.line))
    elif fingerprints:
        reasons.append(Reason("the offer asks not to connect for now (a=setup:holdconn)", media.line, ATTRIBUTE))
    if keys and not able.crypto:
        text = f"the audio is to be encrypted with keys by SDES ({proto}, a=crypto), and this side has DTLS-SRTP only"
        reasons.append(Reason(text, media.line))
    elif keys:
        offered, ours = ", ".join(key.suite for key in keys), ", ".join(key.suite for key in able.crypto)
        text = f"no SRTP suite in common: offered {shown(offered)}, supported {ours}"
        reasons.append(Reason(text, media.all("crypto")[0].line, ATTRIBUTE))
    return reasons or [_unprotected(media)]


def _unprotected(media: MediaDescription) -> Reason:
    if "TLS" in media.proto:
        return no_fingerprint(media)
    text = f"the profile {shown(media.proto)} means encryption, and there is neither a=crypto nor a=fingerprint"
    return Reason(text, media.line, ATTRIBUTE)


def _ice(media: MediaDescription, able: Capabilities, dtls: bool) -> Ice | list[Reason] | None:
    """Their side of ICE if we are to use it, None if their address is to be used instead."""
    theirs = ice_of(media)
    if theirs is None:
        # Whoever sends candidates over DTLS does ICE and waits for our checks: without credentials, in vain.
        lost = missing_credentials(media) if dtls and media.first("candidate") else []
        return lost or None
    connection = media.connection
    hidden = connection is None or connection.nowhere
    if able.ice is None:
        if not hidden or media.port != 9:
            return None
        return [Reason("the audio can be reached by ICE only, and this side has none", media.line, ATTRIBUTE)]
    if not dtls and _moved(media, theirs):
        return None
    fault = _unreachable(media, theirs, able.ice)
    if fault is None:
        return theirs
    return None if not dtls and not hidden else [fault]


def _moved(media: MediaDescription, theirs: Ice) -> bool:
    """Whether the address is none of the candidates: RFC 8839 §4.2.5."""
    connection = media.connection
    if connection is None or connection.nowhere or media.port == 9:
        return False
    hosts = {candidate.host for candidate in theirs.candidates}
    return bool(hosts) and connection.address not in hosts and not any(c.is_mdns for c in theirs.candidates)


def _unreachable(media: MediaDescription, theirs: Ice, ours: Ice) -> Reason | None:
    """Why no pair of candidates can work, None where one may: also one that only their checks will tell."""
    usable = [c for c in theirs.candidates if c.component == 1 and c.transport == "udp"]
    families = {candidate.family for candidate in ours.candidates} - {""}
    fitting = [c for c in usable if not families or not c.family or c.family in families]
    if fitting or (not theirs.lite and not theirs.complete):
        return None
    line = next((attribute.line for attribute in media.all("candidate")), media.line)
    if usable:
        names = " and ".join(sorted(family.replace("IP", "IPv") for family in families))
        return Reason(f"no ICE candidate has an address this side can reach: it has {names} only", line)
    if theirs.candidates:
        return Reason("no ICE candidate is for UDP, which is what this side speaks", line)
    return Reason("an ice-lite peer needs a candidate, and none has an address", line) if theirs.lite else None


def for_answer(ours: MediaDescription, theirs: MediaDescription) -> Carriage | list[Reason]:
    """How the stream travels once they answered our m-line with theirs, or everything that is wrong with it."""
    reasons: list[Reason] = []
    protection = _answered_protection(ours, theirs)
    if isinstance(protection, list):
        reasons += protection
    ice = ice_of(theirs) if ours.first("ice-ufrag") and theirs.inherited("ice-mismatch") is None else None
    family = ours.connection.family if ours.connection else "IP4"
    if ice is None and (fault := address_fault(theirs, family)):
        reasons.append(fault)
    if isinstance(protection, list) or reasons:
        return reasons
    return Carriage(
        protection.crypto,
        protection.dtls,
        ice,
        False,
        _offers_mux(ours) and _offers_mux(theirs),
        ours.first("rtcp-rsize") is not None and theirs.first("rtcp-rsize") is not None,
    )


def _answered_protection(ours: MediaDescription, theirs: MediaDescription) -> _Protection | list[Reason]:
    if theirs.proto not in PROFILES:
        return [Reason(f"the answer travels as {shown(theirs.proto)}, which was not offered", theirs.line)]
    fingerprints, weak = fingerprints_of(theirs)
    if fingerprints and ours.inherited("fingerprint"):
        role = role_for_answer(setup_of(ours), setup_of(theirs))
        if role is not None:
            return _Protection(dtls=Dtls(role, tuple(fingerprints)))
        offered, answered = setup_of(ours), setup_of(theirs)
        return [Reason(f"a=setup:{answered} cannot answer a=setup:{offered}", theirs.line, ATTRIBUTE)]
    keys, unusable = keys_of(theirs)
    offered_keys = keys_of(ours)[0]
    pair = paired(offered_keys, keys)
    if pair is not None:
        return _Protection(crypto=pair)
    if ours.proto in PLAIN and theirs.proto in PLAIN:
        return _Protection()
    if theirs.proto in PLAIN:
        text = f"the answer leaves the audio unencrypted ({theirs.proto}), and {ours.proto} was offered"
        return [Reason(text, theirs.line)]
    if ours.proto in PLAIN and not fingerprints and not offered_keys:
        return [Reason(f"the answer is encrypted ({theirs.proto}), and {ours.proto} was offered", theirs.line)]
    reasons = [*weak, *unusable]
    if keys:
        reasons.append(Reason("the answer's a=crypto takes no suite that was offered", theirs.line, ATTRIBUTE))
    return reasons or [_unprotected(theirs)]


def _offers_mux(media: MediaDescription) -> bool:
    return media.first("rtcp-mux") is not None or media.first("rtcp-mux-only") is not None


def answer_lines(media: MediaDescription, carriage: Carriage, able: Capabilities) -> list[str]:
    """What our answer to this m-line says of how the stream travels."""
    lines = ["a=rtcp-mux"] if carriage.rtcp_mux else []
    if carriage.rtcp_rsize:
        lines.append("a=rtcp-rsize")
    if carriage.crypto is not None:
        ours = carriage.crypto[0]
        lines.append(crypto_line(ours, written_suite(media, ours.tag)))
    if carriage.dtls is not None and able.dtls is not None:
        lines += dtls_lines(able.dtls, carriage.dtls.setup)
    if carriage.ice is not None and able.ice is not None:
        lines += ice_lines(able.ice)
    elif carriage.mismatch:
        lines.append("a=ice-mismatch")
    return lines
