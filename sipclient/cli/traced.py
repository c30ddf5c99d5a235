"""What the commands that look at a trace as a whole share."""

from __future__ import annotations

from typing import Annotated

import typer

from sipclient.cli.convert import scanned
from sipclient.trace import Trace
from sipclient.trace.story import gather

TraceFile = Annotated[str, typer.Argument(metavar="TRACE", help="A trace in any form; - reads standard input.")]


def gathered(path: str) -> Trace:
    """The trace of a file, of a usual size whole. Raises TraceError."""
    scan, bar = scanned(path)
    with bar:
        return gather(scan)
