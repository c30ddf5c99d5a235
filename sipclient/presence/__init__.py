"""What the body of a NOTIFY says: presence, dialogs, waiting messages. Pure: bytes in, values out.

`parse` reads one body; a `DialogTable` keeps the dialogs of one subscription over many; `merge` makes one
state of what the presence and the dialog package say of an extension.
"""

from __future__ import annotations

from sipclient.errors import MalformedBody
from sipclient.presence.body import parse
from sipclient.presence.dialogs import Applied, DialogTable
from sipclient.presence.packages import PACKAGES, accept_for
from sipclient.presence.state import State, merge
from sipclient.presence.values import DialogEntry, DialogInfo, MessageClass, MessageWaiting, Presence

__all__ = [
    "PACKAGES",
    "Applied",
    "DialogEntry",
    "DialogInfo",
    "DialogTable",
    "MalformedBody",
    "MessageClass",
    "MessageWaiting",
    "Presence",
    "State",
    "accept_for",
    "merge",
    "parse",
]
