"""The event packages read here, and what to Accept for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# By package, the types of its bodies. The first is what the RFC of the package makes mandatory, and stands
# first because some notifiers (Asterisk) take the first one they know.
PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "presence": ("application/pidf+xml", "application/cpim-pidf+xml", "application/xpidf+xml"),
    "dialog": ("application/dialog-info+xml",),
    "message-summary": ("application/simple-message-summary",),
}


def accept_for(package: str) -> str:
    """The value of Accept in a SUBSCRIBE to this package, empty for a package not read here.

    For presence it names PIDF alone: it says most, every notifier of today has it, and a shorter list
    leaves nobody a choice of a poorer one (xpidf cannot tell ringing from on the phone).
    """
    types = PACKAGES.get(package, ())
    return types[0] if types else ""
