"""What our core does otherwise than the clients in the captures, capture by capture, and what of it matters.

`docs/replays.md` is generated from it; a test fails where a replay shows a difference that nobody has judged.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sipclient.trace import Replay, TraceError, read, replay
from tests.trace.replaying.golden import CAPTURES

OURS, EITHER, THEIRS = "ours is right", "either is right", "theirs cannot be known"

# What differs (a header, the start line, the time, or that only one side has the message), and in which message ("":
# any other): who is right, and why.
JUDGED: dict[tuple[str, str], tuple[str, str]] = {
    ("Allow", ""): (EITHER, "it says what the agent can (RFC 3261 §20.5)"),
    ("Allow-Events", ""): (EITHER, "it says what the agent can (RFC 6665 §8.2.2)"),
    ("Accept", ""): (EITHER, "ours names what we read: to an OPTIONS (RFC 3261 §11.2), and each form of presence"),
    ("Accept-Encoding", ""): (EITHER, "an answer to OPTIONS should have it (RFC 3261 §11.2)"),
    ("Supported", ""): (EITHER, "it says what the agent can (RFC 3261 §20.37)"),
    ("User-Agent", ""): (EITHER, "it says who the agent is (RFC 3261 §20.41)"),
    ("Authorization", ""): (
        EITHER, "ours has credentials at once where a nonce is known (RFC 7616 §3.4): a round trip less"
    ),
    ("Proxy-Authorization", ""): (EITHER, "as Authorization"),
    ("Contact", ""): (OURS, "it means nothing in this message (RFC 3261 §20.10), and ours has none"),
    ("Contact", "REGISTER"): (EITHER, "ours has `expires` and `+sip.instance` (RFC 3261 §10.2.1.1, RFC 5626 §4.1)"),
    ("Contact", "INVITE"): (EITHER, "another user part for the same address: who is called there is told by its To"),
    ("Contact", "OPTIONS"): (EITHER, "it is optional there (RFC 3261 §11.1)"),
    ("Expires", ""): (EITHER, "theirs asks each time for another; the configuration has one for all"),
    ("start-line", ""): (EITHER, "theirs writes the server's port into the URI; ours has the domain of the address"),
    ("start-line", "200"): (EITHER, "theirs was out of lines (503 to an OPTIONS); ours is not"),
    ("start-line", "202"): (OURS, "the reason phrase is for people, and that of 202 is Accepted (RFC 6665 §8.3.1)"),
    ("start-line", "481"): (
        OURS, "the trace shows no one asking for this NOTIFY: it is to be refused (RFC 6665 §4.1.3)"
    ),
    ("To", ""): (EITHER, "with or without the port, which no one compares (RFC 3261 §20.39)"),
    ("From", ""): (EITHER, "with or without the port, which no one compares (RFC 3261 §20.20)"),
    ("Via", ""): (EITHER, "another order of parameters, or a port after a name that nobody resolves (RFC 7118 §5)"),
    ("CSeq", ""): (OURS, "our NOTIFY of the transfer took the number before (RFC 3261 §12.2.1.1)"),
    ("Session-Expires", ""): (EITHER, "we keep session timers (RFC 4028), they do not"),
    ("Min-SE", ""): (EITHER, "as Session-Expires"),
    ("Require", ""): (OURS, "an answer that makes the caller refresh says so with timer (RFC 4028 §9)"),
    ("Content-Disposition", ""): (EITHER, "session is what a description is without it (RFC 3261 §20.11)"),
    ("Retry-After", ""): (EITHER, "it belongs to the 503 that ours is not"),
    ("seconds", "ACK"): (OURS, "each final answer is acknowledged; theirs did so only for a copy (RFC 3261 §17.1.1.2)"),
    ("seconds", "SUBSCRIBE"): (EITHER, "ours refreshes when 80 % of the time granted are over, or later"),
    ("only ours", "100"): (OURS, "theirs answered within 200 ms, and might leave it out (RFC 3261 §17.2.1)"),
    ("only ours", "200"): (OURS, "theirs answered nothing, or the trace has one direction only"),
    ("only ours", "481"): (OURS, "a NOTIFY that nothing asked for is to be refused (RFC 6665 §4.1.3)"),
    ("only ours", "NOTIFY"): (OURS, "who follows a REFER tells what came of it (RFC 3515 §2.4.4); theirs did not"),
    ("only ours", "SUBSCRIBE"): (OURS, "their subscription ended and they left it so; a watch asks anew"),
    ("only ours", "REGISTER"): (OURS, "a refused nonce is answered anew, a binding refreshed before its time is up"),
    ("only in the trace", "REGISTER"): (
        THEIRS, "a test tool that registers again at will: the engine knows no reason, as after a wrong password"
    ),
    ("only in the trace", "SUBSCRIBE"): (THEIRS, "a test tool that asks again at will, or for what the PBX had ended"),
}  # fmt: skip


def differences(outcome: Replay) -> Counter[tuple[str, str]]:
    """What differs in which messages, and how often."""
    found = Counter[tuple[str, str]]()
    for line in outcome.lines:
        if line.kind != "sent":
            continue
        words = line.text.split()
        message = words[1] if words[0] == "SIP/2.0" else words[0]
        if line.verdict in ("only ours", "only in the trace"):
            found[line.verdict, message] += 1
        found.update((each.name, message) for each in line.differences)
    return found


def judgement(difference: tuple[str, str]) -> tuple[str, str]:
    """Who is right, and why. Raises KeyError for what nobody has judged."""
    name, _ = difference
    return JUDGED.get(difference) or JUDGED[name, ""]


def page() -> str:
    """`docs/replays.md`."""
    parts = [
        "# Replays of the captures, judged",
        "",
        "Generated by `make docs` from the replays of the captures; do not edit. The transcripts are in",
        "`sip_traces/replays`, and [traces](traces.md#replay) tells how to read them. Each row is a difference between",
        "what the client in the capture sent and what our core sends in its place: in how many messages, who is right,",
        "and why.",
    ]
    for path in CAPTURES:
        parts += ["", f"## {path.parent.name}/{path.name}", "", *_chapter(path)]
    return "\n".join(parts) + "\n"


def _chapter(path: Path) -> list[str]:
    try:
        outcome = replay(read(path))
    except TraceError as error:
        return [f"Nothing is replayed: {str(error).replace(str(path), path.name)}."]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in outcome.summary.verdicts.items())
    rows: dict[tuple[str, str, str], Counter[str]] = {}
    for difference, count in differences(outcome).items():
        name, message = difference
        rows.setdefault((name, *judgement(difference)), Counter())[message] += count
    head = [f"Received {outcome.summary.received}; sent: {counts or 'nothing'}."]
    if not rows:
        return head
    lines = [
        f"| {name} | {', '.join(f'{message} {count}' for message, count in sorted(messages.items()))} | {who}: {why} |"
        for (name, who, why), messages in sorted(rows.items())
    ]
    return [*head, "", "| what | in | judged |", "| --- | --- | --- |", *lines]
