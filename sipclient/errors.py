"""Every error the package raises on purpose, as one small tree.

The names are the users' words. Whoever catches `SipError` catches them all; each text is one sentence
that says what happened, where, and, if there is something to do, what.
"""

from __future__ import annotations


class SipError(Exception):
    """The root of the tree: catch this to catch everything sipclient raises on purpose."""

    @property
    def warnings(self) -> tuple[tuple[int, str], ...]:
        """What Warning headers say of it: a warn-code and words for each reason (RFC 3261 §20.43)."""
        return ((399, str(self)),)


class MalformedMessage(SipError):
    """Bytes that are not a SIP message, or a header that is not what its grammar says.

    `status` is the response code the sender deserves (400, 413, 414, 416, 420, 505 ...), `reason` says
    in words what is wrong. RFC 3261 §8.2, §16.3, §21.4.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class MalformedDescription(SipError):
    """Text that is not a session description. `line` counts from 1; 0 where no single line is to blame."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class MalformedBody(SipError):
    """A NOTIFY body that is not what its Content-Type says, or that is hostile."""


class InvalidValue(SipError, ValueError):
    """A value of the user's that must not reach the wire: CR, LF or NUL in it, a name that is no token,
    an address that is none. The text names the value's place and the character."""


class ConfigError(SipError):
    """One mistake in robot.toml: `key` and `line` (from 1; 0 when unknown) say where."""

    def __init__(self, message: str, *, file: str = "", line: int = 0, key: str = "") -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{message}")
        self.message = message
        self.file = file
        self.line = line
        self.key = key


class NotAllowed(SipError):
    """What `[dial]` does not let leave: a target that `allow` does not name. Nothing was sent."""


class DialLimitReached(NotAllowed):
    """What `[dial]` does not let leave now: its `calls_per_second` or `calls_at_once` is used up. Later it may."""


class Unreachable(SipError):
    """No address of the server answers: the text lists what was tried."""


class ListenFailed(SipError):
    """An address and port cannot be listened on: taken, forbidden, or not this machine's."""


class RegistrationFailed(SipError):
    """The PBX refused the registration for good (wrong password, unknown account)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"registration refused: {status} {reason}" if status else f"registration failed: {reason}")
        self.status = status
        self.reason = reason


class WatchFailed(SipError):
    """A watch that cannot be: an extension that is no address, or an event package the PBX refuses for all."""


class CallFailed(SipError):
    """A call that was not answered, or could not be placed.

    `status` is the final SIP status (0 if none came), `cause` the hangup cause by its FreeSWITCH name
    (`USER_BUSY`), `reason` the words of whoever refused.
    """

    def __init__(self, status: int, cause: str, reason: str = "") -> None:
        super().__init__(" ".join(part for part in (str(status or ""), cause, f"({reason})" if reason else "") if part))
        self.status = status
        self.cause = cause
        self.reason = reason


class BridgeFailed(CallFailed):
    """Two numbers that did not come to talk: `leg` is the one that was not reached, or hung up before (`a` or `b`)."""

    def __init__(self, leg: str, status: int, cause: str, reason: str = "") -> None:
        super().__init__(status, cause, reason)
        self.leg = leg

    def __str__(self) -> str:
        return f"{self.leg}: {super().__str__()}"


class StoreError(SipError):
    """The store cannot be opened or written: the text names its URL and the cause."""


class MediaError(SipError):
    """No RTP port is free, or a description cannot be answered with the media we have: `warnings` then has
    every reason on its own."""

    def __init__(self, message: str = "", warnings: tuple[tuple[int, str], ...] = ()) -> None:
        super().__init__(message)
        self._warnings = warnings

    @property
    def warnings(self) -> tuple[tuple[int, str], ...]:
        """Every reason with its warn-code, or the one there is."""
        return self._warnings or super().warnings


class TraceError(SipError):
    """A trace that cannot be read or written: empty, of no known form, cut before its first message. The text names
    the file and says what was found there."""


class LoneDescription(TraceError):
    """A session description alone, without the SIP message that carried it: `description` is its text."""

    def __init__(self, message: str, description: str) -> None:
        super().__init__(message)
        self.description = description


class CallbackRefused(SipError):
    """An extension that nobody can camp on: none that is watched, none that a rule serves, or too many do already."""
