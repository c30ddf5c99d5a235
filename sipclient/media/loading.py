"""What is behind the extra takes tenths of a second to load: a call that will need it waits, the others do not."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterable
from contextlib import suppress

OF_ICE = ("sipclient.media.ice",)
OF_DTLS = ("sipclient.media.dtls", "sipclient.media.certificate")
OF_SRTP = ("pylibsrtp", "sipclient.media.counter_mode")


async def load(names: Iterable[str]) -> None:
    """Import these modules in a thread, where they are not there yet. What cannot be had is told by who uses it."""
    missing = [name for name in names if not is_loaded(name)]
    if missing:
        await asyncio.to_thread(_load, missing)


def is_loaded(name: str) -> bool:
    """Whether a module is there, all of it: another thread may be half through, and who imports it now waits."""
    module = sys.modules.get(name)
    return module is not None and not getattr(module.__spec__, "_initializing", False)


def _load(names: Iterable[str]) -> None:
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)
