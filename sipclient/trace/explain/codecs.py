"""Offers refused for their codecs: what the other side is known to speak, and what was offered. RFC 3264 §6.1."""

from __future__ import annotations

from sipclient.sdp import Refusal, negotiate
from sipclient.trace.explain.finding import Confidence, Finding, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.refused import Refused
from sipclient.trace.explain.said import said

_USUAL_CODECS = frozenset({"pcmu", "pcma", "g722", "opus"})


def codec(case: Refused) -> Finding | None:
    """No codec in common."""
    audio, request = case.audio, case.request
    if audio is None or request is None:
        return None
    offered = [each for each in audio.payloads if each.name.lower() not in ("telephone-event", "cn", "red")]
    names = ", ".join(dict.fromkeys(f"{each.name or 'unknown'} ({each.number})" for each in offered)) or "none"
    line = request.sdp_line(offered[0].line if len(offered) == 1 else audio.line)
    title = "No codec in common"
    doubt = "the other side accepts this offer's codec in another call, or its log names another cause"
    if said(case) == "codec-mismatch":
        return on(
            request,
            line,
            "codec-mismatch",
            title,
            "high",
            f"{case.vendor} says so: {shown(case.said)}; offered were {names}",
            fix("codec-mismatch", case.vendor),
            doubt,
        )
    known, entry, declined = _known(case)
    mine = {each.name.lower() for each in offered}
    if known and not (mine & known):
        sure: Confidence = "high" if mine & declined else "medium"
        evidence = f"offered: {names}; in message {entry} the same host speaks {', '.join(sorted(known))}" + (
            f" and left {', '.join(sorted(mine & declined))} out, which was offered there" if mine & declined else ""
        )
        return on(request, line, "codec-mismatch", title, sure, evidence, fix("codec-mismatch", case.vendor), doubt)
    if mine & _USUAL_CODECS or known or _otherwise_odd(case):
        return None
    evidence = f"offered: {names}; neither G.711 nor G.722 nor opus is, and nothing else in the offer stands out"
    return on(request, line, "codec-mismatch", title, "medium", evidence, fix("codec-mismatch", case.vendor), doubt)


def _known(case: Refused) -> tuple[set[str], int, set[str]]:
    """The codecs that the refusing host named elsewhere, in which message, and those it was offered and left out."""
    known: set[str] = set()
    declined: set[str] = set()
    number = 0
    pairs = {id(each.final): each.request for each in case.elsewhere if each.final is not None}
    for entry in case.theirs:
        media = next((each for each in entry.sdp.media if each.kind == "audio"), None) if entry.sdp else None
        if media is None or not media.port:
            continue
        spoken = {each.name.lower() for each in media.payloads} - {"telephone-event", "cn", "", "red"}
        known |= spoken
        number = number or entry.number
        asked = pairs.get(id(entry))
        other = next((each for each in asked.sdp.media if each.kind == "audio"), None) if asked and asked.sdp else None
        if other is not None and entry.status:
            declined |= {each.name.lower() for each in other.payloads} - spoken
    return known, number, declined


def _otherwise_odd(case: Refused) -> bool:
    """Whether the negotiator finds fault with the offer beyond its codecs."""
    result = negotiate(case.offer) if case.offer is not None else None
    reasons = result.reasons if isinstance(result, Refusal) else ()
    return any("no codec" not in reason.text for reason in reasons)


def event_clock(case: Refused) -> Finding | None:
    """Key presses at 8000 beside a codec at 48000 alone: breaks DTMF, seldom the call."""
    audio, request = case.audio, case.request
    if audio is None or request is None:
        return None
    events = {each.clock for each in audio.payloads if each.name.lower() == "telephone-event"}
    clocks = {each.clock for each in audio.payloads if each.name and each.name.lower() not in ("telephone-event", "cn")}
    if not events or not clocks or events & clocks:
        return None
    return on(
        request,
        request.sdp_line(audio.line),
        "telephone-event-clock",
        "Key presses have another clock",
        "low",
        f"telephone-event has {sorted(events)}, the sound {sorted(clocks)}: that breaks DTMF rather than the call",
        fix("telephone-event-clock", case.vendor),
        "DTMF works in calls with this offer",
    )
