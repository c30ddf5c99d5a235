"""Calls that break: dialogs that are forgotten, ACKs and PRACKs that are lost, timers that end them."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.trace.entry import Entry, safely
from sipclient.trace.explain.finding import Confidence, Finding, on
from sipclient.trace.explain.fixes import fix
from sipclient.trace.story import Call, Exchange, Story
from sipclient.trace.vendors import vendor_of

_GLARE = 3  # 491s in one dialog
_TIMER_H = (28.0, 36.0)  # seconds after a 200 when whoever misses the ACK gives up: 64*T1 is 32 (RFC 3261 §13.3.1.4)
_UNUSUAL = frozenset({403, 404, 405, 406, 410, 416, 421, 423, 479, 484, 485})
_MEANS = {
    403: "forbidden: the caller may not call this",
    404: "nobody has this number",
    484: "the number is incomplete",
    500: "an error inside the server",
    502: "a gateway behind it failed",
    503: "the server is overloaded, not ready, or has no free line",
    504: "a server behind it did not answer",
}


def forgotten(story: Story) -> Iterator[Finding]:
    """481: one side does not know the call any more."""
    for call in story.calls:
        for exchange in call.exchanges:
            final, request = exchange.final, exchange.request
            if final is None or request is None or final.status != 481 or not request.to_tag:
                continue
            if request.method in ("CANCEL", "PRACK") or _crossing(call, request):
                continue
            change = request.method in ("INVITE", "UPDATE")
            confidence: Confidence = "high" if change else "low" if request.method == "NOTIFY" else "medium"
            yield on(
                final,
                0,
                "dialog-lost",
                f"The other side does not know this {'call' if change else 'dialog'} any more",
                confidence,
                f"the {request.method} in the dialog (To tag {request.to_tag}) is answered {final.title}",
                fix("dialog-lost", vendor_of(final)),
                "a BYE (or a NOTIFY with terminated) came from there before",
            )


def _crossing(call: Call, request: Entry) -> bool:
    """Whether the dialog was ended before by either side: then 481 is right."""
    return 0 < call.ended < request.number


def glare(story: Story) -> Iterator[Finding]:
    """Both sides change the session at the same time, over and over."""
    for call in story.calls:
        found = [each for each in call.entries if each.status == 491]
        if len(found) >= _GLARE:
            yield on(
                found[-1],
                0,
                "glare-storm",
                "Both sides change the session at the same time",
                "medium",
                f"491 came {len(found)} times in this call",
                fix("glare-storm", vendor_of(found[-1])),
                "the two wait for different times, and one gets through",
            )


def no_ack(story: Story) -> Iterator[Finding]:
    """A 200 to an INVITE that is sent again and again: its ACK is missing, or does not arrive."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            final = exchange.final
            if final is None or not 200 <= final.status < 300:
                continue
            bye = call.bye(final.number)
            after = bye.at - final.at if bye is not None else 0.0
            given_up = bye is not None and bye.source == final.source and _TIMER_H[0] <= after <= _TIMER_H[1]
            again = final.copies
            if exchange.ack is None and (again >= 2 or given_up):
                confidence: Confidence = "high" if again >= 2 else "medium"
                yield on(final, final.line_of("Contact"), "ack-missing", "The ACK is missing", confidence,
                         f"the 200 was sent {again + 1} times and no ACK is in the trace"
                         + (f"; {after:.0f} s later the call is ended" if given_up else ""),
                         fix("ack-missing", vendor_of(final)), "an ACK that this capture missed")  # fmt: skip
            elif exchange.ack is not None and again >= 3 and (given_up or exchange.ack.copies):
                yield on(exchange.ack, 1, "ack-missing", "The ACK does not arrive", "medium",
                         f"message {exchange.ack.number} is the ACK, and the 200 still came {again + 1} times"
                         + (f"; {after:.0f} s after it the call is ended" if given_up else ""),
                         fix("ack-missing", vendor_of(final)), "the 200 stops coming after the ACK")  # fmt: skip
            elif given_up and bye is not None and exchange.ack is not None and again:
                yield on(
                    bye,
                    0,
                    "ack-missing",
                    "The call drops after 32 seconds",
                    "medium",
                    f"the side that sent the 200 ends the call {after:.0f} s later, as it does when no ACK reaches it",
                    fix("ack-missing", vendor_of(final)),
                    "somebody hung up just then",
                )


