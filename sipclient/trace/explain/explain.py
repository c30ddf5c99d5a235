"""What went wrong in a trace: every check over its story, the surest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from sipclient.trace.explain import calls, presence, registration, signalling, sound
from sipclient.trace.explain.finding import Explanation, Finding, counted
from sipclient.trace.explain.refusal import explain_refusals
from sipclient.trace.legs import legs
from sipclient.trace.record import Trace
from sipclient.trace.story import Story, tell

Check = Callable[[Story], Iterable[Finding]]
CHECKS: tuple[Check, ...] = (
    *registration.CHECKS, *signalling.CHECKS, *calls.CHECKS, *sound.CHECKS, *presence.CHECKS
)  # fmt: skip
MOST_ALIKE = 5  # findings of one kind; the rest are counted in the last


def explain(trace: Trace) -> Explanation:
    """Findings over a whole trace. Where there are none, nothing that can be seen in it is wrong."""
    story = tell(trace)
    links = legs(story)
    findings, unseen = explain_refusals(story, links)
    told = {finding.message for finding in findings}
    for check in CHECKS:
        findings += check(story)
    findings = _without_echoes(findings, story, told)
    order = {finding: place for place, finding in enumerate(findings)}
    findings = sorted(findings, key=lambda each: (each.rank, order[each]))
    return Explanation(
        trace.form,
        len(trace.records),
        tuple((number, record.repairs) for number, record in enumerate(trace.records, 1) if record.repairs),
        tuple(_few(findings)),
        tuple(dict.fromkeys([*unseen, *_unseen(story)])),
        trace.notes,
    )


def _without_echoes(findings: list[Finding], story: Story, told: set[int]) -> list[Finding]:
    """Each finding once, and no plain "refused" for an answer that is explained."""
    refused = {
        exchange.final.number
        for exchange in story.exchanges
        if exchange.final is not None and exchange.request is not None and exchange.request.number in told
    }
    kept = [each for each in findings if each.id != "call-refused" or each.message not in (*told, *refused)]
    return list(dict.fromkeys(kept))


def _few(findings: list[Finding]) -> list[Finding]:
    """Of one kind the first few, with the messages of the others named in the last of them."""
    kept: list[Finding] = []
    places: dict[tuple[str, str], list[int]] = {}
    more: dict[int, list[int]] = {}
    for finding in findings:
        mine = places.setdefault((finding.id, finding.confidence), [])
        if len(mine) < MOST_ALIKE:
            mine.append(len(kept))
            kept.append(finding)
        else:
            more.setdefault(mine[-1], []).append(finding.message)
    for place, messages in more.items():
        last = kept[place]
        words = f"{last.evidence}; the same in {counted(len(messages), 'more message')}"
        kept[place] = msgspec.structs.replace(last, evidence=words, also=tuple(messages[:100]))
    return kept


def _unseen(story: Story) -> Iterable[str]:
    if story.unread:
        yield f"{counted(story.unread, 'message')} too damaged to be read"
    if story.entries and not story.timed:
        yield "when anything happened: the trace has no times, so delays, timeouts and retransmissions do not show"
    if story.entries and not any(entry.record.source.host for entry in story.entries):
        yield "the addresses that packets came from: what NAT did to them does not show"
    if any(call.kind == "INVITE" for call in story.calls) and not story.streams:
        yield "the sound: no RTP is in the trace"
