"""The mark of a compiled class that ordinary Python may still derive from.

mypyc reads it when it compiles; at run time it does nothing, and needs no package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:

    def mypyc_attr(**_: bool):
        """Leave the class as it is."""
        return lambda marked: marked
