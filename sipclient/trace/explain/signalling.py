"""Messages that get lost, come too often, or are changed on the way. RFC 3261 §17, §18; RFC 3581."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.message import Via
from sipclient.trace.entry import Entry, safely
from sipclient.trace.explain.finding import Confidence, Finding, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.places import is_private
from sipclient.trace.story import Story
from sipclient.trace.vendors import vendor_of

_UDP_LIMIT = 1300  # bytes, above which RFC 3261 §18.1.1 asks for a transport with congestion control
_MANY = 20  # retransmissions in a trace
_SHARE = 0.2  # of all its messages
_MOST_COPIES = 11  # of one request that RFC 3261 §17.1.2.2 sends, and 7 of an INVITE
_REWRITTEN = 100  # bytes by which addresses that were replaced may change a body
_LENIENT = 3  # copies after which nobody says that the capture just ended


def unanswered(story: Story) -> Iterator[Finding]:
    """Requests that were sent again and again, and got no answer."""
    for exchange in story.exchanges:
        request = exchange.request
        if request is None or exchange.answers or request.method == "ACK" or request.copies < _LENIENT - 1:
            continue
        if _is_too_large(request):
            continue  # that check says more
        lasted = request.last - request.at
        alive = request.target in story.speakers
        confidence: Confidence = "low" if request.method == "OPTIONS" else "medium"
        evidence = (
            f"{request.method} to {request.target} was sent {request.copies + 1} times in {lasted:.1f} s, and "
            f"nothing came back; that host {'answers other requests' if alive else 'says nothing in this trace at all'}"
        )
        yield on(
            request,
            0,
            "no-response",
            f"{request.method} gets no answer",
            confidence,
            evidence,
            fix("no-response"),
            "an answer that this trace missed: it shows one side only",
        )


def timed_out(story: Story) -> Iterator[Finding]:
    """408: somebody waited for somebody else."""
    for exchange in story.exchanges:
        final, request = exchange.final, exchange.request
        if final is not None and request is not None and final.status == 408:
            yield on(
                final,
                0,
                "request-timeout",
                f"{request.method} timed out",
                "medium",
                f"{vendor_of(final)} answered {final.title} after {final.at - request.at:.1f} s: it waited for "
                "somebody behind it",
                fix("request-timeout", vendor_of(final)),
                "the party it called did answer, on the other side",
            )


def no_rport(story: Story) -> Iterator[Finding]:
    """A request without rport from behind NAT: its answer goes to the port that Via names, and is lost."""
    for exchange in story.exchanges:
        request = exchange.request
        via = _via(request) if request is not None else None
        if request is None or via is None or request.record.transport != "UDP" or not request.record.source.port:
            continue
        source = request.record.source
        moved = (via.host, via.port or 5060) != (source.host, source.port)
        if via.rport is not None or not moved or not is_private(via.host):
            continue
        lost = [each for each in exchange.answers if each.record.destination.port not in (0, source.port)]
        if not lost and exchange.answers:
            continue
        confidence: Confidence = "high" if lost else "medium"
        where = f"; message {lost[0].number} answers to port {lost[0].record.destination.port}" if lost else ""
        yield on(
            request,
            request.line_of("Via"),
            "no-rport",
            "Answers do not find their way back through NAT",
            confidence,
            f"Via says {via.host}:{via.port or 5060} without rport, the packet came from {source}{where}",
            fix("no-rport", vendor_of(request)),
            "the answers arrive",
        )
        return


def _via(entry: Entry) -> Via | None:
    return safely(lambda: entry.message.via, None)


def rewritten(story: Story) -> Iterator[Finding]:
    """Messages that somebody on the way has changed: an application-level gateway."""
    told = 0
    for exchange in story.exchanges:
        request = exchange.request
        for entry in (request, *exchange.answers):
            if entry is not None and told < 3 and (wrong := _wrong_length(entry)):
                told += 1
                yield on(
                    entry,
                    entry.line_of("Content-Length"),
                    "alg-rewritten",
                    "Somebody on the way changed the message",
                    "medium",
                    wrong,
                    fix("alg-rewritten"),
                    "the sender counts wrong by itself: capture at its own network card",
                )
        sent = _via(request) if request is not None else None
        for answer in exchange.answers if sent is not None and told < 3 else ():
            came = _via(answer)
            if came is None or sent is None or _sent_by(sent) == _sent_by(came):
                continue
            told += 1
            words = "it was sent as {}:{} and comes back as {}:{}".format(*_sent_by(sent), *_sent_by(came))
            yield on(answer, answer.line_of("Via"), "alg-rewritten", "Somebody on the way changed the Via", "medium",
                     words, fix("alg-rewritten"), "the trace was put together from several places")  # fmt: skip
            break


def _sent_by(via: Via) -> tuple[str, int]:
    """Host and port as they are meant: a port that is not written is the usual one."""
    return via.host.lower(), via.port or (5061 if via.transport == "TLS" else 5060)


def _wrong_length(entry: Entry) -> str:
    said = entry.header("Content-Length")
    record = entry.record
    if not said.isdecimal() or record.repaired or not record.source.port or record.transport != "UDP":
        return ""
    body = record.data.partition(b"\r\n\r\n")[2]
    if not 0 < abs(int(said[:9]) - len(body)) < _REWRITTEN or not entry.sdp_text:  # far more: the capture cut it
        return ""
    return f"Content-Length says {shown(said)}, and the body has {len(body)} bytes: an address in it was replaced"


def loops(story: Story) -> Iterator[Finding]:
    """482 and 483."""
    for exchange in story.exchanges:
        final, request = exchange.final, exchange.request
        if final is None or final.status not in (482, 483):
            continue
        merged = "merged" in final.title.lower()
        words = "the request came twice, by two ways" if merged else "the request came back to where it had been"
        hops = f"; it has {len(final.message.headers.all('Via'))} Via" if request is None else ""
        yield on(
            final,
            0,
            "routing-loop",
            "The request goes round in circles",
            "high",
            f"{final.title}: {words}{hops}",
            fix("routing-loop", vendor_of(final)),
            "the request passes each host once",
        )


def storm(story: Story) -> Iterator[Finding]:
    """Far more copies than a healthy link needs."""
    copies = [entry for entry in story.entries if entry.copies]
    total = sum(entry.copies for entry in copies)
    unheard = {
        exchange.request.number for exchange in story.exchanges if exchange.request and not exchange.answers
    }  # fmt: skip
    worst = max(copies, key=lambda each: each.copies, default=None)
    if worst is not None and worst.copies >= _MOST_COPIES:
        yield on(
            worst,
            0,
            "retransmission-storm",
            "One message is sent again without end",
            "medium",
            f"{worst.title} was sent {worst.copies + 1} times in {worst.last - worst.at:.1f} s; RFC 3261 sends "
            f"{_MOST_COPIES} at most",
            fix("retransmission-storm"),
            "the copies are different packets of one capture taken in several places",
        )
        return
    lossy = sum(entry.copies for entry in copies if entry.number not in unheard)
    if lossy >= _MANY and lossy >= _SHARE * (len(story.entries) + total) and worst is not None:
        yield on(
            worst,
            0,
            "retransmission-storm",
            "Many messages had to be sent again",
            "medium",
            f"{lossy} of {len(story.entries) + total} messages are copies of earlier ones",
            fix("retransmission-storm"),
            "the capture was taken where each packet passes twice",
        )


def fragmented(story: Story) -> Iterator[Finding]:
    """Large requests over UDP that nobody answered, while smaller ones were."""
    small = _small_and_answered(story)
    for exchange in story.exchanges:
        request = exchange.request
        if request is None or exchange.answers or not request.copies or not _is_too_large(request):
            continue
        answered = small.get(request.target, 0)
        confidence: Confidence = "high" if answered else "medium"
        more = f"; smaller ones to the same host were answered (message {answered})" if answered else ""
        yield on(
            request,
            0,
            "udp-fragmentation",
            "A large request is lost on the way",
            confidence,
            f"the {request.method} has {len(request.record.data)} bytes, went by UDP {request.copies + 1} times, "
            f"and nothing came back{more}; its fragments are dropped by many routers",
            fix("udp-fragmentation", vendor_of(request)),
            "the same request arrives at the other side",
        )


def _is_too_large(request: Entry) -> bool:
    return len(request.record.data) > _UDP_LIMIT and request.record.transport == "UDP"


def _small_and_answered(story: Story) -> dict[str, int]:
    """For each host a request to it that fits into one packet, and was answered."""
    found: dict[str, int] = {}
    for each in story.exchanges:
        if each.request is not None and each.answers and len(each.request.record.data) < _UDP_LIMIT:
            found.setdefault(each.request.target, each.request.number)
    return found


CHECKS = (unanswered, timed_out, no_rport, rewritten, loops, storm, fragmented)
