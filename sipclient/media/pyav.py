"""PyAV where it is installed: it comes with the extra `media`, and is loaded by the first thing that needs it."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from sipclient.errors import MediaError


def installed() -> bool:
    """Whether it is there; asking does not load it."""
    return find_spec("av") is not None


def loaded() -> bool:
    """Whether something has loaded it already."""
    return "av" in sys.modules


def needed(what: str) -> ModuleType:
    """PyAV, for what the user's words call `what`. Raises MediaError naming the extra."""
    try:
        return import_module("av")
    except ImportError as error:
        raise MediaError(f"{what} needs the extra: pip install 'sipclient[media]'") from error
