"""PyAV where it is installed: it comes with the extra `media`, and is loaded by the first thing that needs it, which
takes tenths of a second."""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from sipclient.errors import MediaError
from sipclient.media.loading import is_loaded

_NAME = "av"


def installed() -> bool:
    """Whether it is there; asking does not load it."""
    return find_spec(_NAME) is not None


def loaded() -> bool:
    """Whether it has been loaded."""
    return is_loaded(_NAME)


def at_hand() -> bool:
    """Whether it can be used now: it is installed, and no loop would have to wait for it. Where one would, it is
    loaded beside that, for the next who asks."""
    if loaded():
        return True
    if not installed():
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    threading.Thread(target=import_module, args=(_NAME,), name="loading PyAV", daemon=True).start()
    return False


def required(what: str) -> None:
    """Raises MediaError naming the extra where it is not installed, for what the user's words call `what`."""
    if not installed():
        raise _missing(what)


def needed(what: str) -> ModuleType:
    """PyAV, for what the user's words call `what`. Raises MediaError naming the extra."""
    try:
        return import_module(_NAME)
    except ImportError as error:
        raise _missing(what) from error


def _missing(what: str) -> MediaError:
    return MediaError(f"{what} needs the extra: pip install 'sipclient[media]'")
