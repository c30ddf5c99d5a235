"""What survives a crash: jobs and the last known states of extensions."""

from sipclient.errors import StoreError
from sipclient.store.answers import Answer, Answers
from sipclient.store.base import UNFINISHED, ExtensionRecord, JobRecord, JobState, Store
from sipclient.store.opening import open_store
from sipclient.store.outbox import Letter, Outbox, Unended

__all__ = [
    "UNFINISHED",
    "Answer",
    "Answers",
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
