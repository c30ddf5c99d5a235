"""Subscriptions that do not last, and states that contradict each other. RFC 6665, RFC 3856, RFC 4235."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.errors import MalformedBody
from sipclient.presence import DialogInfo, DialogTable, Presence, State, parse
from sipclient.trace.entry import Entry, safely
from sipclient.trace.explain.finding import Finding, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.story import Story
from sipclient.trace.vendors import vendor_of

_FLAPS = 3  # ends of a subscription that nobody asked for
_SOON = 60.0  # seconds within which they count
_SETTLED = 3.0  # seconds after which two packages should agree
_BUSY = frozenset({State.ON_THE_PHONE, State.ON_HOLD})
_IDLE = frozenset({State.READY, State.OFFLINE})
_REFUSED = frozenset({403, 404, 405, 480, 489, 500, 501, 603})


def flapping(story: Story) -> Iterator[Finding]:
    """A subscription that the notifier ends again and again, at once."""
    ends: dict[tuple[str, str, str], list[Entry]] = {}
    left = {
        each.request.call_id for each in story.exchanges
        if each.request and each.request.method == "SUBSCRIBE" and each.request.header("Expires") == "0"
    }  # fmt: skip
    for entry in story.entries:
        if entry.method != "NOTIFY" or not entry.is_request or entry.call_id in left:
            continue
        state, params = safely(lambda each=entry: each.message.subscription_state, ("", None))  # type: ignore[misc]
        if state == "terminated" and (params is None or params.get("reason") != "timeout"):
            who = safely(lambda each=entry: str(each.message.from_.uri), "")  # type: ignore[misc]
            event = entry.header("Event").partition(";")[0].strip()
            ends.setdefault((entry.target, who, event), []).append(entry)
    for (_, who, event), found in ends.items():
        quick = [one for one, two in zip(found, found[_FLAPS - 1 :], strict=False) if two.at - one.at <= _SOON]
        if quick and story.timed:
            last = found[-1]
            yield on(
                last,
                last.line_of("Subscription-State"),
                "subscription-flapping",
                "The subscription is ended again and again",
                "medium",
                f"{len(found)} subscriptions to {shown(who)} ({event or 'no event named'}) were ended by the "
                f"notifier; the last says {shown(last.header('Subscription-State'))}",
                fix("subscription-flapping", vendor_of(last)),
                "the watcher ended them itself",
            )


def refused(story: Story) -> Iterator[Finding]:
    """SUBSCRIBEs that were refused."""
    for exchange in story.exchanges:
        final, request = exchange.final, exchange.request
        if final is None or request is None or request.method != "SUBSCRIBE" or final.status not in _REFUSED:
            continue
        event = request.header("Event")
        allowed = final.header("Allow-Events")
        yield on(
            final,
            0,
            "subscription-refused",
            f"The subscription to {request.called or 'somebody'} is refused",
            "high" if final.status == 489 else "medium",
            f"SUBSCRIBE for {shown(event)} is answered {final.title}"
            + (f"; it has {shown(allowed)}" if allowed else ""),
            fix("subscription-refused", vendor_of(final)),
            "a later SUBSCRIBE is answered 200",
        )


def contradiction(story: Story) -> Iterator[Finding]:
    """The dialog package says busy, presence says idle, and both have had time to agree."""
    seen: dict[tuple[str, str], dict[str, tuple[State, Entry]]] = {}
    told: set[tuple[str, str]] = set()
    ended = max((entry.at for entry in story.entries), default=0.0)
    clash: dict[tuple[str, str], float] = {}
    tables: dict[tuple[str, str], DialogTable] = {}
    for entry in story.entries:
        key, since = _watched(entry), 0.0
        if key is None:
            continue
        said = seen.setdefault(key, {})
        before = clash.pop(key, None)
        if before is not None and entry.at - before > _SETTLED and key not in told:
            told.add(key)
            yield _clash(key, said)
        kind, state = _state(entry, tables.setdefault(key, DialogTable()))
        if kind:
            said[kind] = (state, entry)
        if _clashes(said):
            since = before if before is not None else entry.at
            clash[key] = since
    for key, since in clash.items():
        if ended - since > _SETTLED and key not in told:
            yield _clash(key, seen[key])


def _watched(entry: Entry) -> tuple[str, str] | None:
    if entry.method != "NOTIFY" or not entry.is_request or not entry.message.body:
        return None
    user = safely(lambda: str(entry.message.from_.uri), "")
    return (entry.target, user) if user else None


def _state(entry: Entry, table: DialogTable) -> tuple[str, State]:
    try:
        body = parse(entry.header("Content-Type"), entry.message.body)
        if isinstance(body, Presence):
            return "presence", body.state
        if not isinstance(body, DialogInfo):
            return "", State.UNKNOWN
        table.apply(body)
    except MalformedBody:
        return "", State.UNKNOWN
    return "dialog", table.state


def _clashes(said: dict[str, tuple[State, Entry]]) -> bool:
    if len(said) < 2:
        return False
    presence, dialog = said["presence"][0], said["dialog"][0]
    return (dialog in _BUSY and presence in _IDLE) or (presence in _BUSY and dialog in _IDLE)


def _clash(key: tuple[str, str], said: dict[str, tuple[State, Entry]]) -> Finding:
    presence, dialog = said["presence"], said["dialog"]
    later = max(presence[1], dialog[1], key=lambda each: each.number)
    return on(
        later,
        0,
        "presence-contradiction",
        f"Two packages disagree about {shown(key[1])}",
        "medium",
        f"presence says {presence[0].value} (message {presence[1].number}), dialog says {dialog[0].value} (message "
        f"{dialog[1].number}), for more than {_SETTLED:.0f} s",
        fix("presence-contradiction", vendor_of(later)),
        "a NOTIFY that this capture missed brings them together",
    )


CHECKS = (flapping, refused, contradiction)
