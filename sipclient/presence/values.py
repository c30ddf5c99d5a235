"""What a NOTIFY body says, as plain values."""

from __future__ import annotations

from typing import Final

import msgspec

from sipclient.presence.state import State

# In the order a dialog goes through them, some left out (RFC 4235 §3.7.1).
DIALOG_STATES: Final = ("trying", "proceeding", "early", "confirmed", "terminated")


class Presence(msgspec.Struct, frozen=True):
    """A presence document (RFC 3863 with RFC 4479 and 4480, or its elder relatives), and its verdict.

    `note` is the text that decided `state`, or else the first there is, at most 256 characters. `basic`
    is `open`, `closed`, another word of the notifier's, or empty. `activities` are in lower case without
    prefix (`on-the-phone`, `busy`, an xpidf `onthephone`), at most 32.
    """

    entity: str
    state: State
    note: str = ""
    basic: str = ""
    activities: tuple[str, ...] = ()


class DialogEntry(msgspec.Struct, frozen=True):
    """One dialog of the watched extension (RFC 4235 §4.1).

    `state` is `trying`, `proceeding`, `early`, `confirmed` or `terminated`, `event` what led there
    (`cancelled`, `rejected`, `replaced`, `local-bye`, `remote-bye`, `error`, `timeout`). `direction` is
    `initiator`, `recipient` or empty. `rendering` is False for a call on hold, None where nothing is said.
    What is absent is empty.
    """

    id: str
    state: str
    direction: str = ""
    local_uri: str = ""
    remote_uri: str = ""
    remote_display: str = ""
    rendering: bool | None = None
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""
    event: str = ""


class DialogInfo(msgspec.Struct, frozen=True):
    """A dialog-info document (RFC 4235 §4.1). `full`: it names every dialog there is, not just changes."""

    entity: str
    version: int
    full: bool
    dialogs: tuple[DialogEntry, ...] = ()


class MessageClass(msgspec.Struct, frozen=True):
    """The counts of one kind of message: `voice-message`, `fax-message`, ... (RFC 3458 §6.2)."""

    name: str
    new: int
    old: int
    urgent_new: int = 0
    urgent_old: int = 0


class MessageWaiting(msgspec.Struct, frozen=True):
    """A message summary (RFC 3842 §5.2).

    The counts are those of voice messages or, where the summary names no such class, of all classes.
    """

    account: str
    waiting: bool
    new: int = 0
    old: int = 0
    urgent_new: int = 0
    urgent_old: int = 0
    classes: tuple[MessageClass, ...] = ()
