"""What survives a crash: jobs and the last known states of extensions."""

from sipclient.errors import StoreError
from sipclient.store.base import UNFINISHED, ExtensionRecord, JobRecord, JobState, Store
from sipclient.store.opening import open_store

__all__ = ["UNFINISHED", "ExtensionRecord", "JobRecord", "JobState", "Store", "StoreError", "open_store"]
