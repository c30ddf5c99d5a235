"""What was captured: traces of any form read to messages."""

from __future__ import annotations

from sipclient.errors import TraceError
from sipclient.trace.reading import Scan, read
from sipclient.trace.record import NOWHERE, Address, Clock, Direction, MediaStream, Record, Trace
from sipclient.trace.redact import redacted
from sipclient.trace.writing import write

__all__ = [
    "NOWHERE",
    "Address",
    "Clock",
    "Direction",
    "MediaStream",
    "Record",
    "Scan",
    "Trace",
    "TraceError",
    "read",
    "redacted",
    "write",
]
