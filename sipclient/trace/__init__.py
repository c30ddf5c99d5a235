"""What was captured: traces of any form read to messages."""

from __future__ import annotations

from sipclient.errors import TraceError
from sipclient.trace.reading import Scan, read
from sipclient.trace.record import NOWHERE, Address, Clock, Direction, MediaStream, Record, Trace
from sipclient.trace.redact import redacted
from sipclient.trace.replaying.outcome import Difference, Line, Replay, Summary
from sipclient.trace.replaying.play import replay
from sipclient.trace.writing import write

__all__ = [
    "NOWHERE",
    "Address",
    "Clock",
    "Difference",
    "Direction",
    "Line",
    "MediaStream",
    "Record",
    "Replay",
    "Scan",
    "Summary",
    "Trace",
    "TraceError",
    "read",
    "redacted",
    "replay",
    "write",
]