def no_prack(story: Story) -> Iterator[Finding]:
    """Reliable provisional responses that nobody acknowledges. RFC 3262 §3."""
    for call in story.calls:
        pracks = [each for each in call.exchanges if each.request and each.request.method == "PRACK"]
        refused = next((each.final for each in pracks if each.final and each.final.status >= 400), None)
        if refused is not None:
            yield on(
                refused,
                0,
                "prack-missing",
                "A PRACK is refused",
                "medium",
                f"it is answered {refused.title}",
                fix("prack-missing", vendor_of(refused)),
                "the response it acknowledges came from another fork",
            )
        for exchange in call.of("INVITE"):
            reliable = [
                each for each in exchange.answers
                if each.status < 200 and each.header("RSeq") and "100rel" in each.header("Require").lower()
            ]  # fmt: skip
            if reliable and not pracks and reliable[0].copies >= 2:
                first = reliable[0]
                yield on(
                    first,
                    first.line_of("RSeq"),
                    "prack-missing",
                    "A provisional response is not acknowledged",
                    "high",
                    f"{first.title} demands a PRACK, came {first.copies + 1} times, and none was sent",
                    fix("prack-missing", vendor_of(first)),
                    "a PRACK that this capture missed",
                )


def session_timer(story: Story) -> Iterator[Finding]:
    """A session that is ended because nobody refreshed it. RFC 4028 §10."""
    for call in story.calls:
        small = [each for each in call.entries if each.status == 422]
        if len(small) >= 2:
            yield on(
                small[-1],
                small[-1].line_of("Min-SE"),
                "session-timer-drop",
                "The session interval is refused",
                "high",
                f"422 came {len(small)} times",
                fix("session-timer-drop", vendor_of(small[-1])),
                "the next INVITE asks for at least Min-SE",
            )
        for exchange in call.of("INVITE"):
            yield from _ran_out(call, exchange)


def _ran_out(call: Call, exchange: Exchange) -> Iterator[Finding]:
    final = exchange.final
    if final is None or not 200 <= final.status < 300:
        return
    seconds, refresher = safely(lambda: final.message.session_expires, (0, ""))
    bye = call.bye(final.number)
    if not seconds or bye is None:
        return
    refreshed = any(final.number < each.number < bye.number for each in call.changes)
    after = bye.at - final.at
    if not refreshed and seconds - max(32, seconds / 3) - 1 <= after <= seconds + 5:
        yield on(
            bye,
            0,
            "session-timer-drop",
            "The call is ended by its session timer",
            "medium",
            f"Session-Expires is {seconds} s (refresher {refresher or 'not named'}), nobody refreshed it, and the "
            f"BYE comes after {after:.0f} s",
            fix("session-timer-drop", vendor_of(bye)),
            "somebody hung up just then",
        )


def refused(story: Story) -> Iterator[Finding]:
    """Calls that were refused with a status that is nobody's wish."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            final, request = exchange.final, exchange.request
            if final is None or request is None:
                continue
            if final.status in (420, 421):
                name = "Unsupported" if final.status == 420 else "Require"
                yield on(
                    final,
                    final.line_of(name),
                    "extension-required",
                    "An extension is demanded, and missing",
                    "high",
                    f"{final.title}: {name} is {final.header(name) or 'not said'}",
                    fix("extension-required", vendor_of(final)),
                    "the same INVITE is taken without it",
                )
            elif final.status in _UNUSUAL or 500 <= final.status < 600:
                meaning = _MEANS.get(final.status, "the server does not take the call as it is")
                yield on(
                    final,
                    0,
                    "call-refused",
                    f"The call to {request.called or 'somebody'} was refused",
                    "low",
                    f"{vendor_of(final)} answered {final.title}: {meaning}",
                    fix("call-refused"),
                    "the refusal was meant: a test, or a rule of the PBX",
                )


CHECKS = (forgotten, glare, no_ack, no_prack, session_timer, refused)
