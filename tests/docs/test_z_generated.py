"""The generated pages are what `make docs` would write now."""

from __future__ import annotations

import pytest
from docs.pages import ROOT

from docs.generate import GENERATED


@pytest.mark.parametrize("name", GENERATED)
def test_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == GENERATED[name](), "run `make docs`"
