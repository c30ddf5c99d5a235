"""What the engine tells, in a sentence each."""

from __future__ import annotations

from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Calling,
    Event,
    ExtensionChanged,
    IncomingCall,
    MessageReceived,
    MessagesWaiting,
    OfferAnswered,
    OfferReceived,
    Redirected,
    Registered,
    RegistrationLost,
    Ringing,
    SubscribeReceived,
    SubscriptionEnded,
    Traced,
    TransferAsked,
    TransferProgress,
    WatchProblem,
)


def words_of(event: Event) -> str:
    """Empty for what is no news."""
    match event:
        case Registered():
            return f"{event.account} is registered{' again' if event.again else ''} for {event.expires:g} s"
        case RegistrationLost():
            return f"{event.account} is not registered: {_why(event.status, event.reason)}"
        case ExtensionChanged():
            return _change(event)
        case WatchProblem():
            return f"{event.extension}: no {event.package}: {_why(event.status, event.reason)}"
        case SubscriptionEnded():
            return f"subscription {event.id} ended: {_why(event.status, event.reason)}"
        case MessagesWaiting():
            return f"{event.account}: {event.summary.new} new and {event.summary.old} old voice messages"
        case MessageReceived():
            return f"{event.account} received a message"
        case IncomingCall():
            return f"call {event.id} comes in for {event.account} from {_raw(event.request.headers.get('From'))}"
        case SubscribeReceived():
            return f"somebody subscribes to {event.package} of {event.account}"
        case Traced():
            return event.text
    return _call(event)


def _call(event: Event) -> str:
    match event:
        case Calling():
            return f"call {event.id} is placed"
        case Ringing():
            return f"call {event.id}: {event.status} {event.reason}"
        case Redirected():
            return f"call {event.id} is sent on to {', '.join(event.contacts)}"
        case Answered():
            return f"call {event.id} is answered"
        case OfferReceived():
            return f"call {event.id} is offered another description"
        case OfferAnswered():
            return f"call {event.id}: its offer is answered {event.status} {event.reason}"
        case TransferAsked():
            return f"call {event.id} is asked to call {event.to}"
        case TransferProgress():
            return f"call {event.id}: its transfer is at {event.status} {event.reason}"
        case CallEnded():
            why = f"{event.status} " if event.status else ""
            return f"call {event.id} ended: {why}{event.cause} ({event.by})"
    return ""


def _change(event: ExtensionChanged) -> str:
    episode = f", episode {event.episode} {_episode(event)}" if event.episode else ""
    return f"{event.extension}: {event.before} -> {event.after}{episode}{' (not seen whole)' if event.gap else ''}"


def _episode(event: ExtensionChanged) -> str:
    return "opens" if event.opened else "closes" if event.closed else "goes on"


def _why(status: int, reason: str) -> str:
    return f"{status} {reason}".strip() if status else reason


def _raw(value: str | None) -> str:
    return (value or "nobody").encode("utf-8", "backslashreplace").decode()
