"""Offers refused for their ICE candidates: addresses that may not be used, hidden ones, none at all. RFC 8839."""

from __future__ import annotations

import ipaddress

from sipclient.sdp import Candidate
from sipclient.sdp.ice import read_candidate
from sipclient.trace.explain.finding import Confidence, Finding, counted, on
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.refused import Refused, lost
from sipclient.trace.vendors import ASTERISK, BROWSERS, FREESWITCH

# What FreeSWITCH's wan.auto refuses: switch_core.c, seen in 1.10.12.
_WAN_REFUSES = tuple(
    ipaddress.ip_network(each)
    for each in ("0.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
                 "127.0.0.0/8", "fe80::/10")
)  # fmt: skip


def ice_candidates(case: Refused) -> Finding | None:
    """ICE candidates, none of which the other side may or can use."""
    audio, request = case.audio, case.request
    if audio is None or request is None or not audio.all("candidate") or case.vendor.name in (ASTERISK, *BROWSERS):
        return None
    found = candidates(case)
    gone = [each for each in found if lost(each.host)]
    private = [each for each in found if refused_by_wan(each.host)]
    hidden = [each for each in found if each.is_mdns]
    other = [each for each in found if each.family == "IP6" and each not in private]
    usable = [each for each in found if each not in (*gone, *private, *hidden, *other)]
    if usable or not found or (hidden and not gone and not private) or not (gone or private):
        return None
    named = [f"{each.host} is private" for each in private[:4]]
    named += [f"{each.host} is IPv6, of use only where the server has IPv6" for each in other[:4]]
    named += [f"{each.host} is a name that only this network knows" for each in hidden[:2]]
    if gone:
        named.append(f"{counted(len(gone), 'candidate')} lost the address in the paste")
    kinds = {each.kind for each in found}
    none = "there is no server-reflexive or relayed one" if kinds == {"host"} else "none of the others helps"
    known = case.vendor.name == FREESWITCH
    confidence: Confidence = ("medium" if gone else "high") if known else "low" if gone else "medium"
    why = "FreeSWITCH takes UDP candidates only, and without apply-candidate-acl those that wan.auto allows"
    whose = f"{why} ({case.vendor.because})" if known else "FreeSWITCH would refuse such an offer"
    usual = _usual_codecs(case)
    codecs = f"; {usual} offered, so a codec is not the likely cause" if usual else ""
    evidence = f"of {counted(len(found), 'UDP candidate')}: {', '.join(named)}; {none}. {whose}{codecs}"
    disproof = (
        "a public address among the candidates (the browser's own log shows the whole offer), a profile whose "
        "apply-candidate-acl allows them, or no 'no suitable candidates found' in FreeSWITCH's log at level DEBUG; "
        "that line, below 'NO candidate ACL defined, Defaulting to wan.auto', confirms it"
    )
    return on(
        request,
        case.line("candidate"),
        "ice-candidates-refused",
        "None of the ICE candidates is one the server may use",
        confidence,
        evidence,
        fix("ice-candidates-refused", case.vendor),
        disproof,
    )


def mdns_only(case: Refused) -> Finding | None:
    """Every candidate hides behind a .local name."""
    found = candidates(case)
    hidden = [each for each in found if each.is_mdns]
    if case.request is None or not hidden or len(hidden) < len([each for each in found if each.family != "IP6"]):
        return None
    confidence: Confidence = "high" if case.vendor.name == FREESWITCH else "medium"
    evidence = f"the candidates are names such as {hidden[0].host}, which only the browser's own network resolves"
    return on(
        case.request,
        case.line("candidate"),
        "mdns-candidates-only",
        "The candidates hide their addresses behind .local names",
        confidence,
        evidence,
        fix("mdns-candidates-only", case.vendor),
        "a server-reflexive or relayed candidate in the offer as it was sent",
    )


def no_candidates(case: Refused) -> Finding | None:
    """ICE is announced and no candidate is there: sent before they were gathered."""
    audio = case.audio
    if audio is None or case.request is None or not audio.inherited("ice-ufrag") or audio.all("candidate"):
        return None
    early = audio.port == 9 or (audio.connection is not None and audio.connection.nowhere)
    confidence: Confidence = "high" if case.vendor.name == FREESWITCH else "medium" if early else "low"
    evidence = "the offer has a=ice-ufrag and no a=candidate" + (
        f"; its port is {audio.port}: it left before any address was gathered (trickle)" if early else ""
    )
    return on(
        case.request,
        case.line("ice-ufrag"),
        "no-candidates",
        "The offer speaks of ICE and has no candidate",
        confidence,
        evidence,
        fix("no-candidates", case.vendor),
        "the server takes trickled candidates (INFO, RFC 8840)",
    )


def candidates(case: Refused) -> list[Candidate]:
    """The UDP candidates for RTP, those whose address was lost too."""
    if case.audio is None:
        return []
    read = (read_candidate(attribute.value) for attribute in case.audio.all("candidate")[:200])
    return [each for each in read if each is not None and each.transport == "udp" and each.component == 1]


def refused_by_wan(host: str) -> bool:
    """Whether FreeSWITCH's own list `wan.auto`, which it takes where no list is set, refuses this address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _WAN_REFUSES if network.version == address.version)


def _usual_codecs(case: Refused) -> str:
    names = [each.name for each in case.audio.payloads] if case.audio is not None else []
    usual = [name for name in names if name.lower() in ("pcmu", "pcma")]
    return f"{' and '.join(usual)} {'is' if len(usual) == 1 else 'are'}" if usual else ""
