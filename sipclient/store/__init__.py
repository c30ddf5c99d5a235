"""What survives a crash: jobs, the last known states of extensions, and who camps on them."""

from sipclient.errors import StoreError
from sipclient.store.answers import Answer, Answers
from sipclient.store.base import (
    UNFINISHED,
    CallbackRecord,
    CallbackState,
    ExtensionRecord,
    JobRecord,
    JobState,
    Store,
)
from sipclient.store.opening import open_store
from sipclient.store.outbox import Letter, Outbox, Unended

__all__ = [
    "UNFINISHED",
    "Answer",
    "Answers",
    "CallbackRecord",
    "CallbackState",
    "ExtensionRecord",
    "JobRecord",
    "JobState",
    "Letter",
    "Outbox",
    "Store",
    "StoreError",
    "Unended",
    "open_store",
]
