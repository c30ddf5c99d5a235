"""The entry point: what becomes of a command's errors."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from sipclient import __version__
from sipclient.errors import CallFailed, RegistrationFailed, SipError, Unreachable, WatchFailed

FAILED = 1
WRONG = 2
INTERRUPTED = 130
_AT_THE_PBX = (CallFailed, WatchFailed, RegistrationFailed, Unreachable)  # asked for rightly, and refused


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 it failed or a finding stands, 2 wrong use or bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:  # scripts ask it often, and need nothing else
        print(f"sipclient {__version__}")
        sys.exit(0)
    if "run" in given:  # its file has not been read yet, so there is nothing to read again
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        import_module("sipclient.cli.app").build(given)(args=given, prog_name="sipclient")
    except _AT_THE_PBX as error:
        _complain(error)
        sys.exit(FAILED)
    except SipError as error:
        _complain(error)
        sys.exit(WRONG)
    except KeyboardInterrupt:  # while it was still being loaded: the commands know what to do about it
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read what we print has read enough (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    sys.exit(0)


def _complain(error: SipError) -> None:
    print(f"sipclient: {error}", file=sys.stderr)
