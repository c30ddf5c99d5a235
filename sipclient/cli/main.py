"""The entry point: what becomes of a command's errors."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from sipclient import __version__
from sipclient.cli.output import OutputLost, standard_streams
from sipclient.errors import CallFailed, RegistrationFailed, SipError, Unreachable, WatchFailed

FAILED = 1
WRONG = 2
INTERRUPTED = 130
LONGEST = 1000  # characters of a complaint
_AT_THE_PBX = (CallFailed, WatchFailed, RegistrationFailed, Unreachable)  # asked for rightly, and refused


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 it failed or a finding stands, 2 wrong use or bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "run" in given:  # its file has not been read yet, so there is nothing to read again
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with standard_streams() as output:
        status = _status(given)
        output.on_lost = lambda: None
        output.flush()
        if output.lost is not None:
            status = FAILED
            if output.complaint:
                _complain(output.complaint)
    sys.exit(status)


def _status(given: list[str]) -> int:
    try:
        if given == ["--version"]:  # scripts ask it often, and need nothing else
            print(f"sipclient {__version__}")
            return 0
        status: int = import_module("sipclient.cli.app").run(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OutputLost:
        return FAILED
    except SipError as error:
        _complain(str(error))
        return FAILED if isinstance(error, _AT_THE_PBX) else WRONG
    except OSError as error:  # the machine is short of something: files, memory, room on a disk
        _complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
        return FAILED
    return status


def _complain(text: str) -> None:
    # Arguments are mostly UTF-8 even where the locale does not say so (LANG=C).
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    visible = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    print(f"sipclient: {visible if len(visible) <= LONGEST else f'{visible[:LONGEST]}...'}", file=sys.stderr)
