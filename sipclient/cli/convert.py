"""`sipclient convert IN OUT`."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from sipclient.cli.hep_listener import SCHEME, HepListener
from sipclient.errors import InvalidValue, TraceError
from sipclient.trace import Record, Scan
from sipclient.trace.record import counted
from sipclient.trace.redact import redacted
from sipclient.trace.writing import ENDINGS, SHARED, WRITERS, write

_PATIENCE = 10  # seconds for the first byte out of a pipe
_LARGE = 8 << 20  # bytes of a file from which its reading shows how far it is


def convert(
    trace: Annotated[
        str, typer.Argument(metavar="IN", help="A trace in any form; - reads standard input, hep:ADDRESS:PORT listens.")
    ],
    out: Annotated[str, typer.Argument(metavar="OUT", help="What to write; - is standard output.")],
    to: Annotated[
        str, typer.Option("--to", metavar="FORM", help=f"{', '.join(WRITERS)}; default: by OUT's name.")
    ] = "",
    redact: Annotated[
        bool | None,
        typer.Option(
            "--redact/--no-redact", help="Replace numbers, names, addresses and secrets; mermaid does so anyway."
        ),
    ] = None,
) -> None:
    """Read a trace, write it in another form, say what was read."""
    form = form_of(out, to)
    if out != "-" and trace != "-" and os.path.exists(out) and os.path.exists(trace) and os.path.samefile(trace, out):
        raise InvalidValue(f"{out} is the trace itself: write to another file")
    scan: Scan | HepListener
    bar: AbstractContextManager[object]
    scan, bar = _heard(trace) if trace.startswith(SCHEME) else scanned(trace)
    hide = form in SHARED if redact is None else redact
    count = _Count()
    with bar:
        records: Iterable[Record] = count.through(scan)
        pieces = write(redacted(list(records)) if hide else records, form)
        _save(pieces, out)
    words = [f"{scan.form}, {counted(count.messages, 'message')}"]
    words += [f"{count.repaired} repaired"] if count.repaired else []
    print(f"{', '.join(words)}; written as {form}{', redacted' if hide else ''}", file=sys.stderr)
    for note in scan.notes:
        print(f"note: {note}", file=sys.stderr)


def _heard(where: str) -> tuple[HepListener, AbstractContextManager[object]]:
    """What agents send from now on, until Ctrl-C."""
    listener = HepListener(where)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: listener.stop())
    print(f"listening for HEP on UDP port {listener.port}, until Ctrl-C", file=sys.stderr, flush=True)
    return listener, nullcontext()


def form_of(out: str, to: str) -> str:
    """The form to write: as said, else by the name of the file. Raises InvalidValue where neither tells it."""
    form = to or ENDINGS.get(Path(out).suffix.lower(), "")
    if to and form not in WRITERS:
        raise InvalidValue(f"--to {to}: there are {', '.join(WRITERS)}")
    if not form:
        raise InvalidValue(f"the name {out} does not tell its form: end it in {', '.join(ENDINGS)}, or say --to")
    return form


class _Count:
    """Counts records as they pass."""

    def __init__(self) -> None:
        self.messages = self.repaired = 0

    def through(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self.messages += 1
            self.repaired += record.repaired
            yield record


def scanned(trace: str) -> tuple[Scan, Progress]:
    """A trace to be read, and a bar that shows how far it is where it is large and somebody looks on."""
    bar = Progress(
        TextColumn("reading"), BarColumn(), DownloadColumn(), console=Console(stderr=True), transient=True,
        disable=not sys.stderr.isatty(),
    )  # fmt: skip
    task = bar.add_task("reading", visible=False)

    def progress(done: int, size: int) -> None:
        bar.update(task, completed=done, total=size, visible=size > _LARGE)

    given: str | io.BufferedReader = trace
    if trace == "-":
        given = _standard_input()
    elif Path(trace).is_fifo():
        given = _pipe(trace)
    return Scan(given, progress), bar


def _pipe(trace: str) -> io.BufferedReader:
    """A pipe in which there is something: waited for, but not for ever."""
    pipe = open(trace, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK))  # noqa: SIM115 - Scan's
    if not select.select([pipe], [], [], _PATIENCE)[0]:
        pipe.close()
        raise TraceError(f"{trace} is a pipe into which nobody has written for {_PATIENCE} seconds")
    os.set_blocking(pipe.fileno(), True)
    return pipe


def _standard_input() -> io.BufferedReader:
    stream = sys.stdin.buffer
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[arg-type]


def _save(pieces: Iterator[bytes], out: str) -> None:
    """Write a file as a whole or not at all."""
    first = next(pieces, b"")  # what cannot be read is found out before anything is written
    if out == "-":
        sys.stdout.buffer.write(first)
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(first)
            file.writelines(pieces)
        part.replace(path)
    except OSError as error:
        raise TraceError(f"{out} cannot be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        part.unlink(missing_ok=True)
