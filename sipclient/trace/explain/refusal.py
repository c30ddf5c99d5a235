"""One refusal, explained: its causes in order, the other leg, and what its message has lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sipclient.sdp import SessionDescription, lint
from sipclient.trace.damage import UNKNOWN
from sipclient.trace.explain.finding import Confidence, Finding, counted, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.offers import CHECKS
from sipclient.trace.explain.refused import Refused, refusals
from sipclient.trace.explain.said import said
from sipclient.trace.legs import Link
from sipclient.trace.remarks import Remark
from sipclient.trace.story import Call, Story
from sipclient.trace.vendors import ASTERISK, FREESWITCH

_SWITCHES = frozenset({FREESWITCH, ASTERISK, "3CX", "Cisco", "AudioCodes", ""})
_MOST_LEGS = 20  # of one call
_UNSEEN = (
    "the server's settings: lists of addresses (ACL), codecs allowed, modules that are not loaded",
    "the certificate and the version of DTLS at the server: a failure there shows after the answer, or in its log",
)


def explain_refusals(story: Story, links: tuple[Link, ...]) -> tuple[list[Finding], list[str]]:
    """Findings for every refused offer, and what cannot be seen of them."""
    findings: list[Finding] = []
    unseen: list[str] = []
    cases, beyond = refusals(story, links)
    calls = {call.call_id: call for call in story.calls}
    for case in cases:
        findings += _of_one(case, calls, story.trace.remarks)
        unseen += _unseen(case)
    if beyond:
        unseen.append(f"the causes of {counted(beyond, 'more refusal')}: the first {len(cases)} are looked at")
    return findings, unseen


def _of_one(case: Refused, calls: Mapping[str, Call], remarks: Sequence[Remark]) -> Iterator[Finding]:
    found = [_confirmed(finding, case, remarks) for check in CHECKS if (finding := check(case)) is not None]
    other = other_leg(case, calls)
    place = next((number for number, each in enumerate(found) if each.rank > 1), len(found))
    found[place:place] = [other] if other is not None else []
    if (lines := missing_lines(case)) is not None:
        found.append(lines)
    named = said(case)
    found.sort(key=lambda each: (each.id != named, each.rank))
    if found and found[0].confidence == "high":  # what decides it leaves no room for guesses
        found = [each for each in found if each.confidence != "low"]
    if not found:
        found = [_nothing_stands_out(case)]
    yield from found


def _confirmed(finding: Finding, case: Refused, remarks: Sequence[Remark]) -> Finding:
    """The finding, sure where the log says the same between the offer and its refusal."""
    begin = case.request.record.line if case.request is not None else 0
    said = [each for each in remarks if each.finding == finding.id and begin < each.line < case.answer.record.line]
    if not said:
        return finding
    words = f"{finding.evidence}; line {said[-1].line} of the log says so: {shown(said[-1].text, 160)}"
    return msgspec.structs.replace(finding, confidence="high", evidence=words)


def _nothing_stands_out(case: Refused) -> Finding:
    where = case.request if case.request is not None else case.answer
    evidence = f"{case.vendor} answered {case.answer.title}, and nothing in the offer stands out"
    if case.request is None:
        evidence = f"{case.answer.title} stands alone: the request it answers is not in the trace"
    if case.said:
        evidence += f"; it says: {shown(case.said)}"
    return on(
        where,
        0,
        "offer-refused",
        "The offer was refused, and it does not say why",
        "low",
        evidence,
        fix("other-leg-refused", case.vendor),
        "the log of whoever refused names a cause",
    )


def other_leg(case: Refused, calls: Mapping[str, Call]) -> Finding | None:
    """The refusal came from the other leg of a B2BUA, and was passed on."""
    for link in case.other_legs[:_MOST_LEGS]:
        other = calls.get(link.second if link.first == case.call.call_id else link.first)
        refusal = next(
            (each.final for each in other.of("INVITE") if each.final and each.final.status in (415, 488, 606)), None
        ) if other else None  # fmt: skip
        if refusal is not None and refusal.number < case.answer.number:
            confidence: Confidence = "high" if link.confidence == "high" else "medium"
            evidence = f"message {refusal.number} refuses the other leg with {refusal.title} ({link.because})"
            return on(
                case.answer,
                0,
                "other-leg-refused",
                "The other leg was refused first",
                confidence,
                evidence,
                fix("other-leg-refused", case.vendor),
                "the two calls do not belong together",
            )
    if case.in_dialog or case.vendor.name not in _SWITCHES or case.request is None or not case.request.sdp_text:
        return None
    same = [each for each in case.elsewhere if each.request is not None and _alike(case, each.request.sdp)]
    evidence = "a PBX passes on the 488 of the party it called; no other leg is in the trace, so nothing rules it out"
    if same and same[0].final is not None:
        evidence = (
            f"the same host took the same kind of offer in message {same[0].final.number}, so the offer itself is "
            "fit; what it called (or its dial plan) refused"
        )
    return on(
        case.answer,
        case.answer.line_of("Reason"),
        "other-leg-refused",
        "The called party's side refused, and the PBX passed it on",
        "medium" if same else "low",
        evidence,
        fix("other-leg-refused", case.vendor),
        "no INVITE leaves the PBX for this call, or it is answered 200; one that is refused there confirms it",
    )


def _alike(case: Refused, other: SessionDescription | None) -> bool:
    """Whether another offer asks for the same: profile and codecs of its audio."""
    theirs = next((media for media in other.media if media.kind == "audio"), None) if other is not None else None
    audio = case.audio
    if audio is None or theirs is None or audio.proto != theirs.proto:
        return False
    return {each.name.lower() for each in theirs.payloads} == {each.name.lower() for each in audio.payloads}


def lost_lines(case: Refused) -> list[str]:
    """What an offer that was mended lacks: addresses and lines, in words."""
    request = case.request
    if request is None or case.offer is None or not (case.repaired or request.record.missing):
        return []
    bare = SessionDescription(tuple(line.replace(f" {UNKNOWN}", "") for line in case.offer.lines))
    audio = case.audio
    lost = [
        name
        for name in ("ice-ufrag", "ice-pwd", "setup", "rtcp-mux", "mid", "fingerprint")
        if audio is not None and audio.inherited(name) is None and any(f"a={name} " in each.text for each in lint(bare))
    ]
    candidates = sum(f" {UNKNOWN} " in line for line in case.offer.lines if line.startswith("a=candidate:"))
    words = [f"the addresses of the IPv4 candidates ({candidates})"] if candidates else []
    words += [f"a={name}" for name in lost]
    return words + [each for each in request.record.missing if "candidate" not in each]


def missing_lines(case: Refused) -> Finding | None:
    """Lines that the paste has lost; were they missing on the wire as well, they would be the cause."""
    words = lost_lines(case)
    if not words or case.request is None:
        return None
    evidence = f"missing from the paste: {', '.join(words)}; were they missing on the wire too, that would be the cause"
    return on(
        case.request,
        case.request.sdp_line(case.audio.line) if case.audio is not None else 0,
        "missing-lines",
        "Lines of the offer are missing",
        "low",
        evidence,
        fix("missing-lines", case.vendor),
        "they are in the message as it was sent, which is likely: a paste loses them",
    )


def _unseen(case: Refused) -> Iterator[str]:
    words = lost_lines(case)
    if words:
        yield f"what the paste has lost of the offer: {', '.join(words)}"
    if case.request is None:
        yield f"the request that message {case.answer.number} ({case.answer.title}) answers"
    yield from _UNSEEN
    if not case.other_legs and case.vendor.name in _SWITCHES:
        yield "the other leg: what the PBX sent to the called party, and its answer"
